"""When the presentation of a spent code is a replay in earnest (`services.token.redemption`)."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.token.model import PresentedCode, SpentCode
from services.token.redemption import objection
from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, s256
from tests.fakes.checked_codes import REDIRECT_URI, VERIFIER, new_code

CODE = new_code()
PRESENTED = PresentedCode(CODE, "client", REDIRECT_URI, VERIFIER)
SPENT = SpentCode(
    grant_id=UUID(int=1),
    client_id="client",
    user_id=UUID(int=2),
    code_digest=CODE.digest,
    redirect_uri=REDIRECT_URI,
    redirect_uri_sent=True,
    code_challenge=CodeChallenge(s256(VERIFIER), CodeChallengeMethod.S256),
)
PLAIN = CodeChallenge(VERIFIER, CodeChallengeMethod.PLAIN)


@pytest.mark.parametrize(
    ("spent", "presented"),
    [
        (SPENT, PRESENTED),
        (SPENT, replace(PRESENTED, redirect_uri=None)),
        (replace(SPENT, code_challenge=PLAIN), PRESENTED),
        (replace(SPENT, code_challenge=None), replace(PRESENTED, code_verifier=None)),
        (
            replace(SPENT, code_challenge=None, redirect_uri_sent=False),
            replace(PRESENTED, code_verifier=None, redirect_uri=None),
        ),
    ],
    ids=["all", "challenge instead of redirect_uri", "plain", "no challenge", "neither"],
)
def test_whoever_could_redeem_it_replays_it(spent: SpentCode, presented: PresentedCode) -> None:
    """A presentation that would have bought the grant is a replay (TOK-05)."""
    assert objection(spent, presented) is None


@pytest.mark.parametrize(
    ("spent", "presented"),
    [
        (SPENT, replace(PRESENTED, code=AuthorizationCode(CODE.code_id, new_code().text))),
        (SPENT, replace(PRESENTED, client_id="other")),
        (SPENT, replace(PRESENTED, client_id="")),
        (SPENT, replace(PRESENTED, redirect_uri=REDIRECT_URI + "/")),
        (SPENT, replace(PRESENTED, redirect_uri="")),
        (SPENT, replace(PRESENTED, code_verifier=None)),
        (SPENT, replace(PRESENTED, code_verifier="v" * 43)),
        (SPENT, replace(PRESENTED, code_verifier=s256(VERIFIER))),
        (replace(SPENT, code_challenge=PLAIN), replace(PRESENTED, code_verifier="v" * 43)),
        (replace(SPENT, code_challenge=None), PRESENTED),
        (replace(SPENT, code_challenge=None), replace(PRESENTED, code_verifier=None, redirect_uri=None)),
    ],
    ids=[
        "another secret",
        "another client",
        "no client",
        "another redirect_uri",
        "an empty redirect_uri",
        "no verifier",
        "another verifier",
        "the challenge as verifier",
        "another plain verifier",
        "a verifier without challenge",
        "neither challenge nor redirect_uri",
    ],
)
def test_whoever_could_not_redeem_it_cannot_end_it(spent: SpentCode, presented: PresentedCode) -> None:
    """A presentation that would never have bought the grant proves nothing (TOK-04, TOK-06, PKCE-03, PKCE-04)."""
    assert objection(spent, presented) is not None
