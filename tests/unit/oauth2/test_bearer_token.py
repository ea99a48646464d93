import pytest

from tallystick.oauth2.bearer_token import bearer_challenge, bearer_token
from tallystick.oauth2.errors import InvalidRequest


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ("Bearer abc", "abc"),
        ("bEaReR abc", "abc"),
        ("Bearer   abc  ", "abc"),
        ("Bearer mF_9.B5f-4.1JqM~+/==", "mF_9.B5f-4.1JqM~+/=="),
    ],
)
def test_bearer_tokens_are_read(authorization: str, token: str) -> None:
    """The scheme is case-insensitive and the token is taken as it is (RS-01)."""
    assert bearer_token(authorization) == token


@pytest.mark.parametrize("authorization", ["", "Basic abc", "Bearerabc", "Bearer\tabc", "DPoP abc", " Bearer abc"])
def test_other_schemes_hold_no_bearer_token(authorization: str) -> None:
    """Whatever is not the scheme Bearer is somebody else's business."""
    assert bearer_token(authorization) is None


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        'Bearer "a"',
        "Bearer a=b",
        "Bearer é",
        "Bearer \N{LATIN SMALL LETTER LONG S}",
        "Bearer \N{KELVIN SIGN}",
        "Bearer a\r\nb",
        "Bearer =",
    ],
)
def test_malformed_bearer_tokens_are_refused(authorization: str) -> None:
    """What follows the scheme must be a token and nothing else (RS-03)."""
    with pytest.raises(InvalidRequest):
        bearer_token(authorization)


def test_challenges_say_no_more_than_they_must() -> None:
    """A request without a token is told no error, every attribute is quoted and stands once (RS-02, RS-03)."""
    assert bearer_challenge("api") == 'Bearer realm="api"'
    assert bearer_challenge("api", error="insufficient_scope", scope="a b") == (
        'Bearer realm="api", error="insufficient_scope", scope="a b"'
    )
