"""What each service still does while a neighbour or a store is away: the cells of docs/outages.md that are new here."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.integration.fault_scene import Need, Scene
from tests.integration.fault_steps import (
    Approved,
    Disabled,
    Introspected,
    IntrospectedOverGrpc,
    IssuedToItself,
    Redeemed,
    Refreshed,
    Revoked,
    RevokedByOperator,
    SignedIn,
    Step,
)
from tests.support.cluster import Cluster
from tests.support.service_process import ServiceProcess
from tests.support.stores import RedisServer

BOUNDED_SECONDS = 6.0


@pytest.fixture
def scene(own_cluster: Cluster) -> Iterator[Scene]:
    """People and programs at a cluster of which parts may be taken away."""
    with Scene.at(own_cluster) as scene:
        yield scene


@contextmanager
def hanging(service: ServiceProcess) -> Iterator[None]:
    """A service answers nobody, with its connections open: whoever calls it waits for it."""
    service.pause()
    try:
        yield
    finally:
        service.resume()


def taken(steps: Sequence[Step]) -> None:
    """Take steps, all at the same time, and check that none took too long."""
    with ThreadPoolExecutor(len(steps)) as threads:
        list(threads.map(lambda step: step.take(), steps))
    assert [f"{step} after {step.seconds:.1f} s" for step in steps if step.seconds > BOUNDED_SECONDS] == []


def assert_done(steps: Sequence[Step]) -> None:
    """Check that steps were taken, and are true."""
    assert [str(step) for step in steps if not step.is_done()] == []
    assert [str(step) for step in steps if not step.holds()] == []


def test_without_authorize_tokens_live_on(scene: Scene) -> None:
    """Tokens are refreshed, issued to clients, ended and introspected; only codes have to wait (GRPC-08)."""
    code = Redeemed(scene)
    steps: list[Step] = [
        kind(scene)
        for kind in (Refreshed, IssuedToItself, Revoked, RevokedByOperator, Introspected, IntrospectedOverGrpc)
    ]
    with hanging(scene.authorize):
        taken([code, *steps])
    assert code.is_unavailable(), code
    assert_done(steps)
    code.begin_again()
    assert_done([code.take()])


def test_without_token_people_and_apis_are_served(scene: Scene) -> None:
    """People sign in and approve, operators disable a client, tokens are introspected (GRPC-08)."""
    steps: list[Step] = [kind(scene) for kind in (SignedIn, Approved, Disabled, Introspected, IntrospectedOverGrpc)]
    with hanging(scene.token):
        taken(steps)
    assert_done(steps)


def test_without_introspect_all_else_goes_on(scene: Scene) -> None:
    """People sign in and approve, codes are redeemed, tokens are refreshed and revoked (GRPC-08)."""
    steps: list[Step] = [
        kind(scene) for kind in (SignedIn, Approved, Redeemed, Refreshed, IssuedToItself, Revoked, Disabled)
    ]
    with hanging(scene.introspect):
        taken(steps)
    assert_done(steps)


def test_without_redis_only_people_and_codes_wait(scene: Scene, own_redis: RedisServer) -> None:
    """Nobody signs in and no code is redeemed; whatever was issued is refreshed, revoked and introspected (GRPC-08)."""
    kinds = (SignedIn, Approved, Redeemed, Refreshed, IssuedToItself, Revoked, Disabled, Introspected)
    steps: list[Step] = [kind(scene) for kind in kinds]
    own_redis.kill()
    try:
        taken(steps)
    finally:
        own_redis.restart()
    waiting = [step for step in steps if step.needs & Need.REDIS]
    assert {type(step) for step in waiting} == {SignedIn, Approved, Redeemed}
    assert [str(step) for step in waiting if not step.is_unavailable()] == []
    assert_done([step for step in steps if step not in waiting])
