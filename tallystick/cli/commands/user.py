"""`tallystick user`: the resource owners who sign in (RFC 6749 §1.1)."""

import click

from tallystick.authorize.v1 import user_pb2
from tallystick.authorize.v1.user_pb2_grpc import UserServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators, read_secret
from tallystick.cli.output import Printer
from tallystick.cli.record import record

COLUMNS = ("user_id", "username", "enabled", "created_at")

password_option = click.option(
    "--password-file", required=True, metavar="FILE", help="The file with the password, - for standard input."
)


@click.group()
def user() -> None:
    """Keep the resource owners who sign in."""


@user.command()
@click.argument("username")
@password_option
@for_operators
def create(operator: Operator, printer: Printer, username: str, password_file: str) -> None:
    """Add a user."""
    request = user_pb2.CreateUserRequest(username=username, password=read_secret(password_file))
    with operator.authorize() as authorize:
        answer = authorize.call(UserServiceStub(authorize.channel).CreateUser, request)
    printer.record(record(answer.user))


@user.command(name="list")
@for_operators
def list_(operator: Operator, printer: Printer) -> None:
    """List users."""
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListUsers, user_pb2.ListUsersRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.users
        ]
    printer.records("users", found, COLUMNS)


@user.command()
@click.argument("username")
@for_operators
def show(operator: Operator, printer: Printer, username: str) -> None:
    """Show a user."""
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        answer = authorize.call(stub.GetUser, user_pb2.GetUserRequest(username=username))
    printer.record(record(answer.user))


@user.command()
@click.argument("username")
@password_option
@for_operators
def update(operator: Operator, printer: Printer, username: str, password_file: str) -> None:
    """Replace the password; what was granted before and every session end."""
    request = user_pb2.SetUserPasswordRequest(username=username, password=read_secret(password_file))
    with operator.authorize() as authorize:
        answer = authorize.call(UserServiceStub(authorize.channel).SetUserPassword, request)
    printer.record(record(answer.user))


@user.command()
@click.argument("username")
@for_operators
def delete(operator: Operator, printer: Printer, username: str) -> None:
    """Remove a user; everything that the user granted is dead."""
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        authorize.call(stub.DeleteUser, user_pb2.DeleteUserRequest(username=username))
    printer.done("deleted", "username", username)


@user.command()
@click.argument("username")
@for_operators
def enable(operator: Operator, printer: Printer, username: str) -> None:
    """Let a disabled user sign in again; what was granted is good again."""
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        answer = authorize.call(stub.EnableUser, user_pb2.EnableUserRequest(username=username))
    printer.record(record(answer.user))


@user.command()
@click.argument("username")
@for_operators
def disable(operator: Operator, printer: Printer, username: str) -> None:
    """Refuse a user, and all that was granted, until enabled."""
    with operator.authorize() as authorize:
        stub = UserServiceStub(authorize.channel)
        answer = authorize.call(stub.DisableUser, user_pb2.DisableUserRequest(username=username))
    printer.record(record(answer.user))
