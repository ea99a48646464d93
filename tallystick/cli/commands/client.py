"""`tallystick client`: the applications that may ask for authorization (RFC 6749 §2)."""

from typing import Any

import click

from tallystick.authorize.v1 import client_pb2
from tallystick.authorize.v1.client_pb2_grpc import ClientServiceStub
from tallystick.cli.commands.client_settings import identity_options, settings_message, settings_options
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators
from tallystick.cli.output import Printer
from tallystick.cli.record import record

COLUMNS = ("client_id", "name", "version", "type", "enabled", "scopes")
_SHOWN_ONCE = "Keep the client_secret now: it is not shown again."


@click.group()
def client() -> None:
    """Register the applications that may ask for authorization."""


@client.command()
@identity_options
@settings_options
@for_operators
def create(operator: Operator, printer: Printer, **settings: Any) -> None:
    """Register a client; the secret of a confidential one is shown this once."""
    message, _ = settings_message(settings)
    for option in ("name", "version"):
        if not settings[option]:
            raise click.UsageError(f"missing option --{option}")
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.CreateClient, client_pb2.CreateClientRequest(client=message))
    created = record(answer.client)
    if answer.HasField("client_secret"):
        created["client_secret"] = answer.client_secret
    printer.record(created)
    if answer.HasField("client_secret"):
        printer.note(_SHOWN_ONCE)


@client.command(name="list")
@for_operators
def list_(operator: Operator, printer: Printer) -> None:
    """List clients, without their logos."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListClients, client_pb2.ListClientsRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.clients
        ]
    printer.records("clients", found, COLUMNS)


@client.command()
@click.argument("client_id")
@for_operators
def show(operator: Operator, printer: Printer, client_id: str) -> None:
    """Show a client."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    printer.record(record(answer.client))


@client.command()
@click.argument("client_id")
@settings_options
@for_operators
def update(operator: Operator, printer: Printer, client_id: str, **settings: Any) -> None:
    """Change what the options name, and leave the rest. An option that may repeat replaces all values of before."""
    message, mask = settings_message(settings)
    if not mask.paths:
        raise click.UsageError("name at least one option to change")
    message.client_id = client_id
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.UpdateClient, client_pb2.UpdateClientRequest(client=message, update_mask=mask))
    printer.record(record(answer.client))


@client.command()
@click.argument("client_id")
@for_operators
def delete(operator: Operator, printer: Printer, client_id: str) -> None:
    """Remove a client; everything that it holds is dead."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        authorize.call(stub.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))
    printer.done("deleted", "client_id", client_id)


@client.command()
@click.argument("client_id")
@for_operators
def enable(operator: Operator, printer: Printer, client_id: str) -> None:
    """Let a disabled client act again; what it holds is good again."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.EnableClient, client_pb2.EnableClientRequest(client_id=client_id))
    printer.record(record(answer.client))


@client.command()
@click.argument("client_id")
@for_operators
def disable(operator: Operator, printer: Printer, client_id: str) -> None:
    """Refuse a client and all that it holds until it is enabled."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))
    printer.record(record(answer.client))


@client.command(name="rotate-secret")
@click.argument("client_id")
@click.option(
    "--overlap",
    type=click.IntRange(0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long the secrets of before still work; 0 ends them at once.",
)
@for_operators
def rotate_secret(operator: Operator, printer: Printer, client_id: str, overlap: int) -> None:
    """Make a new secret, shown this once."""
    request = client_pb2.RotateClientSecretRequest(client_id=client_id, overlap_seconds=overlap)
    with operator.authorize() as authorize:
        answer = authorize.call(ClientServiceStub(authorize.channel).RotateClientSecret, request)
    printer.record({"client_id": client_id, **record(answer)})
    printer.note(_SHOWN_ONCE)


@client.command(name="revoke-all")
@click.argument("client_id")
@for_operators
def revoke_all(operator: Operator, printer: Printer, client_id: str) -> None:
    """End every code, grant and token of a client for good; the client itself stays."""
    with operator.authorize() as authorize:
        stub = ClientServiceStub(authorize.channel)
        answer = authorize.call(stub.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(client_id=client_id))
    printer.record(record(answer.client))
