"""The compose file: the whole system from the image, in containers that can change nothing."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.compose import ComposedSystem, composed_system
from tests.support.flow import introspect, redeem, refresh, revoke, sign_in_and_approve

pytestmark = [pytest.mark.long, pytest.mark.needs("engine", "compose"), pytest.mark.timeout(900)]

SERVICES = ("authorize", "token", "introspect")


@pytest.fixture(scope="module")
def system(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedSystem]:
    """The system, up."""
    with composed_system(image, tmp_path_factory.mktemp("compose")) as system:
        yield system


def test_one_request_end_to_end(system: ComposedSystem) -> None:
    """Sign-in, consent, code, tokens, refresh, introspection and revocation go through it (promise 3)."""
    operator = system.operator()
    api, _, scope = operator.create_resource_server()
    user = operator.create_user()
    client = operator.create_client(scopes=[scope])

    answer = redeem(system, sign_in_and_approve(system, client, user))
    assert answer.status_code == httpx.codes.OK, answer.text
    refreshed = refresh(system, client, answer.json()["refresh_token"]).json()
    assert introspect(system, api, refreshed["access_token"])["active"] is True
    assert revoke(system, client, refreshed["refresh_token"]).status_code == httpx.codes.OK
    assert introspect(system, api, refreshed["access_token"]) == {"active": False}


def test_the_operator_is_told_that_all_is_well(system: ComposedSystem) -> None:
    """The command reaches all three services from a container of its own."""
    assert "fail" not in system.compose("run", "--rm", "operator", "tallystick", "doctor")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_change_nothing(system: ComposedSystem, service: str) -> None:
    """Each runs as 65532, without capabilities, on a file system that it cannot write to, with its own secrets only."""
    container = system.container(service)
    host, own = container["HostConfig"], container["Config"]
    assert isinstance(host, dict)
    assert isinstance(own, dict)
    assert (host["ReadonlyRootfs"], host["CapDrop"], own["User"]) == (True, ["ALL"], "65532:65532")
    mounts = container["Mounts"]
    assert isinstance(mounts, list)
    assert [(mount["Name"], mount["RW"]) for mount in mounts] == [(f"{system.project}_{service}", False)]
    assert not any("PASSWORD" in each or "DSN=" in each for each in own["Env"])


def test_it_ends_well(system: ComposedSystem) -> None:
    """Told to stop, each service drains and ends with 0; started again it remembers what was registered."""
    before = system.operator().create_user()
    system.compose("stop", "--timeout", "30", *SERVICES)
    for service in SERVICES:
        state = system.container(service)["State"]
        assert isinstance(state, dict)
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    system.up()
    operator = system.operator()
    assert sign_in_and_approve(system, operator.create_client(scopes=[operator.create_scope()]), before).code
