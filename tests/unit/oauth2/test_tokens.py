import os
from collections import Counter
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.oauth2.authorization_code import new_authorization_code, parse_authorization_code
from tallystick.oauth2.opaque_token import (
    CredentialType,
    bucket_of,
    is_credential,
    new_access_token,
    new_credential,
    parse_access_token,
    with_checksum,
)
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token

EXPIRES = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)


def refresh_token() -> RefreshToken:
    return RefreshToken(uuid4(), 7, os.urandom(32), os.urandom(32), "k1")


def test_an_access_token_names_its_bucket() -> None:
    """The hour of expiry can be read back from the token, and only from behind its random part (GEN-07)."""
    token = new_access_token(os.urandom(32), EXPIRES)
    parsed = parse_access_token(token.text)
    assert parsed is not None
    assert bucket_of(EXPIRES) == parsed.bucket == int(EXPIRES.timestamp()) // 3600
    assert token.digest == parsed.digest


def test_credentials_do_not_repeat_nor_share_a_prefix() -> None:
    """Ten thousand tokens differ, and from the first random character on (GEN-07)."""
    texts = [new_access_token(os.urandom(32), EXPIRES).text for _ in range(10_000)]
    assert len(set(texts)) == len(texts)
    assert max(Counter(text[4] for text in texts).values()) < 400


@pytest.mark.parametrize("count", [0, 31, 33])
def test_too_little_randomness_is_refused(count: int) -> None:
    """Nothing is ever made of fewer than 256 random bits (GEN-07)."""
    with pytest.raises(ValueError, match="32 random bytes"):
        new_access_token(b"x" * count, EXPIRES)
    with pytest.raises(ValueError, match="32 random bytes"):
        new_credential(CredentialType.CLIENT_SECRET, b"x" * count)


@pytest.mark.parametrize("position", [0, 4, 20, 48, 55, -1])
def test_a_changed_access_token_is_not_ours(position: int) -> None:
    """A token with one changed character fails its checksum (INTR-03)."""
    text = new_access_token(os.urandom(32), EXPIRES).text
    changed = list(text)
    changed[position] = "0" if changed[position] != "0" else "1"
    assert parse_access_token("".join(changed)) is None


@pytest.mark.parametrize(
    "change", [str.upper, lambda t: t[:-1], lambda t: t + "0", lambda t: t + "\n", lambda t: " " + t]
)
def test_access_tokens_are_matched_whole(change: object) -> None:
    """Nothing may stand before or behind a token (INTR-03)."""
    text = new_access_token(os.urandom(32), EXPIRES).text
    assert callable(change)
    assert parse_access_token(change(text)) is None


def test_types_of_credentials_do_not_mix() -> None:
    """A client secret is no operator's credential, a token is neither (TOK-10)."""
    secret = new_credential(CredentialType.CLIENT_SECRET, os.urandom(32))
    assert is_credential(CredentialType.CLIENT_SECRET, secret)
    assert not is_credential(CredentialType.OPERATOR, secret)
    assert not is_credential(CredentialType.OPERATOR, with_checksum("tso_" + secret[4:-8])[:-1])
    assert parse_access_token(secret) is None
    assert parse_refresh_token(secret) is None


def test_a_refresh_token_reads_back() -> None:
    """Family, generation, secret, MAC and key id survive the text (REFR-08)."""
    token = refresh_token()
    assert token == parse_refresh_token(str(token))


def test_refresh_tokens_of_one_family_share_no_prefix() -> None:
    """The secret stands first, so siblings look unrelated (GEN-07)."""
    first, second = refresh_token(), refresh_token()
    assert str(first)[:10] != str(RefreshToken(first.family, 8, second.secret, second.mac, "k1"))[:10]


@given(st.text(max_size=200))
def test_any_text_as_token_gives_a_verdict(text: str) -> None:
    """No text makes a parser fail in another way (GRPC-03)."""
    assert parse_access_token(text) is None
    assert parse_refresh_token(text) is None
    assert parse_authorization_code(text) is None


def test_a_flipped_refresh_token_is_not_ours() -> None:
    """A truncated or changed refresh token fails its checksum (REFR-08)."""
    text = str(refresh_token())
    for broken in (text[:-1], text[1:], text.replace("tsr_", "tsa_"), text + "0", text[:50] + "!" + text[51:]):
        assert parse_refresh_token(broken) is None


def test_secrets_stay_out_of_repr() -> None:
    """Tokens and codes can be logged by mistake without giving themselves away (GEN-11)."""
    access, refresh = new_access_token(os.urandom(32), EXPIRES), refresh_token()
    code = new_authorization_code(os.urandom(16), os.urandom(32))
    assert access.text not in repr(access)
    assert repr(refresh.secret) not in repr(refresh)
    assert code.text not in repr(code)


def test_a_code_tells_nothing_but_its_id() -> None:
    """A code is an id and a secret, both random (RESP-05)."""
    code = new_authorization_code(os.urandom(16), os.urandom(32))
    assert code == parse_authorization_code(code.text)
    assert parse_authorization_code(code.text + "x") is None
    assert parse_authorization_code(code.text.replace(".", "")) is None


def test_a_refresh_token_refuses_a_long_generation() -> None:
    """A generation that does not fit its four bytes is an error and never wraps around."""
    with pytest.raises(OverflowError):
        str(RefreshToken(UUID(int=0), 2**32, b"s" * 32, b"m" * 32, "k"))
