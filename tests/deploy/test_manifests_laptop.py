"""The development overlay has room on a laptop: what its pods ask for is there, while they are replaced too."""

import pytest

from tests.support.manifests import Manifests, Pod, rendered

pytestmark = pytest.mark.needs("kubectl")

# minikube begins with two, of which Kubernetes and its network plug-in take almost one.
CORES = 1.0


def cores(pod: Pod) -> float:
    """Return how much of a processor a pod asks for: its containers together, or the largest that runs before."""
    asked = {id(each): cores_of(each["resources"]["requests"]["cpu"]) for each in pod.containers}
    together = sum(asked[id(each)] for each in pod.spec["containers"])
    return max(together, *asked.values())


def cores_of(quantity: str) -> float:
    """Read a quantity of Kubernetes: `50m` is a twentieth of a processor."""
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def asked_for(manifests: Manifests) -> float:
    """Return what all pods ask for while each Deployment has one more than it keeps, as during an update."""
    return sum(
        cores(pod) * (pod.owner["spec"].get("replicas", 1) + (pod.owner["kind"] == "Deployment"))
        for pod in manifests.pods()
    )


def test_everything_is_scheduled_and_can_be_rolled() -> None:
    """Otherwise pods stay Pending, those of an update first, and it waits for ever."""
    assert asked_for(rendered("overlays/dev")) <= CORES


def test_the_base_asks_for_more() -> None:
    """So somebody has to say less for a laptop: this would notice."""
    assert asked_for(rendered("base")) > CORES
