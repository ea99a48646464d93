"""What pods read: it must be there, and nothing of it may be secret here."""

import re
from collections.abc import Iterator

from tests.support.manifests import KUSTOMIZE, Manifests, Object, Pod, Rule

_SECRET_ROW = re.compile(r"^\| `(tallystick-[a-z-]+)` \| ([^|]+) \|", re.MULTILINE)
_HASH = re.compile(r"-[a-z0-9]{10}$")


def in_one_namespace(manifests: Manifests) -> list[str]:
    """An object lands in `default`, or wherever kubectl points just then, where nobody finds it."""
    return [
        f"{each['kind']} {each['metadata']['name']}"
        for each in manifests.objects
        if each["kind"] != "Namespace" and each["metadata"].get("namespace") != "tallystick"
    ]


def references_exist(manifests: Manifests) -> list[str]:
    """The pod hangs in ContainerCreating: what it mounts or reads is not there, or has no such key."""
    configuration = {each["metadata"]["name"]: set(each.get("data", {})) for each in manifests.of("ConfigMap")}
    known = secret_keys(manifests)
    found = []
    for pod in manifests.pods():
        for kind, name, keys in referenced(pod):
            there = configuration if kind == "ConfigMap" else known
            if name not in there or not keys <= there[name]:
                found.append(f"{pod.name}: {kind} {name} {sorted(keys)}")
    for each in manifests.of("Ingress"):
        found += [
            f"Ingress: {tls['secretName']}" for tls in each["spec"].get("tls", []) if tls["secretName"] not in known
        ]
    return found


def settings_roll_pods(manifests: Manifests) -> list[str]:
    """A changed setting reaches no pod until somebody restarts it; or a Job that reads it cannot be applied again."""
    found = []
    for pod in manifests.pods():
        names = [name for kind, name, _ in referenced(pod) if kind == "ConfigMap"]
        is_job = pod.owner["kind"] == "Job"
        found += [f"{pod.name}: {name}" for name in names if is_job or not _HASH.search(name)]
    return found


def nothing_secret(manifests: Manifests) -> list[str]:
    """A secret in Git is everybody's; one in the environment is inherited, dumped, and fixed until a restart."""
    found = [f"Secret {each['metadata']['name']}" for each in manifests.of("Secret")]
    secret = re.compile(r"DSN|PASSWORD|SECRET|KEY$|_TOKEN$|REDIS_URL|CALLERS")
    named = [(c["name"], entry) for pod in manifests.pods() for c in pod.containers for entry in c.get("env", [])]
    for name, entry in named:
        if "secretKeyRef" in entry.get("valueFrom", {}) or (
            secret.search(entry["name"]) and not entry["name"].endswith("_FILE")
        ):
            found.append(f"{name}: {entry['name']}")
    texts = [text for each in manifests.of("ConfigMap") for text in each.get("data", {}).items()]
    found += [key for key, _ in texts if secret.search(key) and not key.endswith("_FILE")]
    return found + [key for key, text in texts if re.search(r"://[^/\s]*:[^/\s]*@|ts[aorsv]_\w{20}", text)]


def files_are_mounted(manifests: Manifests) -> list[str]:
    """The start stops with `cannot read …`: a setting names a file that no volume brings."""
    found = []
    for pod in manifests.pods():
        for container in pod.containers:
            there = mounted_files(manifests, pod, container)
            named = [each for each in manifests.variables(container).items() if each[0].endswith("_FILE")]
            named += [("command", word.partition("=")[2]) for word in container.get("command", []) if "=/" in word]
            found += [f"{pod.name} {container['name']}: {name} {path}" for name, path in named if path not in there]
    return found


def mounts_are_folders(manifests: Manifests) -> list[str]:
    """A single mounted file never changes, so a renewed certificate is never seen; or everybody may read a key."""
    found = []
    for pod in manifests.pods():
        mounts = [mount for c in pod.containers for mount in c.get("volumeMounts", [])]
        found += [f"{pod.name}: {mount['mountPath']}" for mount in mounts if "subPath" in mount]
        for volume in pod.spec.get("volumes", []):
            source = volume.get("secret") or volume.get("projected")
            readers = {mount.get("readOnly") for mount in mounts if mount["name"] == volume["name"]}
            if source and (source.get("defaultMode") != 0o440 or readers != {True}):
                found.append(f"{pod.name}: {volume['name']}")
    return found


def documented_secrets() -> dict[str, set[str]]:
    """Return the Secrets that somebody has to bring, and their keys, by the one list of them."""
    rows = _SECRET_ROW.findall((KUSTOMIZE / "README.md").read_text())
    return {name: set(re.findall(r"`([^`]+)`", keys)) for name, keys in rows}


def secret_keys(manifests: Manifests) -> dict[str, set[str]]:
    """Return the Secrets that there will be: documented ones, and those that are made of what is applied."""
    known = documented_secrets()
    for each in manifests.of("Certificate"):
        known[each["spec"]["secretName"]] = {"tls.crt", "tls.key", "ca.crt"}
    for each in manifests.of("ExternalSecret"):
        known[each["spec"]["target"]["name"]] = {entry["secretKey"] for entry in each["spec"]["data"]}
    return known


def volume_sources(volume: Object) -> list[tuple[str, str, list[Object]]]:
    """Return kind, name and items of what a volume brings."""
    found = []
    for source in volume.get("projected", {}).get("sources", [volume]):
        if "secret" in source:
            body = source["secret"]
            found.append(("Secret", body.get("name") or body["secretName"], body.get("items", [])))
        if "configMap" in source:
            found.append(("ConfigMap", source["configMap"]["name"], source["configMap"].get("items", [])))
    return found


def referenced(pod: Pod) -> Iterator[tuple[str, str, set[str]]]:
    """Yield kind, name and keys of every Secret and ConfigMap that a pod reads."""
    for volume in pod.spec.get("volumes", []):
        for kind, name, items in volume_sources(volume):
            yield kind, name, {item["key"] for item in items}
    for container in pod.containers:
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"], set()


def mounted_files(manifests: Manifests, pod: Pod, container: Object) -> set[str]:
    """Return the paths of all files that volumes bring to a container."""
    known = secret_keys(manifests)
    files = set()
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        for kind, name, items in volume_sources(volumes.get(mount["name"], {})):
            keys = known.get(name, set()) if kind == "Secret" else set()
            paths = {item["path"] for item in items if item["key"] in keys} if items else keys
            files |= {f"{mount['mountPath']}/{path}" for path in paths}
    return files


RULES: tuple[Rule, ...] = (
    in_one_namespace,
    references_exist,
    settings_roll_pods,
    nothing_secret,
    files_are_mounted,
    mounts_are_folders,
)
