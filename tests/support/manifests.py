"""The Kubernetes objects that `deploy/kustomize` renders to."""

import copy
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from tests.support.environment import ROOT

KUSTOMIZE = ROOT / "deploy" / "kustomize"
SERVICES = ("authorize", "token", "introspect")
COMPONENTS = tuple(sorted(path.parent.name for path in KUSTOMIZE.glob("components/*/kustomization.yaml")))
WHOLE = ("base", "overlays/dev", "overlays/production")
GITOPS = tuple(sorted(f"gitops/{path.parent.name}" for path in KUSTOMIZE.glob("gitops/*/kustomization.yaml")))
SYSTEMS = (*WHOLE, *(f"base+{name}" for name in COMPONENTS))
"""Renderings in which the three services are; `base+X` is the base with one component."""
RENDERINGS = (*SYSTEMS, *GITOPS)

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pod:
    """What a workload makes pods of."""

    owner: Object
    labels: Mapping[str, str]
    spec: Object

    @property
    def name(self) -> str:
        """The workload's name."""
        return str(self.owner["metadata"]["name"])

    @property
    def containers(self) -> list[Object]:
        """Its containers, those that run before the others too."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def matches(self, selector: Mapping[str, str]) -> bool:
        """Tell whether equality-based labels select it; an empty selector selects nothing here."""
        return bool(selector) and selector.items() <= self.labels.items()


@dataclass(frozen=True, slots=True)
class Manifests:
    """The objects of one rendering."""

    name: str
    objects: list[Object]

    def of(self, *kinds: str) -> list[Object]:
        """Return the objects of some kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object | None:
        """Return one object, or None."""
        return next((each for each in self.of(kind) if each["metadata"]["name"] == name), None)

    def pods(self) -> Iterator[Pod]:
        """Yield every workload's pod."""
        for each in self.of("Deployment", "StatefulSet", "Job"):
            template = each["spec"]["template"]
            yield Pod(each, template["metadata"].get("labels", {}), template["spec"])

    def services(self) -> list[Pod]:
        """Return the pods of the three services."""
        wanted = {f"tallystick-{name}" for name in SERVICES}
        return [pod for pod in self.pods() if pod.name in wanted]

    def variables(self, container: Object) -> dict[str, str]:
        """Return a container's environment, as far as it stands here."""
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            config = self.named("ConfigMap", source["configMapRef"]["name"])
            found |= config["data"] if config else {}
        return found | {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}

    def changed(self) -> "Manifests":
        """Return a copy that can be changed."""
        return Manifests(f"{self.name}, changed", copy.deepcopy(self.objects))


Rule = Callable[[Manifests], list[str]]
"""Returns what breaks it."""


@cache
def rendered(name: str) -> Manifests:
    """Render an overlay, or the base with a component."""
    return Manifests(name, [each for each in yaml.load_all(rendered_text(name), Loader=yaml.CSafeLoader) if each])


@cache
def rendered_text(name: str) -> str:
    """Return the text of a rendering."""
    base, _, component = name.partition("+")
    if not component:
        return kustomized(KUSTOMIZE / base)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        resource, part = (relpath(KUSTOMIZE / each, folder) for each in (base, f"components/{component}"))
        (folder / "kustomization.yaml").write_text(f"resources: [{resource}]\ncomponents: [{part}]\n")
        return kustomized(folder)


def kustomized(folder: Path) -> str:
    """Return what `kubectl kustomize` makes of a folder."""
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{folder}: {done.stderr}"
    assert not done.stderr, f"{folder}: {done.stderr}"
    return done.stdout
