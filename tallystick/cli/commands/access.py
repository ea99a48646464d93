"""`tallystick access`: why a token is good for a request at a protected resource, or is not."""

import os
import sys

import click

from tallystick.cli.connection import Operator
from tallystick.cli.escape import escaped
from tallystick.cli.options import for_operators, read_secret
from tallystick.cli.output import Printer
from tallystick.cli.record import record
from tallystick.cli.usage import REFUSED
from tallystick.introspect.v1 import introspection_pb2
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub


@click.group()
def access() -> None:
    """Tell why a call is allowed or denied."""


@access.command()
@click.argument("resource")
@click.argument("service")
@click.option(
    "--token-file", default="-", metavar="FILE", help="The file with the access token.  [default: standard input]"
)
@for_operators
@click.pass_context
def explain(
    context: click.Context, operator: Operator, printer: Printer, resource: str, service: str, token_file: str
) -> None:
    """Explain what RESOURCE is told when it asks whether a token is good for SERVICE.

    SERVICE is a request, such as "GET /albums/7" or /photos.v1.Albums/Get. The exit status is 0 when it is allowed and
    1 when it is denied.
    """
    if token_file == "-" and sys.stdin.isatty():
        raise click.UsageError("send the token to standard input, which shows it to nobody, or name a --token-file")
    # As they came: what they mean is for the service to judge.
    request = introspection_pb2.ExplainAccessRequest(
        token=read_secret(token_file).encode(), resource=os.fsencode(resource), service=os.fsencode(service)
    )
    with operator.introspect() as introspect:
        answer = introspect.call(IntrospectionServiceStub(introspect.channel).ExplainAccess, request)
    printer.explanation(record(answer), lines(answer))
    if not answer.verdict.allowed:
        context.exit(REFUSED)


def lines(answer: introspection_pb2.ExplainAccessResponse) -> list[str]:
    """Return the checks for people, a line for each, and the verdict last."""
    verdict = answer.verdict
    said = [f"{'passed' if step.passed else 'failed'}  {step.check:<8}  {step.finding}" for step in answer.steps]
    if verdict.allowed:
        last = f"allowed: {verdict.service}"
    else:
        last = f"denied: HTTP {verdict.http_status}, WWW-Authenticate: {verdict.www_authenticate}"
    return [escaped(line) for line in (*said, last)]
