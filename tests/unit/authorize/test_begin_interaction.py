"""`begin_interaction`: from a query to an interaction."""

from dataclasses import replace

import pytest

from services.authorize.begin_interaction import BeginInteraction
from services.authorize.errors import Redirected, RequestRefused, ShownHere
from services.authorize.interaction import Interactions
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.refusal_event import refusal_event
from services.authorize.request import AuthorizationRequest, Interaction
from tallystick.oauth2.errors import AccessDenied, ServerError, TemporarilyUnavailable
from tallystick.oauth2.pkce import RequirePkce
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import Unavailable
from tests.fakes.authorize import (
    ISSUER,
    PUBLIC,
    REQUEST,
    Countdown,
    InMemoryClients,
    InMemoryInteractions,
    InMemoryResources,
    query_of,
)

BROWSER = "b" * 43
DISABLED = replace(PUBLIC, client_id="disabled", enabled=False)


class BrokenInteractions(InMemoryInteractions):
    """An `InteractionStore` whose `put` fails with the error given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def put(self, digest: bytes, interaction: Interaction, *, seconds: int) -> None:
        del digest, interaction, seconds
        raise self._error


def beginning(store: InMemoryInteractions) -> BeginInteraction:
    """Return the use case over stores in memory."""
    return BeginInteraction(
        InMemoryClients(PUBLIC, DISABLED),
        InMemoryResources("https://photos.example"),
        Interactions(store, Countdown()),
        issuer=ISSUER,
        require_pkce=RequirePkce.ALL,
    )


async def refused_here(query: bytes) -> ErrorKind:
    """Return the kind of page that a query is answered with."""
    store = InMemoryInteractions()
    with pytest.raises(ShownHere) as refusal:
        await beginning(store).begin(query, browser=BROWSER)
    assert store.kept == {}
    return refusal.value.kind


async def test_a_verified_request_is_kept() -> None:
    """What waits is the verified request, under an id that tells nothing (AUTHZ-17)."""
    store = InMemoryInteractions()
    query = query_of(scope="photos.read+photos.print", resource="https://photos.example")
    interaction_id = await beginning(store).begin(query, browser=BROWSER)
    assert [interaction.request for interaction in store.kept.values()] == [REQUEST]
    assert len(interaction_id) == 43


async def test_the_issuer_is_a_resource() -> None:
    """A token may be meant for ourselves (RI-01)."""
    assert await beginning(InMemoryInteractions()).begin(query_of(resource=ISSUER), browser=BROWSER)


@pytest.mark.parametrize("query", [b"", b"&&", b"client_id=public&%ff=1", b"a=1&" * 101 + query_of()])
async def test_a_malformed_query_is_shown_here(query: bytes) -> None:
    """Of a query whose names cannot be read nothing is trusted (GEN-06, GEN-13)."""
    assert ErrorKind.UNTRUSTED_REQUEST is await refused_here(query)


async def test_an_endless_query_is_shown_here() -> None:
    """A query has a ceiling (GEN-13)."""
    assert ErrorKind.TOO_LARGE is await refused_here(query_of(state="s" * 40_000))


async def test_a_client_that_is_named_twice_is_not_looked_up() -> None:
    """Neither of two client ids is trusted, so no store is asked (AUTHZ-05)."""
    query = query_of(client_id="unavailable&client_id=unavailable")
    assert ErrorKind.UNTRUSTED_REQUEST is await refused_here(query)


async def test_a_failure_before_the_uri_is_verified_is_not_redirected() -> None:
    """When the client cannot be looked up there is nowhere to redirect to (AUTHZ-13)."""
    with pytest.raises(Unavailable):
        await beginning(InMemoryInteractions()).begin(query_of(client_id="unavailable"), browser=BROWSER)


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Unavailable("Redis cannot be asked now"), "temporarily_unavailable"), (RuntimeError("a bug"), "server_error")],
)
async def test_a_failure_after_the_uri_is_verified_is_told_to_the_client(failure: Exception, code: str) -> None:
    """No client is left waiting, and none learns of our insides (AUTHZ-13)."""
    with pytest.raises(Redirected) as refusal:
        await beginning(BrokenInteractions(failure)).begin(query_of(), browser=BROWSER)
    assert (code, "xyz") == (refusal.value.error.code, refusal.value.request.state)
    assert "bug" not in refusal.value.error.description


@pytest.mark.parametrize(
    ("query", "client_id", "error", "detail"),
    [
        (b"client_id=public&%ff=1", None, "untrusted_request", "the query is malformed: not UTF-8"),
        (query_of(state="s" * 40_000), None, "too_large", "the query is too long"),
        (query_of(client_id=None), None, "untrusted_request", "client_id is required"),
        (query_of(client_id="<b>stranger</b>"), None, "untrusted_request", "the client is unknown or disabled"),
        (query_of(client_id="public&client_id=public"), None, "untrusted_request", "client_id must not be repeated"),
        (query_of(DISABLED), "disabled", "untrusted_request", "the client is unknown or disabled"),
        (
            query_of(redirect_uri="https://evil.example"),
            "public",
            "untrusted_request",
            "redirect_uri is not registered",
        ),
        (query_of(response_type="token"), "public", "unsupported_response_type", "response_type must be code"),
        (
            query_of(scope="<b>evil</b>"),
            "public",
            "invalid_scope",
            "scope holds a value that this request may not ask for",
        ),
    ],
)
async def test_a_refusal_is_told_without_what_a_stranger_typed(
    query: bytes, client_id: str | None, error: str, detail: str
) -> None:
    """Each refusal is one event: why, and the client if it is registered, in words of ours only (OPS-04, GEN-11)."""
    with pytest.raises(RequestRefused) as refusal:
        await beginning(InMemoryInteractions()).begin(query, browser=BROWSER)
    assert refusal_event(refusal.value) == AuditEvent(
        EventKind.AUTHORIZATION_REFUSED, Outcome.REFUSED, client_id=client_id, error=error, detail=detail
    )


@pytest.mark.parametrize(
    "refusal",
    [
        *(ShownHere(kind) for kind in (ErrorKind.UNAVAILABLE, ErrorKind.INTERNAL, ErrorKind.NOT_FOUND)),
        *(
            Redirected(AuthorizationRequest(client_id="public", redirect_uri="https://app.example/cb"), error)
            for error in (AccessDenied("no"), ServerError("broken"), TemporarilyUnavailable("later"))
        ),
    ],
    ids=str,
)
def test_what_nobody_decided_is_no_event(refusal: RequestRefused) -> None:
    """An outage is no decision, and a denial is told as the resource owner's own (OPS-04)."""
    assert refusal_event(refusal) is None


@pytest.mark.parametrize("kind", [ErrorKind.EXPIRED, ErrorKind.OTHER_BROWSER, ErrorKind.FORM_REFUSED])
def test_a_refused_form_is_told(kind: ErrorKind) -> None:
    """A form that is forged, late, or from another browser is an event (OPS-04, UI-04)."""
    event = refusal_event(ShownHere(kind, detail="why"))
    assert event is not None
    assert (event.outcome, event.error, event.detail) == (Outcome.REFUSED, kind.label, "why")
