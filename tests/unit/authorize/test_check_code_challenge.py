"""`checks.code_challenge`: who owes a challenge, and which ones are taken."""

from dataclasses import replace

import pytest

from services.authorize.errors import Redirected
from services.authorize.model import Client
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, RequirePkce
from tests.fakes.authorize import CHALLENGE, CONFIDENTIAL, PUBLIC, VERIFIER, checked, query_of

PLAIN = replace(CONFIDENTIAL, allow_plain_pkce=True)


def refused(query: bytes, client: Client = PUBLIC, require_pkce: RequirePkce = RequirePkce.ALL) -> str:
    """Return the error that a request is refused with."""
    with pytest.raises(Redirected) as refusal:
        checked(query, client, require_pkce=require_pkce)
    return refusal.value.error.code


def test_an_s256_challenge_is_kept() -> None:
    """The challenge goes with the request (AUTHZ-10, PKCE-01)."""
    assert CodeChallenge(CHALLENGE, CodeChallengeMethod.S256) == checked(query_of()).code_challenge


@pytest.mark.parametrize("require_pkce", RequirePkce)
@pytest.mark.parametrize("absent", [None, ""])
def test_a_public_client_owes_a_challenge_whatever_is_set(absent: str | None, require_pkce: RequirePkce) -> None:
    """No setting frees a public client (AUTHZ-10, PKCE-03)."""
    assert refused(query_of(code_challenge=absent), PUBLIC, require_pkce) == "invalid_request"
    without = query_of(code_challenge=absent, code_challenge_method=None)
    assert refused(without, PUBLIC, require_pkce) == "invalid_request"


def test_a_confidential_client_owes_a_challenge_by_default() -> None:
    """PKCE is not for public clients only (AUTHZ-10)."""
    assert (
        refused(query_of(CONFIDENTIAL, code_challenge=None, code_challenge_method=None), CONFIDENTIAL)
        == "invalid_request"
    )


@pytest.mark.parametrize("require_pkce", [RequirePkce.PUBLIC, RequirePkce.NONE])
def test_a_confidential_client_can_be_freed(require_pkce: RequirePkce) -> None:
    """Two settings let a confidential client go without a challenge (AUTHZ-10)."""
    query = query_of(CONFIDENTIAL, code_challenge=None, code_challenge_method=None)
    assert checked(query, CONFIDENTIAL, require_pkce=require_pkce).code_challenge is None


@pytest.mark.parametrize("require_pkce", [RequirePkce.PUBLIC, RequirePkce.NONE])
@pytest.mark.parametrize("method", [None, "plain", "s256"])
def test_a_freed_client_that_sends_a_challenge_is_held_to_it(method: str | None, require_pkce: RequirePkce) -> None:
    """A challenge that is sent must be a good one (AUTHZ-10)."""
    query = query_of(CONFIDENTIAL, code_challenge_method=method)
    assert refused(query, CONFIDENTIAL, require_pkce) == "invalid_request"


def test_a_method_without_challenge_is_refused() -> None:
    """Half of PKCE is a mistake of the client's, even if it owes none (AUTHZ-10)."""
    assert refused(query_of(CONFIDENTIAL, code_challenge=None), CONFIDENTIAL, RequirePkce.NONE) == "invalid_request"


@pytest.mark.parametrize("method", [None, "", "plain", "s256", "SHA256", "S256&code_challenge_method=S256"])
def test_anything_but_s256_is_refused(method: str | None) -> None:
    """`plain`, which is also what absence means, is refused like the unknown (AUTHZ-10, PKCE-04)."""
    assert refused(query_of(code_challenge_method=method)) == "invalid_request"


@pytest.mark.parametrize(
    "challenge",
    ["x", CHALLENGE[:-1], CHALLENGE + "A", CHALLENGE[:-1] + "=", CHALLENGE[:-1] + "%2B", CHALLENGE[:-1] + "."],
)
def test_a_malformed_challenge_is_refused(challenge: str) -> None:
    """A challenge is 43 base64url characters (AUTHZ-10)."""
    assert refused(query_of(code_challenge=challenge)) == "invalid_request"


@pytest.mark.parametrize("method", [None, "plain"])
def test_an_exempted_client_may_use_plain(method: str | None) -> None:
    """An operator can allow `plain` to one client, which absence then means (AUTHZ-10)."""
    query = query_of(PLAIN, code_challenge=VERIFIER, code_challenge_method=method)
    assert CodeChallenge(VERIFIER, CodeChallengeMethod.PLAIN) == checked(query, PLAIN).code_challenge


@pytest.mark.parametrize("challenge", ["x" * 42, "x" * 129, "x" * 42 + "%2B"])
def test_a_malformed_plain_challenge_is_refused(challenge: str) -> None:
    """A plain challenge is a verifier, and must look like one (PKCE-05)."""
    assert refused(query_of(PLAIN, code_challenge=challenge, code_challenge_method="plain"), PLAIN) == "invalid_request"


def test_an_exempted_client_still_owes_a_challenge() -> None:
    """Being allowed `plain` frees nobody from PKCE (AUTHZ-10)."""
    assert refused(query_of(PLAIN, code_challenge=None, code_challenge_method=None), PLAIN) == "invalid_request"
