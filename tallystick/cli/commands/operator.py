"""`tallystick operator`: those who run this deployment, and their credentials."""

import click

from tallystick.authorize.v1 import operator_pb2
from tallystick.authorize.v1.operator_pb2_grpc import OperatorServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators
from tallystick.cli.output import Printer
from tallystick.cli.record import record

COLUMNS = ("name", "role", "created_at", "expires_at", "revoked_at")


@click.group()
def operator() -> None:
    """Keep the credentials of those who run this deployment."""


@operator.command()
@click.argument("name")
@click.option(
    "--role", type=click.Choice(("viewer", "admin")), required=True, help="viewer may read, admin may change as well."
)
@click.option(
    "--lifetime",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="How long the credential works.  [default: until deleted]",
)
@for_operators
def create(caller: Operator, printer: Printer, name: str, role: str, lifetime: int | None) -> None:
    """Make an operator; the credential is shown this once."""
    request = operator_pb2.CreateOperatorRequest(
        name=name,
        role=operator_pb2.OperatorRole.Value(f"OPERATOR_ROLE_{role.upper()}"),
        lifetime_seconds=lifetime,
    )
    with caller.authorize() as authorize:
        answer = authorize.call(OperatorServiceStub(authorize.channel).CreateOperator, request)
    printer.record({**record(answer.operator), "credential": answer.credential})
    printer.note("Keep the credential now, in a file with mode 0600: it is not shown again.")


@operator.command(name="list")
@for_operators
def list_(caller: Operator, printer: Printer) -> None:
    """List operators, deleted ones too."""
    with caller.authorize() as authorize:
        stub = OperatorServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListOperators, operator_pb2.ListOperatorsRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.operators
        ]
    printer.records("operators", found, COLUMNS)


@operator.command()
@click.argument("name")
@for_operators
def show(caller: Operator, printer: Printer, name: str) -> None:
    """Show an operator."""
    with caller.authorize() as authorize:
        stub = OperatorServiceStub(authorize.channel)
        answer = authorize.call(stub.GetOperator, operator_pb2.GetOperatorRequest(name=name))
    printer.record(record(answer.operator))


@operator.command()
@click.argument("name")
@for_operators
def delete(caller: Operator, printer: Printer, name: str) -> None:
    """End an operator's credential at once; the record and the name are kept."""
    with caller.authorize() as authorize:
        stub = OperatorServiceStub(authorize.channel)
        authorize.call(stub.DeleteOperator, operator_pb2.DeleteOperatorRequest(name=name))
    printer.done("deleted", "name", name)
