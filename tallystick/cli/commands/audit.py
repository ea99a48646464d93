"""`tallystick audit`: what was decided at authorize and token, and why."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import wraps
from itertools import islice
from typing import Any

import click

from tallystick.authorize.v1 import audit_pb2
from tallystick.authorize.v1.audit_pb2_grpc import AuditServiceStub
from tallystick.cli.audit_follower import Follower
from tallystick.cli.audit_line import line
from tallystick.cli.connection import Connection, NoAnswer, Operator, pages
from tallystick.cli.moment import Moment
from tallystick.cli.options import for_operators
from tallystick.cli.output import Printer
from tallystick.cli.record import record
from tallystick.cli.usage import in_one_line
from tallystick.cli.user_id import user_id

_LARGEST_PAGE = 1000
_SECONDS_BETWEEN_QUESTIONS = 1.0

_since = click.option("--since", type=Moment(), metavar="TIME", help="Since then: 30m, 2d or 2026-01-31T12:00Z.")


def _filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which events, and hand it the request that asks for them."""

    @click.option(
        "--event", "events", multiple=True, metavar="EVENT", help="Only of this kind, such as sign_in_refused."
    )
    @click.option("--refused", "outcome", flag_value="refused", help="Only what was refused.")
    @click.option("--succeeded", "outcome", flag_value="success", help="Only what was done.")
    @click.option("--client", "client_id", default="", metavar="CLIENT_ID", help="Only about this client.")
    @click.option("--user", default="", metavar="USER", help="Only about this user, by name or user_id.")
    @click.option("--grant", "grant_id", default="", metavar="GRANT_ID", help="Only about this grant.")
    @click.option("--actor", default="", metavar="ACTOR", help="Only by user:ID, client:ID or operator:NAME.")
    @for_operators
    @wraps(command)
    def with_request(
        operator: Operator,
        printer: Printer,
        *,
        events: tuple[str, ...],
        outcome: str | None,
        client_id: str,
        user: str,
        grant_id: str,
        actor: str,
        **further: Any,
    ) -> None:
        wanted = audit_pb2.ListAuditEventsRequest(
            events=events,
            outcome=audit_pb2.AuditOutcome.Value(f"AUDIT_OUTCOME_{(outcome or 'unspecified').upper()}"),
            client_id=client_id,
            user_id=user_id(operator, user),
            grant_id=grant_id,
            actor=actor,
        )
        command(operator, printer, wanted, **further)

    return with_request


@click.group()
def audit() -> None:
    """Show what was decided, by whom and why."""


@audit.command(name="list")
@_since
@click.option("--until", type=Moment(), metavar="TIME", help="Before then.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at the most.")
@_filtered
def list_(
    operator: Operator,
    printer: Printer,
    wanted: audit_pb2.ListAuditEventsRequest,
    *,
    since: datetime | None,
    until: datetime | None,
    limit: int,
) -> None:
    """List events, the newest first."""
    if until is not None:
        wanted.until.FromDatetime(until)
    with operator.authorize() as authorize:
        found = list(islice(_events(authorize, wanted, since, page_size=limit + 1), limit + 1))
    shown = found[:limit]
    printer.lines("events", [record(event) for event in shown], [line(event) for event in shown])
    if len(found) > limit:
        printer.note(f"There are more than {limit} events: --limit shows more of them.")


@audit.command()
@_since
@_filtered
def follow(
    operator: Operator, printer: Printer, wanted: audit_pb2.ListAuditEventsRequest, *, since: datetime | None
) -> None:
    """Print events as they come, those since a time first, until it is interrupted."""
    try:
        with operator.authorize() as authorize:
            follower = Follower(lambda moment: _events(authorize, wanted, moment), since)
            if since is None:
                follower.skip(next(_events(authorize, wanted, None, page_size=1), None))
            _print_for_ever(follower, printer)
    except KeyboardInterrupt:
        return


def _print_for_ever(follower: Follower, printer: Printer) -> None:
    answered = True
    while True:
        try:
            new = follower.new()
            answered = True
        except NoAnswer as failure:
            new = ()
            if answered:
                printer.note(f"{in_one_line(failure.message)}; what is new is shown once there is an answer")
            answered = False
        for event in new:
            printer.one_of_many(record(event), line(event))
        time.sleep(_SECONDS_BETWEEN_QUESTIONS)


def _events(
    authorize: Connection,
    wanted: audit_pb2.ListAuditEventsRequest,
    since: datetime | None,
    *,
    page_size: int = _LARGEST_PAGE,
) -> Iterator[audit_pb2.AuditEvent]:
    """Return the events that are wanted, of those since a moment, the newest first."""
    stub = AuditServiceStub(authorize.channel)
    asked = audit_pb2.ListAuditEventsRequest()
    asked.CopyFrom(wanted)
    asked.page_size = min(page_size, _LARGEST_PAGE)
    if since is not None:
        asked.since.FromDatetime(since)

    def read(page_token: str) -> audit_pb2.ListAuditEventsResponse:
        asked.page_token = page_token
        return authorize.call(stub.ListAuditEvents, asked)

    return (event for page in pages(read) for event in page.events)
