"""The options that describe a client, and the message that they make."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2
from tallystick.cli.options import NumberOr, read_bytes, values

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
UNLIMITED, DEFAULT = "unlimited", "default"

Command = TypeVar("Command", bound=Callable[..., object])


def identity_options(command: Command) -> Command:
    """Add the options that decide what a client is, which cannot be changed later."""
    for option in (
        click.option(
            "--application-type", type=click.Choice(("web", "native")), help="[default: by its redirect URIs]"
        ),
        click.option(
            "--type", type=click.Choice(("confidential", "public")), required=True, help="Can it keep a secret?"
        ),
    ):
        command = option(command)
    return command


def settings_options(command: Command) -> Command:
    """Add the options that describe a client; a parameter is None, or empty, when its option was not given."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


_SETTINGS: tuple[Callable[[Command], Command], ...] = (
    click.option("--name", help="What people are shown; unique together with the version."),
    click.option("--version", help="The version of the application."),
    click.option("--description", help="A note for operators."),
    click.option(
        "--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="Where answers may be sent. Repeatable."
    ),
    click.option(
        "--grant",
        "grant_types",
        multiple=True,
        type=click.Choice(GRANT_TYPES),
        help="What it may exchange for a token. Repeatable.  [default: authorization_code]",
    ),
    click.option(
        "--scope", "scopes", multiple=True, metavar="SCOPE", help="What it may ask for. Repeatable; '' for nothing."
    ),
    click.option(
        "--auth-method",
        type=click.Choice(AUTH_METHODS),
        help="How it authenticates.  [default: client_secret_basic if confidential]",
    ),
    click.option(
        "--access-token-lifetime",
        type=NumberOr(1, DEFAULT),
        metavar="SECONDS",
        help=f"How long its access tokens live; '{DEFAULT}' for the deployment's choice.",
    ),
    click.option(
        "--refresh-limit",
        type=NumberOr(0, UNLIMITED),
        metavar="NUMBER",
        help=f"How often one grant may be refreshed, 0 for no refresh token.  [default: {UNLIMITED}]",
    ),
    click.option(
        "--allow-plain-pkce/--no-allow-plain-pkce", default=None, help="Whether the PKCE method plain will do."
    ),
    click.option("--title", help="The title of sign-in and consent."),
    click.option("--logo-file", metavar="FILE", help="A PNG, JPEG or WebP of at most 64 KiB; '' for none."),
    click.option("--header", help="Plain text above the form."),
    click.option("--footer", help="Plain text below the form."),
)


def settings_message(options: Mapping[str, Any]) -> tuple[client_pb2.Client, FieldMask]:
    """Return the client that the options describe, and which of its fields they name.

    `''` empties a text or a list, and a word stands for a number that is absent, so that everything can be taken back.
    """
    message = client_pb2.Client()
    paths = [
        *_set_plain(message, options),
        *_set_lists(message, options),
        *_set_numbers(message, options),
        *_set_branding(message.branding, options),
        *_set_enums(message, options),
    ]
    return message, FieldMask(paths=paths)


def _set_plain(message: client_pb2.Client, options: Mapping[str, Any]) -> Iterator[str]:
    for field in ("name", "version", "description", "allow_plain_pkce"):
        if options[field] is not None:
            setattr(message, field, options[field])
            yield field


def _set_lists(message: client_pb2.Client, options: Mapping[str, Any]) -> Iterator[str]:
    for field in ("redirect_uris", "grant_types", "scopes"):
        if options[field]:
            getattr(message, field).extend(values(options[field]))
            yield field


def _set_numbers(message: client_pb2.Client, options: Mapping[str, Any]) -> Iterator[str]:
    for option, field in (
        ("access_token_lifetime", "access_token_lifetime_seconds"),
        ("refresh_limit", "refresh_limit"),
    ):
        if isinstance(options[option], int):
            setattr(message, field, options[option])
        if options[option] is not None:
            yield field


def _set_branding(branding: client_pb2.Branding, options: Mapping[str, Any]) -> Iterator[str]:
    for field in ("title", "header", "footer"):
        if options[field] is not None:
            setattr(branding, field, options[field])
            yield f"branding.{field}"
    if options["logo_file"] is not None:
        branding.logo = read_bytes(options["logo_file"]) if options["logo_file"] else b""
        yield "branding.logo"


def _set_enums(message: client_pb2.Client, options: Mapping[str, Any]) -> Iterator[str]:
    if options["auth_method"] is not None:
        name = f"TOKEN_ENDPOINT_AUTH_METHOD_{options['auth_method'].upper()}"
        message.token_endpoint_auth_method = client_pb2.TokenEndpointAuthMethod.Value(name)
        yield "token_endpoint_auth_method"
    if options.get("type") is not None:
        message.type = client_pb2.ClientType.Value(f"CLIENT_TYPE_{options['type'].upper()}")
        yield "type"
    if options.get("application_type") is not None:
        name = f"APPLICATION_TYPE_{options['application_type'].upper()}"
        message.application_type = client_pb2.ApplicationType.Value(name)
        yield "application_type"
