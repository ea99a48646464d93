import pytest

from tallystick.oauth2.errors import (
    InvalidClient,
    InvalidRequest,
    OAuthError,
    TemporarilyUnavailable,
    TooManyFailures,
)


@pytest.mark.parametrize("character", ['"', "\\", "\r", "\n", "\0", "é", "\x7f", "\t"])
def test_descriptions_stay_within_their_characters(character: str) -> None:
    """An error_description holds nothing that could split a header or break out of quotes (GEN-06)."""
    assert InvalidRequest(f"a{character}b").description == "a?b"


def test_each_error_knows_its_code_and_status() -> None:
    """Code and HTTP status belong to the error itself (CAUTH-02)."""
    assert (InvalidRequest.code, InvalidRequest.status) == ("invalid_request", 400)
    assert (InvalidClient.code, InvalidClient.status) == ("invalid_client", 401)
    assert (TemporarilyUnavailable.code, TemporarilyUnavailable.status) == ("temporarily_unavailable", 503)


def test_codes_are_unique() -> None:
    """No two errors share a code, unless one is a kind of the other."""
    codes = [error.code for error in OAuthError.__subclasses__()]
    assert len(set(codes)) == len(codes)


def test_too_many_failures_say_when_to_come_back() -> None:
    """What is throttled is no invalid_client: the same request may be answered later (GEN-09)."""
    error = TooManyFailures("later", retry_after=7)
    assert (error.code, error.status, error.retry_after) == ("temporarily_unavailable", 429, 7)
