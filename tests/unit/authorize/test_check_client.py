"""`checks.client`: whatever is wrong with the client is shown here, as there is nobody to send an error to."""

from dataclasses import replace

import pytest

from services.authorize.errors import ShownHere
from services.authorize.model import UNKNOWN_CLIENT
from services.authorize.pages.error_kind import ErrorKind
from tests.fakes.authorize import PUBLIC, checked, query_of


def test_a_registered_client_passes() -> None:
    """An enabled client that is named once passes (AUTHZ-02)."""
    assert PUBLIC.client_id == checked(query_of()).client_id


@pytest.mark.parametrize(
    "client_id", [None, "", "%ff", "%00", "public&client_id=public", "public&client_id=", "Public"]
)
def test_a_client_that_is_not_named_exactly_once_is_shown_here(client_id: str | None) -> None:
    """An absent, empty, undecodable, repeated or other client_id never redirects (AUTHZ-02, AUTHZ-05)."""
    with pytest.raises(ShownHere) as refusal:
        checked(query_of(client_id=client_id))
    assert ErrorKind.UNTRUSTED_REQUEST is refusal.value.kind


def test_an_unknown_client_is_shown_here() -> None:
    """An unknown client never redirects (AUTHZ-02)."""
    with pytest.raises(ShownHere):
        checked(query_of(client_id="nobody"), UNKNOWN_CLIENT)


def test_a_disabled_client_is_shown_here() -> None:
    """A disabled client never redirects (AUTHZ-02)."""
    with pytest.raises(ShownHere):
        checked(query_of(), replace(PUBLIC, enabled=False))
