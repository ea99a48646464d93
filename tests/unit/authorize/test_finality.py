"""Which methods of authorize answer only once what they may have ended has ended everywhere."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import grpc
import grpc.aio
import pytest

from services.authorize.account import Account
from services.authorize.model import ClientAccess, User
from services.authorize.operator_rpc.finality import AnswersWhenFinal, may_end
from tallystick.runtime.allow_list import METHODS
from tallystick.runtime.failures import AlreadyExists, Failure, Invalid, NotFound, Refused, Unavailable
from tests.fakes.finality import FakeFinality

ENDING = {
    "ClientService/UpdateClient",
    "ClientService/DeleteClient",
    "ClientService/DisableClient",
    "ClientService/RotateClientSecret",
    "ClientService/RevokeAllOfClient",
    "ScopeService/UpdateScope",
    "ScopeService/DeleteScope",
    "ResourceService/UpdateResource",
    "ResourceService/DeleteResource",
    "UserService/SetUserPassword",
    "UserService/DeleteUser",
    "UserService/DisableUser",
    "GroupService/UpdateGroup",
    "GroupService/DeleteGroup",
    "OperatorService/DeleteOperator",
}
BOB = User(uuid4(), "bob", "", enabled=True, epoch=0)

Handler = grpc.RpcMethodHandler


class Details:
    """What a call says before its message."""

    def __init__(self, method: str) -> None:
        self.method = method
        self.invocation_metadata = ()


async def called(finality: FakeFinality, method: str, behaviour: Callable[[Any, Any], Awaitable[bytes]]) -> bytes:
    """Call a method that behaves so."""

    async def handler(_: object) -> Any:
        return grpc.unary_unary_rpc_method_handler(behaviour)

    answering: Any = await AnswersWhenFinal(finality).intercept_service(handler, Details(method))  # type: ignore[arg-type]  # as much of the details as is read
    answer: bytes = await answering.unary_unary(b"", None)
    return answer


def raising(failure: Failure) -> Callable[[Any, Any], Awaitable[bytes]]:
    async def behaviour(*_: object) -> bytes:
        raise failure

    return behaviour


async def done(*_: object) -> bytes:
    return b"done"


def test_every_method_is_of_one_kind() -> None:
    """Whatever may end something waits, and a method that is new does, unless its name says that it ends nothing."""
    ours = {method for method in METHODS if ".authorize." in method}
    assert {method.removeprefix("/tallystick.authorize.v1.") for method in ours if may_end(method)} == ENDING


@pytest.mark.parametrize(("method", "waits"), [("DisableClient", 1), ("EnableClient", 0), ("GetClient", 0)])
async def test_an_answer_comes_when_it_is_final(method: str, waits: int) -> None:
    """What may have ended something is answered after the wait."""
    finality = FakeFinality()
    assert await called(finality, f"/tallystick.authorize.v1.ClientService/{method}", done) == b"done"
    assert finality.waits == waits


async def test_what_is_not_there_may_have_been_deleted_a_moment_ago() -> None:
    """The second one to delete something is told no earlier than the first."""
    finality = FakeFinality()
    with pytest.raises(NotFound):
        await called(finality, "/tallystick.authorize.v1.UserService/DeleteUser", raising(NotFound("gone")))
    assert finality.waits == 1


@pytest.mark.parametrize("failure", [Invalid("no"), Refused("no"), AlreadyExists("no"), Unavailable("no")])
async def test_a_refusal_reports_nothing(failure: Failure) -> None:
    """Where nothing ended nobody waits."""
    finality = FakeFinality()
    with pytest.raises(type(failure)):
        await called(finality, "/tallystick.authorize.v1.ScopeService/UpdateScope", raising(failure))
    assert finality.waits == 0


async def test_without_the_wait_nothing_is_reported() -> None:
    """Whoever cannot tell how long to wait says so (fails closed)."""
    finality = FakeFinality()
    finality.out_of_order = True
    with pytest.raises(Unavailable):
        await called(finality, "/tallystick.authorize.v1.ClientService/DisableClient", done)


async def test_a_method_that_is_not_there_stays_away() -> None:
    """What nobody serves is left to the server."""

    async def nothing(_: object) -> None:
        return None

    details: Any = Details("/tallystick.authorize.v1.ClientService/DisableClient")
    assert await AnswersWhenFinal(FakeFinality()).intercept_service(nothing, details) is None


class Withdrawals:
    """Implements `AccountStore` for those who withdraw."""

    def __init__(self) -> None:
        self.withdrawn_clients: list[str] = []

    async def clients(self, _: object) -> tuple[ClientAccess, ...]:
        return ()

    async def withdraw(self, _: object, client_id: str) -> None:
        self.withdrawn_clients.append(client_id)

    async def withdrawn(self, _: object, client_id: str) -> str | None:
        return client_id if client_id in self.withdrawn_clients else None


async def test_who_withdraws_consent_waits_each_time() -> None:
    """The second one to press the button is told no earlier than the first (UI-09)."""
    store, finality = Withdrawals(), FakeFinality()
    for times in (1, 2):
        await Account(store, finality).withdraw(BOB, "app")
        assert finality.waits == times
    finality.out_of_order = True
    with pytest.raises(Unavailable):
        await Account(store, finality).withdraw(BOB, "app")
    assert store.withdrawn_clients == ["app"] * 3
