"""Garbage in place of tokens, codes and credentials: nothing that we did not make is taken for ours."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from tallystick.oauth2.authorization_code import AuthorizationCode, new_authorization_code, parse_authorization_code
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
from tests.support.fuzz import flipped, fuzzed, garbage

RANDOM = st.binary(min_size=32, max_size=32)
EXPIRY = st.datetimes(datetime(2020, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn
BIT = st.integers(0, 7)
PLACE = st.floats(0, 1, exclude_max=True)

ACCESS_TOKENS = st.builds(new_access_token, RANDOM, EXPIRY)
REFRESH_TOKENS = st.builds(
    RefreshToken,
    family=st.binary(min_size=16, max_size=16).map(lambda octets: UUID(bytes=octets)),
    generation=st.integers(0, 2**32 - 1),
    secret=RANDOM,
    mac=RANDOM,
    key_id=st.from_regex(r"[A-Za-z0-9]{1,16}", fullmatch=True),
)
CODES = st.builds(new_authorization_code, st.binary(min_size=16, max_size=16), RANDOM)
KINDS = st.sampled_from(list(CredentialType))


def bit_flipped(text: str, place: float, bit: int) -> str:
    return flipped(text, int(place * len(text)), bit)


@fuzzed(random=RANDOM, expires_at=EXPIRY)
def test_an_access_token_is_read_as_it_was_made(random: bytes, expires_at: datetime) -> None:
    """What was issued parses to itself, and names the hour of its expiry (INTR-03)."""
    made = new_access_token(random, expires_at)
    assert parse_access_token(made.text) == made
    assert made.bucket == bucket_of(expires_at)


@fuzzed(text=garbage(ACCESS_TOKENS.map(lambda token: token.text)))
def test_what_parses_as_an_access_token_is_one(text: str) -> None:
    """Any text is either nothing or an access token that reads exactly so (GEN-06, INTR-03)."""
    token = parse_access_token(text)
    assert token is None or (token.text == text == with_checksum(text[:-8]) and text.startswith("tsa_"))
    assert token is None or f"{token.bucket:06x}" == text[-14:-8]


@fuzzed(token=ACCESS_TOKENS, place=PLACE, bit=BIT)
def test_no_flipped_bit_of_an_access_token_passes(token: object, place: float, bit: int) -> None:
    """One flipped bit makes an access token nothing, so that no other token is looked up (INTR-03)."""
    assert parse_access_token(bit_flipped(getattr(token, "text"), place, bit)) is None  # noqa: B009


@fuzzed(token=REFRESH_TOKENS)
def test_a_refresh_token_is_read_as_it_was_made(token: RefreshToken) -> None:
    """Every part of a refresh token survives being written and read (REFR-08)."""
    assert parse_refresh_token(str(token)) == token


@fuzzed(text=garbage(REFRESH_TOKENS.map(str)))
def test_what_parses_as_a_refresh_token_is_one(text: str) -> None:
    """Any text is either nothing or a refresh token that is written exactly so again (GEN-06, REFR-08)."""
    token = parse_refresh_token(text)
    assert token is None or str(token) == text


@fuzzed(token=REFRESH_TOKENS, place=PLACE, bit=BIT)
def test_no_flipped_bit_of_a_refresh_token_passes(token: RefreshToken, place: float, bit: int) -> None:
    """One flipped bit makes a refresh token nothing (REFR-08)."""
    assert parse_refresh_token(bit_flipped(str(token), place, bit)) is None


@fuzzed(text=garbage(CODES.map(lambda code: code.text)))
def test_what_parses_as_a_code_is_one(text: str) -> None:
    """Any text is either nothing or a code of which nothing is lost, so that no two texts are one code (TOK-02)."""
    code = parse_authorization_code(text)
    assert code is None or (code.text == text and text.startswith(f"{code.code_id}.") and text.isascii())


@fuzzed(code=CODES, place=PLACE, bit=BIT)
def test_a_flipped_bit_of_a_code_is_another_code(code: AuthorizationCode, place: float, bit: int) -> None:
    """One flipped bit makes a code nothing, or one whose digest or id is another (TOK-02)."""
    assert parse_authorization_code(code.text) == code
    other = parse_authorization_code(bit_flipped(code.text, place, bit))
    assert other is None or other.digest != code.digest


@fuzzed(random=RANDOM, kind=KINDS, other=KINDS, place=PLACE, bit=BIT)
def test_a_credential_is_of_its_own_kind_only(
    random: bytes, kind: CredentialType, other: CredentialType, place: float, bit: int
) -> None:
    """A secret passes as what it was made for and nothing else, and with a flipped bit as nothing at all (TOK-10)."""
    credential = new_credential(kind, random)
    assert is_credential(other, credential) is (kind is other)
    assert not is_credential(kind, bit_flipped(credential, place, bit))


@fuzzed(
    text=st.one_of(
        garbage(ACCESS_TOKENS.map(lambda token: token.text)),
        garbage(REFRESH_TOKENS.map(str)),
        garbage(CODES.map(lambda code: code.text)),
        garbage(st.builds(new_credential, KINDS, RANDOM)),
    )
)
def test_no_text_is_two_things(text: str) -> None:
    """A text is at most one of access token, refresh token, code and credential (TOK-10)."""
    readings = [
        parse_access_token(text) is not None,
        parse_refresh_token(text) is not None,
        parse_authorization_code(text) is not None,
        *(is_credential(kind, text) for kind in CredentialType),
    ]
    assert sum(readings) <= 1
