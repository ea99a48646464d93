"""A grant's events as people read them (`tallystick.cli.grant_story`)."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tallystick.cli.grant_story import COLUMNS, row
from tallystick.cli.record import record
from tallystick.token.v1.grant_pb2 import GrantEvent


def told(event: str, *, actor: str = "", source: str = "", detail: str = "", **attributes: str) -> tuple[str, ...]:
    """Return the cells of an event of half past eight."""
    message = GrantEvent(
        occurred_at=Timestamp(seconds=1_795_374_600, nanos=5),
        event=event,
        outcome="success",
        actor=actor,
        source=source,
        detail=detail,
        attributes=attributes,
    )
    return row(record(message))


def test_an_event_is_read_from_left_to_right() -> None:
    """When, what, by whom, from where and why stand in one line."""
    told_it = told("user_disabled", actor="operator:ann", source="192.0.2.7", detail="left the company")
    when = "2026-11-22T19:10:00Z"
    assert told_it == (when, "the user was disabled", "operator:ann", "192.0.2.7", "left the company")
    assert len(told_it) == len(COLUMNS)


@pytest.mark.parametrize(
    ("event", "attributes", "expected"),
    [
        (
            "token_issued",
            {"scope": "photos.read", "label": "a trip", "generation": "0"},
            "the code bought the first tokens, generation 0, for photos.read, label “a trip”",
        ),
        (
            "refreshed",
            {"generation": "3", "refreshes_left": "2", "scope": "a b"},
            "refreshed, generation 3, 2 refreshes left, for a b",
        ),
        ("refresh_reused", {}, "a refresh token was used long after it had been replaced: two have it"),
        ("something_new", {"unknown": "x"}, "something new"),
    ],
)
def test_what_happened_is_told_in_words(event: str, attributes: dict[str, str], expected: str) -> None:
    """Known events have words of their own, with what matters of their attributes, and unknown ones are still told."""
    assert told(event, **attributes)[1] == expected


def test_an_end_says_why() -> None:
    """The reason of an end stands in plain words."""
    assert told("grant_ended", end_reason="revoked_by_operator")[4] == "an operator ended it"
    assert told("grant_ended", end_reason="of a later version")[4] == "-"


def test_who_only_named_itself_is_told_apart() -> None:
    """A public client that proved nothing is shown so."""
    assert told("refreshed", actor="client:abc", authenticated="false")[2] == "client:abc (by name only)"
    assert told("refreshed", actor="client:abc")[2] == "client:abc"
    assert told("token_refused")[2:] == ("-", "-", "-")


def test_nothing_is_obeyed_by_a_terminal() -> None:
    """Whatever a client wrote into its label is shown and not obeyed."""
    cells = told("token_issued\x1b[2J", actor="client:\x1b", source="\r", detail="\x9b", label="\u202e")
    assert not any(character in text for text in cells for character in "\x1b\r\x9b\u202e")
