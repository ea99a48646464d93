"""What a pod may do, and how it begins and ends."""

import re

from tests.support.manifests import Manifests, Object, Rule

_MARGIN_SECONDS = 10
# Balancers' time to notice, before requests in flight are waited for.
_NOTICE_SECONDS = 1


def unprivileged(manifests: Manifests) -> list[str]:
    """Pod Security `restricted` would refuse the pod, and whoever breaks in could change files or gain rights."""
    found = []
    for pod in manifests.pods():
        context = pod.spec.get("securityContext", {})
        if not context.get("runAsNonRoot") or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            found.append(f"{pod.name}: may run as root, or without seccomp")
        if pod.name != "tallystick-postgres" and (context.get("runAsUser"), context.get("fsGroup")) != (65532, 65532):
            found.append(f"{pod.name}: does not run as 65532, whom Secrets are readable for")
        wanted = {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        found += [f"{pod.name}: {c['name']}" for c in pod.containers if c.get("securityContext") != wanted]
    return found


def restricted_namespace(manifests: Manifests) -> list[str]:
    """Somebody could start a privileged pod beside the keys."""
    labels = [each["metadata"].get("labels", {}) for each in manifests.of("Namespace")]
    modes = [f"pod-security.kubernetes.io/{mode}" for mode in ("enforce", "audit", "warn")]
    return [mode for mode in modes if [each.get(mode) for each in labels] != ["restricted"]]


def no_rights_in_the_cluster(manifests: Manifests) -> list[str]:
    """A token of the cluster's API would lie in every pod, and settings would come from whatever Services there are."""
    accounts = {each["metadata"]["name"]: each for each in manifests.of("ServiceAccount")}
    found = []
    for pod in manifests.pods():
        account = accounts.get(pod.spec.get("serviceAccountName", ""))
        if account is None or account.get("automountServiceAccountToken") is not False:
            found.append(f"{pod.name}: has no account of its own that mounts no token")
        if pod.spec.get("automountServiceAccountToken") is not False or pod.spec.get("enableServiceLinks") is not False:
            found.append(f"{pod.name}: mounts a token, or has a variable for each Service")
    return found


def probed(manifests: Manifests) -> list[str]:
    """A pod that starts, drains or hangs would be sent requests; or one slow store would restart all of them."""
    found = []
    for pod in manifests.services():
        [container] = pod.spec["containers"]
        health = container_port(container, "health")
        for probe, service in (
            ("startupProbe", "liveness"),
            ("livenessProbe", "liveness"),
            ("readinessProbe", "readiness"),
        ):
            if container.get(probe, {}).get("grpc") != {"port": health, "service": service}:
                found.append(f"{pod.name}: {probe} does not ask {service} at the health port")
    lasting = (pod for pod in manifests.pods() if pod.owner["kind"] != "Job")
    return found + [
        f"{pod.name}: has no readiness" for pod in lasting for c in pod.spec["containers"] if "readinessProbe" not in c
    ]


def drained(manifests: Manifests) -> list[str]:
    """Requests in flight would be cut off at every rollout: SIGKILL comes before the drain is over."""
    found = []
    for pod in manifests.services():
        [container] = pod.spec["containers"]
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain = float(manifests.variables(container).get("TALLYSTICK_DRAIN_SECONDS") or 0)
        needed = pause + _NOTICE_SECONDS + drain + _MARGIN_SECONDS
        if pause < 5 or drain < 10 or pod.spec.get("terminationGracePeriodSeconds", 30) < needed:
            found.append(f"{pod.name}: {pause} s + {drain} s do not fit")
        if pod.owner["spec"]["strategy"].get("rollingUpdate", {}).get("maxUnavailable") != 0:
            found.append(f"{pod.name}: a rollout takes pods away before others are ready")
    return found


def bounded(manifests: Manifests) -> list[str]:
    """Nothing is placed or scaled well, a leak takes the node with it, or a CPU limit stops a service for a moment."""
    found = []
    for pod in manifests.pods():
        for container in pod.containers:
            resources = container.get("resources", {})
            if set(resources.get("requests", {})) != {"cpu", "memory"} or set(resources.get("limits", {})) != {
                "memory"
            }:
                found.append(f"{pod.name}: {container['name']}")
    return found


def schema_is_waited_for(manifests: Manifests) -> list[str]:
    """Pods that are applied before the migration restart until it is done, and a rollout is given up."""
    wanted = [["tallystick", "migrate", "--wait"]]
    return [
        pod.name for pod in manifests.services() if [c["command"] for c in pod.spec.get("initContainers", [])] != wanted
    ]


def migration_can_be_repeated(manifests: Manifests) -> list[str]:
    """The next version cannot be applied: a Job is immutable, and in another wave it waits for who waits for it."""
    job = manifests.named("Job", "tallystick-migrate")
    wanted = {
        "argocd.argoproj.io/hook": "Sync",
        "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation",
        "argocd.argoproj.io/sync-wave": "0",
        "kustomize.toolkit.fluxcd.io/force": "enabled",
    }
    if job is None:
        return ["no Job"]
    found = [] if job["metadata"].get("annotations") == wanted else ["annotations"]
    return found + ([] if job["spec"].get("ttlSecondsAfterFinished", 0) >= 3600 else ["is gone too soon"])


def one_image(manifests: Manifests) -> list[str]:
    """Services of two versions, or of whatever a tag means on that day, would run side by side."""
    ours = {
        c["image"]
        for pod in manifests.pods()
        for c in pod.containers
        if c.get("command", [""])[0] in {"tallystick", "python"}
    }
    found = [] if len(ours) == 1 else [f"{len(ours)} images"]
    if manifests.name.startswith("overlays/production"):
        images = {c["image"] for pod in manifests.pods() for c in pod.containers}
        found += [each for each in images if not re.search(r"@sha256:[0-9a-f]{64}$", each)]
    return found


def container_port(container: Object, name: str) -> int | None:
    """Return the number of a container's port."""
    return next((port["containerPort"] for port in container.get("ports", []) if port["name"] == name), None)


RULES: tuple[Rule, ...] = (
    unprivileged,
    restricted_namespace,
    no_rights_in_the_cluster,
    probed,
    drained,
    bounded,
    schema_is_waited_for,
    migration_can_be_repeated,
    one_image,
)
