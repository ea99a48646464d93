"""`begin_interaction`: from a query to an interaction."""

import pytest

from services.authorize.begin_interaction import BeginInteraction
from services.authorize.errors import Redirected, ShownHere
from services.authorize.interaction import Interactions
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.request import Interaction
from tallystick.oauth2.pkce import RequirePkce
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
        InMemoryClients(PUBLIC),
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
