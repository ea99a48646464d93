"""`tallystick resource`: the APIs that accept our tokens (RFC 8707 §2)."""

from collections.abc import Iterable

import click
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import resource_pb2
from tallystick.authorize.v1.resource_pb2_grpc import ResourceServiceStub
from tallystick.cli.connection import PAGE_SIZE, Operator, pages
from tallystick.cli.options import for_operators, values
from tallystick.cli.output import Printer
from tallystick.cli.record import record
from tallystick.oauth2.service_name import MalformedServiceName, parse_service_name

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
group_option = click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP",
    help="A group that may use the services of this command. Repeatable; '' for none, which admits nobody.",
)


@click.group()
def resource() -> None:
    """Keep the protected resources and the services that they offer."""


@resource.command()
@click.argument("identifier")
@caller_option
@service_option
@group_option
@for_operators
def create(
    operator: Operator,
    printer: Printer,
    identifier: str,
    callers: tuple[str, ...],
    services: tuple[str, ...],
    groups: tuple[str, ...],
) -> None:
    """Add a protected resource, named by the URI that is the audience of its tokens.

    Each --group may use all services that are named; `update` gives groups to single ones.
    """
    if values(groups) and not values(services):
        raise click.UsageError("--group needs a --service that the group may use")
    message = resource_pb2.Resource(
        identifier=identifier,
        callers=values(callers),
        services=values(services),
        service_groups=_used_by(values(services), groups),
    )
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
@group_option
@for_operators
def update(
    operator: Operator,
    printer: Printer,
    identifier: str,
    callers: tuple[str, ...],
    services: tuple[str, ...],
    groups: tuple[str, ...],
) -> None:
    """Replace all callers, all services, or who may use them.

    --service alone replaces all services, and those that stay keep their groups; one that a scope covers cannot be
    taken away. --group alone says who may use each service there is. Together they say who may use just the services
    that are named, which are added if they are new; all others stay as they are.
    """
    if not (callers or services or groups):
        raise click.UsageError("name at least one option to change")
    if groups and services and not values(services):
        raise click.UsageError("--group needs a --service that the group may use, or none at all for every service")
    with operator.authorize() as authorize:
        stub = ResourceServiceStub(authorize.channel)
        message, paths = resource_pb2.Resource(identifier=identifier), []
        if callers:
            message.callers.extend(values(callers))
            paths.append("callers")
        if services and not groups:
            message.services.extend(values(services))
            paths.append("services")
        if groups:
            present = authorize.call(stub.GetResource, resource_pb2.GetResourceRequest(identifier=identifier)).resource
            changed = _used_by(values(services) or present.services, groups)
            names = {each.service for each in changed}
            message.service_groups.extend(each for each in present.service_groups if each.service not in names)
            message.service_groups.extend(changed)
            paths.append("service_groups")
            if not names <= set(present.services):
                message.services.extend({*present.services, *names})
                paths.append("services")
        request = resource_pb2.UpdateResourceRequest(resource=message, update_mask=FieldMask(paths=paths))
        answer = authorize.call(stub.UpdateResource, request)
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


def _used_by(services: Iterable[str], groups: tuple[str, ...]) -> list[resource_pb2.ServiceGroups]:
    # Two ways of writing one service are one service.
    return [
        resource_pb2.ServiceGroups(service=service, groups=values(groups))
        for service in dict.fromkeys(map(_canonical, services))
    ]


def _canonical(service: str) -> str:
    """Return the one way of writing a service; what is none is left for authorize to refuse."""
    try:
        return str(parse_service_name(service))
    except MalformedServiceName:
        return service
