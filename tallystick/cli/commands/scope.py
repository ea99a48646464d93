"""`tallystick scope`: what clients may ask for, and what each reaches (RFC 6749 §3.3)."""

import click
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import scope_pb2
from tallystick.authorize.v1.scope_pb2_grpc import ScopeServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators, values
from tallystick.cli.output import Printer, cell
from tallystick.cli.record import record

COLUMNS = ("name", "description", "covers", "version")
COVERED_COLUMNS = ("resource", "service", "groups")

description_option = click.option("--description", help="What people are told that it allows.")
cover_option = click.option(
    "--cover",
    "covers",
    multiple=True,
    metavar="RESOURCE#SERVICE",
    help="A service, or folder of services, that it reaches. Repeatable; '' for none.",
)


@click.group()
def scope() -> None:
    """Keep the scopes that clients may ask for."""


@scope.command()
@click.argument("name")
@description_option
@cover_option
@for_operators
def create(operator: Operator, printer: Printer, name: str, description: str | None, covers: tuple[str, ...]) -> None:
    """Add a scope."""
    message = scope_pb2.Scope(name=name, description=description or "", covers=cover_messages(covers))
    with operator.authorize() as authorize:
        stub = ScopeServiceStub(authorize.channel)
        answer = authorize.call(stub.CreateScope, scope_pb2.CreateScopeRequest(scope=message))
    printer.record(record(answer.scope))


@scope.command(name="list")
@for_operators
def list_(operator: Operator, printer: Printer) -> None:
    """List scopes."""
    with operator.authorize() as authorize:
        stub = ScopeServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListScopes, scope_pb2.ListScopesRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.scopes
        ]
    printer.records("scopes", found, COLUMNS)


@scope.command()
@click.argument("name")
@for_operators
def show(operator: Operator, printer: Printer, name: str) -> None:
    """Show a scope, and which services it really covers, folders opened, with the groups that may use them."""
    with operator.authorize() as authorize:
        stub = ScopeServiceStub(authorize.channel)
        answer = authorize.call(stub.GetScope, scope_pb2.GetScopeRequest(name=name))
    covered = [record(each) for each in answer.covered_services]
    rows = [tuple(cell(each[column]) for column in COVERED_COLUMNS) for each in covered]
    printer.record_with(record(answer.scope), "covered_services", covered, COVERED_COLUMNS, rows)


@scope.command()
@click.argument("name")
@description_option
@cover_option
@for_operators
def update(operator: Operator, printer: Printer, name: str, description: str | None, covers: tuple[str, ...]) -> None:
    """Change the words, or replace all covers. Other words or a wider cover make people be asked again."""
    paths = [path for path, given in (("description", description is not None), ("covers", bool(covers))) if given]
    if not paths:
        raise click.UsageError("name at least one option to change")
    message = scope_pb2.Scope(name=name, description=description or "", covers=cover_messages(covers))
    request = scope_pb2.UpdateScopeRequest(scope=message, update_mask=FieldMask(paths=paths))
    with operator.authorize() as authorize:
        answer = authorize.call(ScopeServiceStub(authorize.channel).UpdateScope, request)
    printer.record(record(answer.scope))


@scope.command()
@click.argument("name")
@for_operators
def delete(operator: Operator, printer: Printer, name: str) -> None:
    """Remove a scope; tokens lose it at once."""
    with operator.authorize() as authorize:
        stub = ScopeServiceStub(authorize.channel)
        authorize.call(stub.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))
    printer.done("deleted", "name", name)


def cover_messages(covers: tuple[str, ...]) -> list[scope_pb2.Cover]:
    """Return the covers that were named; raise a usage error for one that is not RESOURCE#SERVICE."""
    return [_cover(text) for text in values(covers)]


def _cover(text: str) -> scope_pb2.Cover:
    # A resource has no fragment (RFC 8707 §2), so the first # is where it ends.
    resource, separator, service = text.partition("#")
    if not (resource and separator and service):
        raise click.UsageError(f"--cover {text!r} must read like https://photos.example#/photos.v1.Albums/Get")
    return scope_pb2.Cover(resource=resource, service=service)
