"""`tallystick resource`: the APIs that accept our tokens (RFC 8707 §2)."""

import click
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import resource_pb2
from tallystick.authorize.v1.resource_pb2_grpc import ResourceServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators, values
from tallystick.cli.output import Printer
from tallystick.cli.record import record

COLUMNS = ("identifier", "callers", "services")

caller_option = click.option(
    "--caller",
    "callers",
    multiple=True,
    metavar="CLIENT_ID",
    help="A client that may ask about its tokens. Repeatable; '' for none.",
)
service_option = click.option(
    "--service",
    "services",
    multiple=True,
    metavar="SERVICE",
    help="What it offers: /photos.v1.Albums/Get, 'GET /albums/{id}', or a folder '/photos.v1.Albums/*'. "
    "Repeatable; '' for none.",
)


@click.group()
def resource() -> None:
    """Keep the protected resources and the services that they offer."""


@resource.command()
@click.argument("identifier")
@caller_option
@service_option
@for_operators
def create(
    operator: Operator, printer: Printer, identifier: str, callers: tuple[str, ...], services: tuple[str, ...]
) -> None:
    """Add a protected resource, named by the URI that is the audience of its tokens."""
    message = resource_pb2.Resource(identifier=identifier, callers=values(callers), services=values(services))
    with operator.authorize() as authorize:
        stub = ResourceServiceStub(authorize.channel)
        answer = authorize.call(stub.CreateResource, resource_pb2.CreateResourceRequest(resource=message))
    printer.record(record(answer.resource))


@resource.command(name="list")
@for_operators
def list_(operator: Operator, printer: Printer) -> None:
    """List protected resources."""
    with operator.authorize() as authorize:
        stub = ResourceServiceStub(authorize.channel)
        found = [
            record(each)
            for page in pages(
                lambda token: authorize.call(
                    stub.ListResources, resource_pb2.ListResourcesRequest(page_size=PAGE_SIZE, page_token=token)
                )
            )
            for each in page.resources
        ]
    printer.records("resources", found, COLUMNS)


@resource.command()
@click.argument("identifier")
@for_operators
def show(operator: Operator, printer: Printer, identifier: str) -> None:
    """Show a protected resource."""
    with operator.authorize() as authorize:
        stub = ResourceServiceStub(authorize.channel)
        answer = authorize.call(stub.GetResource, resource_pb2.GetResourceRequest(identifier=identifier))
    printer.record(record(answer.resource))


@resource.command()
@click.argument("identifier")
@caller_option
@service_option
@for_operators
def update(
    operator: Operator, printer: Printer, identifier: str, callers: tuple[str, ...], services: tuple[str, ...]
) -> None:
    """Replace all callers, or all services. A service that a scope covers cannot be taken away."""
    paths = [path for path, given in (("callers", callers), ("services", services)) if given]
    if not paths:
        raise click.UsageError("name at least one option to change")
    message = resource_pb2.Resource(identifier=identifier, callers=values(callers), services=values(services))
    request = resource_pb2.UpdateResourceRequest(resource=message, update_mask=FieldMask(paths=paths))
    with operator.authorize() as authorize:
        answer = authorize.call(ResourceServiceStub(authorize.channel).UpdateResource, request)
    printer.record(record(answer.resource))


@resource.command()
@click.argument("identifier")
@for_operators
def delete(operator: Operator, printer: Printer, identifier: str) -> None:
    """Remove a protected resource that no scope covers any more."""
    with operator.authorize() as authorize:
        stub = ResourceServiceStub(authorize.channel)
        authorize.call(stub.DeleteResource, resource_pb2.DeleteResourceRequest(identifier=identifier))
    printer.done("deleted", "identifier", identifier)
