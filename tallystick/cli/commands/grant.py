"""`tallystick grant`: what resource owners granted, and how it is ended."""

from itertools import islice

import click

from tallystick.cli import grant_story
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators
from tallystick.cli.output import Printer
from tallystick.cli.record import record
from tallystick.cli.user_id import user_id
from tallystick.token.v1 import grant_pb2
from tallystick.token.v1.grant_pb2_grpc import GrantServiceStub

COLUMNS = ("grant_id", "client_id", "user_id", "scopes", "created_at", "live", "ended_at", "end_reason")


@click.group()
def grant() -> None:
    """Show and end what resource owners granted."""


@grant.command(name="list")
@click.option("--client", "client_id", default="", metavar="CLIENT_ID", help="Only this client's.")
@click.option("--user", default="", metavar="USER", help="Only this user's, by name or user_id.")
@click.option("--ended", is_flag=True, help="Ended ones too.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many at the most.")
@for_operators
def list_(operator: Operator, printer: Printer, client_id: str, user: str, ended: bool, limit: int) -> None:  # noqa: FBT001 - click hands over flags so
    """List grants, the newest first."""
    wanted_user = user_id(operator, user)
    with operator.token() as token:
        stub = GrantServiceStub(token.channel)
        every = (
            record(each)
            for page in pages(
                lambda page_token: token.call(
                    stub.ListGrants,
                    grant_pb2.ListGrantsRequest(
                        client_id=client_id,
                        user_id=wanted_user,
                        include_ended=ended,
                        page_size=min(limit + 1, PAGE_SIZE),
                        page_token=page_token,
                    ),
                )
            )
            for each in page.grants
        )
        found = list(islice(every, limit + 1))
    printer.records("grants", found[:limit], COLUMNS)
    if len(found) > limit:
        printer.note(f"There are more than {limit} grants: --limit shows more of them.")


@grant.command()
@click.argument("grant_id")
@for_operators
def show(operator: Operator, printer: Printer, grant_id: str) -> None:
    """Show a grant and what happened to it, which tells why somebody was signed out."""
    with operator.token() as token:
        stub = GrantServiceStub(token.channel)
        answer = token.call(stub.GetGrantTimeline, grant_pb2.GetGrantTimelineRequest(grant_id=grant_id))
    events = [record(event) for event in answer.events]
    printer.record_with(record(answer.grant), "events", events, grant_story.COLUMNS, list(map(grant_story.row, events)))


@grant.command()
@click.argument("grant_id")
@for_operators
def revoke(operator: Operator, printer: Printer, grant_id: str) -> None:
    """End a grant with all its tokens, for good."""
    with operator.token() as token:
        stub = GrantServiceStub(token.channel)
        answer = token.call(stub.RevokeGrant, grant_pb2.RevokeGrantRequest(grant_id=grant_id))
    printer.record(record(answer.grant))
