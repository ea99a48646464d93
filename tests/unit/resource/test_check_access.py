"""Verdicts as clients read them, from a real gRPC server."""

import grpc
import pytest

from tallystick.introspect.v1 import introspection_pb2
from tallystick.resource import (
    READ_AGAIN,
    Access,
    Denial,
    Introspection,
    IntrospectionUnavailable,
    NotAllowedToIntrospect,
)
from tests.unit.resource.conftest import RESOURCE, Asking
from tests.unit.resource.conftest import Introspection as Server

GET = "POST /photos.v1.Albums/Get"
QUESTION = ("good", RESOURCE, GET)
CHALLENGE = f'Bearer realm="{RESOURCE}"'


async def test_allowed(asking: Asking, introspection: Server) -> None:
    """Every member of the verdict arrives as it was sent."""
    introspection.add("good", username="bob", scopes=["albums.read"])
    introspection.allow("good", GET, valid_for=0.5)
    bob = Introspection(True, frozenset({"albums.read"}), "", "bob", "Bearer", aud=(RESOURCE,))
    assert await asking("check_access", *QUESTION) == Access(True, None, GET, 200, "", "", bob, 0.5)


@pytest.mark.parametrize(
    ("denial", "status", "error"),
    [
        (Denial.TOKEN_INACTIVE, 401, "invalid_token"),
        (Denial.SERVICE_UNKNOWN, 403, ""),
        (Denial.INSUFFICIENT_SCOPE, 403, "insufficient_scope"),
        (Denial.OWNER_NOT_AUTHORIZED, 403, ""),
    ],
)
async def test_denied(asking: Asking, introspection: Server, denial: Denial, status: int, error: str) -> None:
    """Each denial is told apart, with what HTTP answers."""
    introspection.add("good", username="bob")
    introspection.allow(
        "good",
        GET,
        allowed=False,
        denial=introspection_pb2.Denial.Value(f"DENIAL_{denial.name}"),
        http_status=status,
        error=error,
        www_authenticate=CHALLENGE,
    )
    verdict = await asking("check_access", *QUESTION)
    assert (verdict.allowed, verdict.denial, verdict.http_status, verdict.error) == (False, denial, status, error)
    assert (verdict.www_authenticate, verdict.valid_for) == (CHALLENGE, 0.0)


@pytest.mark.parametrize("status", [0, 200, 302, 500])
async def test_a_denial_of_a_newer_kind(asking: Asking, introspection: Server, status: int) -> None:
    """A check that this version does not know denies all the same, whatever comes with it."""
    introspection.add("good")
    introspection.allow("good", GET, allowed=False, denial=99, http_status=status)
    verdict = await asking("check_access", *QUESTION)
    assert (verdict.allowed, verdict.denial, verdict.http_status) == (False, Denial.OTHER, 403)


@pytest.mark.parametrize("denial", [introspection_pb2.DENIAL_INSUFFICIENT_SCOPE, 99])
async def test_a_verdict_that_contradicts_itself(asking: Asking, introspection: Server, denial: int) -> None:
    """What is allowed and denied at once is not known."""
    introspection.add("good")
    introspection.allow("good", GET, denial=denial)
    with pytest.raises(IntrospectionUnavailable, match="contradicts itself"):
        await asking("check_access", *QUESTION)


async def test_what_is_not_live_is_not_allowed(asking: Asking, introspection: Server) -> None:
    """A verdict that allows a dead token is none."""
    introspection.add("good", active=False)
    introspection.allow("good", GET)
    with pytest.raises(IntrospectionUnavailable, match="contradicts itself"):
        await asking("check_access", *QUESTION)


async def test_no_token_is_no_question(asking: Asking, introspection: Server) -> None:
    """An empty token is denied without a call, as an inactive one would be."""
    verdict = await asking("check_access", "", RESOURCE, GET)
    challenge = f'{CHALLENGE}, error="invalid_token"'
    assert verdict == Access(
        False, Denial.TOKEN_INACTIVE, "", 401, "invalid_token", challenge, Introspection(active=False)
    )
    assert introspection.questions == []


@pytest.mark.parametrize(
    "question",
    [
        ("ü\0\udcff", "\N{SNOWMAN}", "GET /\x7f\n"),
        ("token", "", ""),
        ("a b", "https://photos.example/#fragment", "GET /albums/../admin?x=/%2e%2e"),
    ],
)
async def test_questions_travel_as_they_are(
    asking: Asking, introspection: Server, question: tuple[str, str, str]
) -> None:
    """Nothing is normalised on the way."""
    await asking("check_access", *question)
    assert introspection.questions == [tuple(part.encode("utf-8", "surrogatepass") for part in question)]


async def test_a_fresh_verdict(asking: Asking, introspection: Server) -> None:
    """A verdict can be read anew, whatever is kept."""
    introspection.add("good")
    introspection.allow("good", GET, valid_for=60)
    assert (await asking("check_access", *QUESTION)).allowed
    introspection.tokens.clear()
    assert (await asking("check_access", *QUESTION)).allowed
    assert not (await asking("check_access", *QUESTION, freshness=READ_AGAIN)).allowed
    assert not (await asking("check_access", *QUESTION)).allowed
    assert [wish.read_again for wish in introspection.wishes] == [False, True, False]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, NotAllowedToIntrospect),
        (grpc.StatusCode.UNAUTHENTICATED, NotAllowedToIntrospect),
        (grpc.StatusCode.INTERNAL, IntrospectionUnavailable),
        (grpc.StatusCode.INVALID_ARGUMENT, IntrospectionUnavailable),
    ],
)
async def test_an_error_is_no_verdict(
    asking: Asking, introspection: Server, code: grpc.StatusCode, error: type[Exception]
) -> None:
    """A resource that is not ours is told apart from a store that fails, and neither denies (GRPC-03)."""
    introspection.failures = [code]
    with pytest.raises(error):
        await asking("check_access", *QUESTION)
