"""`AuditService` over a real server and database."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.authorize.adapters.postgres_audit_events import CONDITIONS
from tallystick.authorize.v1 import audit_pb2
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.audit_trail import INSERT_EVENTS, event_values
from tallystick.runtime.callers import CallerKind
from tests.rpc.operator_server import INVALID, OperatorServer, refused

ALICE, BOB, GRANT = UUID(int=0xA), UUID(int=0xB), UUID(int=0xC)
PRINTS, ALBUMS = "p" * 26, "a" * 26
EVENTS = (
    AuditEvent(EventKind.CLIENT_CREATED, actor="operator:ann", client_id=PRINTS, attributes={"name": "PhotoPrint"}),
    AuditEvent(EventKind.SIGN_IN_REFUSED, Outcome.REFUSED, user_id=BOB, detail="the password is another"),
    AuditEvent(EventKind.TOKEN_ISSUED, actor=f"client:{PRINTS}", client_id=PRINTS, user_id=BOB, grant_id=GRANT),
    AuditEvent(EventKind.TOKEN_REFUSED, Outcome.REFUSED, client_id=ALBUMS, error="invalid_client"),
    AuditEvent(EventKind.CONSENT_WITHDRAWN, actor=f"user:{ALICE}", client_id=ALBUMS, user_id=ALICE),
)


@pytest.fixture(scope="module", autouse=True)
def kept(server: OperatorServer) -> None:
    """Five events, each in a transaction of its own, so that each is later than the one before."""
    with server.database.connect() as connection:
        for event in EVENTS:
            connection.execute(INSERT_EVENTS, event_values("authorize", event))


async def read(server: OperatorServer, **fields: Any) -> audit_pb2.ListAuditEventsResponse:
    """Return a page of events."""
    page: audit_pb2.ListAuditEventsResponse = await server.call(
        server.audit.ListAuditEvents, audit_pb2.ListAuditEventsRequest(**fields)
    )
    return page


def stamp(moment: datetime) -> Timestamp:
    """Return a moment for a request."""
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def test_an_event_is_shown_as_it_was_kept(server: OperatorServer) -> None:
    """Every field of an event reaches whoever asks, a viewer too (OPS-04)."""
    request = audit_pb2.ListAuditEventsRequest(events=["client_created"])
    page = await server.call(server.audit.ListAuditEvents, request, credential=server.credentials[CallerKind.VIEWER])
    [event] = page.events
    assert UUID(event.event_id).version == 4
    assert abs(event.occurred_at.ToDatetime(UTC) - server.time()) < timedelta(minutes=1)
    assert (event.service, event.event, event.outcome) == (
        "authorize",
        "client_created",
        audit_pb2.AUDIT_OUTCOME_SUCCESS,
    )
    assert (event.actor, event.client_id, event.user_id, event.grant_id) == ("operator:ann", PRINTS, "", "")
    assert (event.error, event.detail, dict(event.attributes)) == ("", "", {"name": "PhotoPrint"})


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"events": ["token_issued"]}, [2]),
        ({"events": ["token_issued", "client_created", "token_issued", "user_deleted"]}, [2, 0]),
        ({"outcome": audit_pb2.AUDIT_OUTCOME_REFUSED}, [3, 1]),
        ({"outcome": audit_pb2.AUDIT_OUTCOME_SUCCESS}, [4, 2, 0]),
        ({"client_id": PRINTS}, [2, 0]),
        ({"client_id": "z" * 26}, []),
        ({"user_id": str(BOB)}, [2, 1]),
        ({"user_id": str(BOB).upper()}, [2, 1]),
        ({"grant_id": str(GRANT)}, [2]),
        ({"grant_id": str(uuid4())}, []),
        ({"actor": "operator:ann"}, [0]),
        ({"actor": f"user:{ALICE}"}, [4]),
        ({"actor": f"client:{PRINTS}"}, [2]),
        ({"actor": f"client:{PRINTS}", "outcome": audit_pb2.AUDIT_OUTCOME_REFUSED}, []),
        ({"user_id": str(BOB), "events": ["sign_in_refused"], "outcome": audit_pb2.AUDIT_OUTCOME_REFUSED}, [1]),
    ],
)
async def test_filters_say_which_events(server: OperatorServer, fields: dict[str, Any], found: list[int]) -> None:
    """Filters hold together, and the newest event is first (OPS-04)."""
    page = await read(server, **fields)
    assert [event.event for event in page.events] == [EVENTS[number].kind for number in found]
    assert not page.next_page_token


async def test_since_is_included_and_until_is_not(server: OperatorServer) -> None:
    """A span begins with its first moment and ends before its last (OPS-04)."""
    everything = (await read(server)).events
    second, fourth = everything[3].occurred_at, everything[1].occurred_at
    assert list((await read(server, since=second, until=fourth)).events) == list(everything[2:4])
    assert list((await read(server, since=fourth)).events) == list(everything[:2])
    assert list((await read(server, until=second)).events) == list(everything[4:])
    assert not (await read(server, since=stamp(server.time() + timedelta(days=2)))).events
    assert not (await read(server, until=stamp(datetime(1, 1, 1, tzinfo=UTC)))).events


@pytest.mark.parametrize("size", [1, 2, 4, 5])
async def test_pages_make_up_the_audit(server: OperatorServer, size: int) -> None:
    """Pages of any size hold each event once and in order, those of one moment too (OPS-04)."""
    with server.database.connect() as connection, connection.transaction():
        connection.execute(
            """INSERT INTO audit_events (day, event_id, occurred_at, service, event, outcome)
            SELECT day, gen_random_uuid(), occurred_at, 'token', 'refreshed', 'success'
            FROM audit_events, generate_series(1, 3) WHERE event = 'token_issued'"""
        )
    try:
        whole = list((await read(server)).events)
        found: list[audit_pb2.AuditEvent] = []
        token = ""
        while True:
            page = await read(server, page_size=size, page_token=token)
            assert 1 <= len(page.events) <= size
            found += page.events
            token = page.next_page_token
            if not token:
                break
        assert found == whole
        assert len(whole) == len(EVENTS) + 3
    finally:
        with server.database.connect() as connection:
            connection.execute("DELETE FROM audit_events WHERE event = 'refreshed'")


async def test_what_comes_meanwhile_moves_no_page(server: OperatorServer) -> None:
    """A page goes on where the one before ended, whatever was written since (OPS-04)."""
    first = await read(server, page_size=2)
    with server.database.connect() as connection:
        connection.execute(INSERT_EVENTS, event_values("token", AuditEvent(EventKind.REFRESHED)))
    try:
        second = await read(server, page_size=2, page_token=first.next_page_token)
        assert [event.event for event in second.events] == [EVENTS[2].kind, EVENTS[1].kind]
    finally:
        with server.database.connect() as connection:
            connection.execute("DELETE FROM audit_events WHERE event = 'refreshed'")


def forged(key: str) -> str:
    """Return a page token that ends with a key."""
    return urlsafe_b64encode(f"audit_events:{key}".encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"events": ["sign_in_refuse"]}, ("events", "'sign_in_refuse'", "sign_in_refused", "token_issued")),
        ({"events": [""]}, ("events", "token_issued")),
        ({"events": ["x" * 500]}, ("events", "x…")),
        ({"outcome": 7}, ("outcome", "7")),
        ({"client_id": "PhotoPrint"}, ("client_id", "not its name")),
        ({"client_id": "a\0"}, ("client_id",)),
        ({"user_id": "bob"}, ("user_id", "UUID", "'bob'")),
        ({"user_id": "{" + str(BOB) + "}"}, ("user_id", "UUID")),
        ({"user_id": BOB.hex}, ("user_id", "UUID")),
        ({"grant_id": "1"}, ("grant_id", "UUID")),
        ({"actor": "ann"}, ("actor", "operator:NAME")),
        ({"actor": "user:bob"}, ("actor", "user:UUID")),
        ({"actor": "operator:"}, ("actor",)),
        ({"actor": "operator:ann\0"}, ("actor",)),
        ({"since": Timestamp(seconds=2**60)}, ("since", "years")),
        ({"since": Timestamp(seconds=-(2**60))}, ("since", "years")),
        ({"until": Timestamp(nanos=-5)}, ("until", "timestamp")),
        ({"since": Timestamp(seconds=5), "until": Timestamp(seconds=5)}, ("until", "since")),
        ({"page_size": -1}, ("page_size",)),
        ({"page_size": 1001}, ("page_size",)),
        ({"page_token": "x"}, ("page_token",)),
        ({"page_token": forged("key")}, ("page_token",)),
        ({"page_token": forged(f"2026-01-01T00:00:00 {BOB}")}, ("page_token",)),
        ({"page_token": forged("2026-01-01T00:00:00+00:00 bob")}, ("page_token",)),
        ({"page_token": urlsafe_b64encode(b"clients:a").decode().rstrip("=")}, ("page_token",)),
    ],
)
async def test_a_wrong_filter_is_said_to_be_wrong(
    server: OperatorServer, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    """What no event can have is an invalid argument that names the field, never an empty list (GRPC-03)."""
    with refused(INVALID, *words):
        await read(server, **fields)


@pytest.mark.parametrize("key", [f"0001-01-01T00:00:00+14:00 {BOB}", f"9999-12-31T23:59:59-14:00 {BOB}"])
async def test_a_forged_place_is_a_place(server: OperatorServer, key: str) -> None:
    """A token that names any moment leads there or is refused, and breaks nothing (GRPC-03)."""
    page = await read(server, page_token=forged(key))
    assert len(page.events) in {0, len(EVENTS)}


async def test_an_event_of_a_newer_version_is_shown(server: OperatorServer) -> None:
    """What this version does not know yet is no reason to hide anything (OPS-04)."""
    with server.database.connect() as connection:
        connection.execute(
            """INSERT INTO audit_events (day, event_id, occurred_at, service, event, outcome)
            SELECT day, gen_random_uuid(), occurred_at, 'token', 'something_new', 'success'
            FROM audit_events WHERE event = 'client_created'"""
        )
    try:
        assert "something_new" in [event.event for event in (await read(server)).events]
    finally:
        with server.database.connect() as connection:
            connection.execute("DELETE FROM audit_events WHERE event = 'something_new'")


@pytest.mark.parametrize("name", CONDITIONS)
async def test_every_filter_has_an_index(server: OperatorServer, name: str) -> None:
    """Where reading a whole partition is forbidden, each filter is still answered from an index (OPS-04)."""
    now = server.time()
    values = {
        "kinds": ["client_deleted"],
        "outcome": "refused",
        "client_id": PRINTS,
        "user_id": BOB,
        "grant_id": GRANT,
        "actor": "operator:ann",
        **dict.fromkeys(("since", "until", "after"), now),
        **dict.fromkeys(("since_day", "until_day", "after_day"), int(now.timestamp()) // 86_400),
        "after_id": BOB,
    }
    with server.database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        explained = f"EXPLAIN SELECT FROM audit_events WHERE {CONDITIONS[name]}"
        plan = "\n".join(row["QUERY PLAN"] for row in connection.execute(explained, values).fetchall())
    assert "Index" in plan
    assert "Seq Scan" not in plan
