"""`tallystick group`: who may use which services; resource owners, and clients that act for themselves."""

import click
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import group_pb2
from tallystick.authorize.v1.group_pb2_grpc import GroupServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators, values
from tallystick.cli.output import Printer
from tallystick.cli.record import record

COLUMNS = ("name", "description", "users", "clients")

description_option = click.option("--description", help="What it is for.")
user_option = click.option(
    "--user", "users", multiple=True, metavar="USERNAME", help="A user who is in it. Repeatable; '' for none."
)
client_option = click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="CLIENT_ID",
    help="A client that is in it, for tokens of its own. Repeatable; '' for none.",
)


@click.group()
def group() -> None:
    """Keep the groups that decide who may use a service."""


@group.command()
@click.argument("name")
@description_option
@user_option
@client_option
@for_operators
def create(
    operator: Operator,
    printer: Printer,
    name: str,
    description: str | None,
    users: tuple[str, ...],
    clients: tuple[str, ...],
) -> None:
    """Add a group."""
    message = group_pb2.Group(name=name, description=description or "", users=values(users), clients=values(clients))
    with operator.authorize() as authorize:
        stub = GroupServiceStub(authorize.channel)
        answer = authorize.call(stub.CreateGroup, group_pb2.CreateGroupRequest(group=message))
    printer.record(record(answer.group))


@group.command(name="list")
@for_operators
def list_(operator: Operator, printer: Printer) -> None:
    """List groups."""
    with operator.authorize() as authorize:
        stub = GroupServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListGroups, group_pb2.ListGroupsRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.groups
        ]
    printer.records("groups", found, COLUMNS)


@group.command()
@click.argument("name")
@for_operators
def show(operator: Operator, printer: Printer, name: str) -> None:
    """Show a group."""
    with operator.authorize() as authorize:
        stub = GroupServiceStub(authorize.channel)
        answer = authorize.call(stub.GetGroup, group_pb2.GetGroupRequest(name=name))
    printer.record(record(answer.group))


@group.command()
@click.argument("name")
@description_option
@user_option
@client_option
@for_operators
def update(
    operator: Operator,
    printer: Printer,
    name: str,
    description: str | None,
    users: tuple[str, ...],
    clients: tuple[str, ...],
) -> None:
    """Change the words, or replace all users, or all clients.

    When the command returns, nobody who was taken out is let in any more.
    """
    changes = (("description", description is not None), ("users", bool(users)), ("clients", bool(clients)))
    paths = [path for path, given in changes if given]
    if not paths:
        raise click.UsageError("name at least one option to change")
    message = group_pb2.Group(name=name, description=description or "", users=values(users), clients=values(clients))
    request = group_pb2.UpdateGroupRequest(group=message, update_mask=FieldMask(paths=paths))
    with operator.authorize() as authorize:
        answer = authorize.call(GroupServiceStub(authorize.channel).UpdateGroup, request)
    printer.record(record(answer.group))


@group.command()
@click.argument("name")
@for_operators
def delete(operator: Operator, printer: Printer, name: str) -> None:
    """Remove a group, from services too; a service without any group admits nobody."""
    with operator.authorize() as authorize:
        stub = GroupServiceStub(authorize.channel)
        authorize.call(stub.DeleteGroup, group_pb2.DeleteGroupRequest(name=name))
    printer.done("deleted", "name", name)
