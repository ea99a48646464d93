"""`adapters.json_record`: what Redis gives back is read strictly, or not at all."""

import json
from dataclasses import replace

import pytest

from services.authorize.adapters.json_record import JsonRecord
from services.authorize.model import IssuedCode, Session
from services.authorize.request import Interaction
from tests.fakes.authorize import BOB, REQUEST, issued_code

CODES, SESSIONS, INTERACTIONS = JsonRecord(IssuedCode), JsonRecord(Session), JsonRecord(Interaction)
SESSION = Session(BOB.user_id, 3, 2_000_000_000, 1_900_000_000)


def test_values_come_back_as_they_were() -> None:
    """Digests, ids, optional members and any state survive (AUTHZ-09)."""
    interaction = Interaction(replace(REQUEST, state='"\\\u2028🐎\x7f<é'), bytes(range(32)))
    assert interaction == INTERACTIONS.read(INTERACTIONS.write(interaction))
    assert SESSIONS.read(SESSIONS.write(SESSION)) == SESSION
    for code in (issued_code(), replace(issued_code(), code_challenge=None, digest=bytes(range(255, 223, -1)))):
        assert code == CODES.read(CODES.write(code))


def test_nothing_is_nothing() -> None:
    """An absent key is an absent value (RESP-04)."""
    assert CODES.read(None) is None


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b'"text"',
        b"{}",
        b'{"user_id": "x", "user_epoch": 3}',
        SESSIONS.write(SESSION).replace(b'"user_epoch":3', b'"user_epoch":"3"'),
        SESSIONS.write(SESSION).replace(b'"user_epoch":3', b'"user_epoch":3.5'),
        SESSIONS.write(SESSION).replace(b'"user_epoch":3', b'"user_epoch":null'),
        SESSIONS.write(SESSION).replace(b'"idle_expires_at"', b'"idle"'),
        b'{"user_id": "00000000-0000-0000-0000-000000000001"}',
    ],
)
def test_what_cannot_be_read_is_absent(octets: bytes) -> None:
    """A truncated, mistyped or foreign value is as if it were not there (GEN-13)."""
    assert SESSIONS.read(octets) is None


@pytest.mark.parametrize(
    ("member", "value"),
    [("digest", "not base64!"), ("scopes", "photos.read"), ("redirect_uri_sent", 1), ("grant_id", 7)],
)
def test_no_member_is_converted(member: str, value: object) -> None:
    """A member of another type makes the whole value absent (GEN-13)."""
    stored = json.loads(CODES.write(issued_code()))
    holder = stored["approval"] if member in stored["approval"] else stored
    assert CODES.read(json.dumps(stored).encode()) is not None
    holder[member] = value
    assert CODES.read(json.dumps(stored).encode()) is None


def test_a_newer_replica_may_write_more() -> None:
    """A member that is not known is ignored, so that versions can run side by side (GRPC-04)."""
    stored = {**json.loads(SESSIONS.write(SESSION)), "added_later": True}
    assert SESSIONS.read(json.dumps(stored).encode()) == SESSION
