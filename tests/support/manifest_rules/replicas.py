"""How many replicas there are, and what takes them away."""

from services.authorize.settings import AuthorizeSettings
from services.introspect.settings import IntrospectSettings
from services.token.settings import TokenSettings
from tests.support.manifests import Manifests, Object, Rule

_SIZE = "TALLYSTICK_POSTGRES_POOL_SIZE"
_POOL = {
    f"tallystick-{each.service}": int(each.model_fields["postgres_pool_size"].default)
    for each in (AuthorizeSettings, TokenSettings, IntrospectSettings)
}
# The one that follows the log, and token's for partitions.
_BESIDE = {"tallystick-authorize": 1, "tallystick-token": 2, "tallystick-introspect": 1}
# For superusers, the migration, the engine's own and whoever looks after it.
_RESERVED = 50


def spread(manifests: Manifests) -> list[str]:
    """One node, or one zone, takes all replicas with it."""
    found = []
    for pod in manifests.services():
        keys = set()
        for each in pod.spec.get("topologySpreadConstraints", []):
            if pod.matches(each["labelSelector"]["matchLabels"]) and each.get("matchLabelKeys") == [
                "pod-template-hash"
            ]:
                keys.add((each["topologyKey"], each["whenUnsatisfiable"]))
        wanted = {(key, "ScheduleAnyway") for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")}
        found += [f"{pod.name}: {keys}"] if keys != wanted else []
    return found


def budgeted(manifests: Manifests) -> list[str]:
    """Draining a node evicts all replicas of a service at once, or never ends as an ill pod may not go."""
    found = []
    budgets = [each["spec"] for each in manifests.of("PodDisruptionBudget")]
    for pod in manifests.pods():
        if pod.owner["kind"] != "Deployment" or pod.owner["spec"].get("replicas") == 1:
            continue
        mine = [each for each in budgets if pod.matches(each["selector"]["matchLabels"])]
        if [(each.get("maxUnavailable"), each.get("unhealthyPodEvictionPolicy")) for each in mine] != [
            (1, "AlwaysAllow")
        ]:
            found.append(pod.name)
    return found


def one_master_of_replicas(manifests: Manifests) -> list[str]:
    """With two (replicas in Git, an autoscaler, KEDA's) pods come and go for ever; with none there is one replica."""
    found = []
    for pod in manifests.pods():
        if pod.owner["kind"] != "Deployment":
            continue
        masters = [each for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject") if target(each) == pod.name]
        number = len(masters) + ("replicas" in pod.owner["spec"])
        found += [f"{pod.name}: {number} masters"] if number != 1 else []
    return found


def token_scales_by_itself(manifests: Manifests) -> list[str]:
    """A wave of refreshes finds too few replicas for minutes, and the next one as well."""
    found = []
    for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        spec = each["spec"]
        if target(each) != "tallystick-token":
            continue
        advanced = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
        behavior = spec.get("behavior") or advanced.get("behavior", {})
        up, down = behavior.get("scaleUp", {}), behavior.get("scaleDown", {})
        if {"type": "Percent", "value": 100, "periodSeconds": 15} not in up.get("policies", []):
            found.append("does not double in 15 s")
        if down.get("stabilizationWindowSeconds") != 300 or {
            "type": "Percent",
            "value": 20,
            "periodSeconds": 60,
        } not in down.get("policies", []):
            found.append("does not shrink slowly")
        if (spec.get("minReplicas") or spec.get("minReplicaCount", 0)) < 3:
            found.append("begins with fewer than 3")
    return found


def autoscalers_find_their_target(manifests: Manifests) -> list[str]:
    """An autoscaler of nothing, or of a container that is not there, never scales."""
    containers = {pod.name: {c["name"] for c in pod.spec["containers"]} for pod in manifests.pods()}
    found = [
        f"no {target(each)}"
        for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject")
        if target(each) not in containers
    ]
    for each in manifests.of("HorizontalPodAutoscaler"):
        for metric in each["spec"]["metrics"]:
            name = metric.get("containerResource", {}).get("container")
            found += [f"{target(each)}: no container {name}"] if name not in containers.get(target(each), ()) else []
    for each in manifests.of("ScaledObject"):
        names = [trigger["metadata"].get("containerName") for trigger in each["spec"]["triggers"]]
        found += [f"no container {name}" for name in names if name and name not in containers.get(target(each), ())]
    return found


def postgres_has_connections_for_all(manifests: Manifests) -> list[str]:
    """At its upper end a service finds no connection, and so do new pods of the others: 503 when it is needed most."""
    clusters = [each for each in manifests.of("Cluster") if each["apiVersion"].startswith("postgresql.cnpg.io/")]
    if not clusters or manifests.named("Deployment", "tallystick-pgbouncer"):
        return []
    pools = {}
    for pod in manifests.services():
        [container] = pod.spec["containers"]
        pools[pod.name] = int(manifests.variables(container).get(_SIZE, _POOL[pod.name])) + _BESIDE[pod.name]
    most = {
        target(each): int(each["spec"].get("maxReplicas") or each["spec"]["maxReplicaCount"])
        for each in manifests.of("HorizontalPodAutoscaler", "ScaledObject")
    }
    wanted = sum(number * pools[name] for name, number in most.items()) + _RESERVED
    offered = int(clusters[0]["spec"]["postgresql"].get("parameters", {}).get("max_connections", 100))
    return [f"{wanted} connections, of {offered}"] if wanted > offered else []


def target(autoscaler: Object) -> str:
    """Return what an autoscaler scales."""
    return str(autoscaler["spec"]["scaleTargetRef"]["name"])


RULES: tuple[Rule, ...] = (
    spread,
    budgeted,
    one_master_of_replicas,
    token_scales_by_itself,
    autoscalers_find_their_target,
    postgres_has_connections_for_all,
)
