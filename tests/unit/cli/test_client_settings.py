"""The options of a client, and the message that they make."""

from pathlib import Path
from typing import Any

import click
import pytest

from tallystick.authorize.v1 import client_pb2
from tallystick.cli.commands.client_settings import identity_options, settings_message, settings_options


def parsed(*arguments: str) -> dict[str, Any]:
    """Return what a command with all options of a client is given."""
    command = identity_options(settings_options(click.Command("create")))
    return dict(command.make_context("create", ["--type", "public", *arguments]).params)


def test_only_what_was_given_is_named() -> None:
    """Options that were not given appear neither in the message nor in the mask."""
    message, mask = settings_message(parsed())
    assert message == client_pb2.Client(type=client_pb2.CLIENT_TYPE_PUBLIC)
    assert mask.paths == ["type"]


def test_every_option_has_its_field(tmp_path: Path) -> None:
    """Values go where the proto has them, and the mask names each."""
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG")
    message, mask = settings_message(
        parsed(
            *("--name", "PhotoPrint", "--version", "2", "--description", "d", "--application-type", "native"),
            *("--redirect-uri", "com.example.app:/a", "--redirect-uri", "com.example.app:/b"),
            *("--grant", "authorization_code", "--grant", "refresh_token", "--scope", "a", "--scope", "b"),
            *("--auth-method", "none", "--access-token-lifetime", "60", "--refresh-limit", "0"),
            *("--allow-plain-pkce", "--title", "T", "--logo-file", str(logo), "--header", "H", "--footer", "F"),
        )
    )
    assert message == client_pb2.Client(
        name="PhotoPrint",
        version="2",
        description="d",
        type=client_pb2.CLIENT_TYPE_PUBLIC,
        application_type=client_pb2.APPLICATION_TYPE_NATIVE,
        redirect_uris=["com.example.app:/a", "com.example.app:/b"],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method=client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_NONE,
        scopes=["a", "b"],
        access_token_lifetime_seconds=60,
        refresh_limit=0,
        allow_plain_pkce=True,
        branding=client_pb2.Branding(title="T", logo=b"\x89PNG", header="H", footer="F"),
    )
    assert set(mask.paths) == {
        *("name", "version", "description", "type", "application_type", "redirect_uris", "grant_types", "scopes"),
        *("token_endpoint_auth_method", "access_token_lifetime_seconds", "refresh_limit", "allow_plain_pkce"),
        *("branding.title", "branding.logo", "branding.header", "branding.footer"),
    }


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("--description", ""), "description"),
        (("--scope", ""), "scopes"),
        (("--redirect-uri", ""), "redirect_uris"),
        (("--access-token-lifetime", "default"), "access_token_lifetime_seconds"),
        (("--refresh-limit", "unlimited"), "refresh_limit"),
        (("--no-allow-plain-pkce",), "allow_plain_pkce"),
        (("--title", ""), "branding.title"),
        (("--logo-file", ""), "branding.logo"),
    ],
)
def test_everything_can_be_taken_back(arguments: tuple[str, ...], path: str) -> None:
    """An empty value, or the word for none, names a field and leaves it empty."""
    message, mask = settings_message(parsed(*arguments))
    assert list(mask.paths) == [path, "type"]
    assert message.SerializeToString() in {
        client_pb2.Client(type=client_pb2.CLIENT_TYPE_PUBLIC).SerializeToString(),
        client_pb2.Client(type=client_pb2.CLIENT_TYPE_PUBLIC, branding=client_pb2.Branding()).SerializeToString(),
    }
