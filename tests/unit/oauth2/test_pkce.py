import pytest

from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, answers, s256

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = CodeChallenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", CodeChallengeMethod.S256)


@pytest.mark.parametrize(
    ("verifier", "challenge"),
    [
        (VERIFIER, CHALLENGE.value),
        ("3641a2d12d66101249cdf7a79c000c1f8c05d2aafcf14bf146497bed", "6fdkQaPm51l13DSukcAH3Mdx7_ntecHYd1vi3n0hMZY"),
    ],
    ids=["V-01", "V-02"],
)
def test_vectors_of_the_rfcs(verifier: str, challenge: str) -> None:
    """The published pairs of verifier and challenge fit (PKCE-01, V-01, V-02)."""
    assert challenge == s256(verifier)
    assert answers(verifier, CodeChallenge(challenge, CodeChallengeMethod.S256))


@pytest.mark.parametrize("verifier", ["a" * 43, "b" * 128, "-._~" * 12])
def test_verifiers_at_the_bounds_are_accepted(verifier: str) -> None:
    """A verifier of 43 to 128 unreserved characters answers its challenge (PKCE-05)."""
    assert answers(verifier, CodeChallenge(s256(verifier), CodeChallengeMethod.S256))


@pytest.mark.parametrize(
    "verifier", ["a" * 42, "a" * 129, "a" * 42 + "=", "a" * 42 + "+", "a" * 42 + "é", "a" * 43 + "\n"]
)
def test_malformed_verifiers_never_answer(verifier: str) -> None:
    """A verifier outside the grammar is refused even under plain, where it would equal its challenge (PKCE-05)."""
    assert not answers(verifier, CodeChallenge(verifier, CodeChallengeMethod.PLAIN))
    assert not answers(verifier, CHALLENGE)


@pytest.mark.parametrize("verifier", ["c" * 43, VERIFIER[::-1], VERIFIER.lower(), None])
def test_a_wrong_or_missing_verifier_is_refused(verifier: str | None) -> None:
    """A challenge that was sent is owed its own verifier (PKCE-02)."""
    assert not answers(verifier, CHALLENGE)


def test_the_challenge_is_no_verifier() -> None:
    """An S256 challenge presented as verifier is not compared plainly (PKCE-04)."""
    assert not answers(CHALLENGE.value, CHALLENGE)


def test_a_verifier_without_challenge_is_refused() -> None:
    """A verifier for a code that carries no challenge tells of a stripped one (PKCE-03)."""
    assert not answers(VERIFIER, None)
    assert answers(None, None)


def test_plain_compares_the_verifier_itself() -> None:
    """Under plain the verifier equals its challenge, and nothing else does."""
    challenge = CodeChallenge(VERIFIER, CodeChallengeMethod.PLAIN)
    assert answers(VERIFIER, challenge)
    assert not answers(s256(VERIFIER), challenge)


@pytest.mark.parametrize("value", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "a" * 42 + " ", "é" * 43])
def test_malformed_s256_challenges(value: str) -> None:
    """An S256 challenge is 43 base64url characters (AUTHZ-10)."""
    assert not CodeChallenge(value, CodeChallengeMethod.S256).is_well_formed()
    assert CHALLENGE.is_well_formed()
