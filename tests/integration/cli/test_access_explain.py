"""`tallystick access explain` answers why a call is allowed or denied."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tallystick.oauth2.client import ClientType, GrantType
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster
from tests.support.environment import program_environment
from tests.support.flow import post_token

GET, ADD = "/photos.v1.Albums/Get", "/photos.v1.Albums/Add"
CHECKS = ["token", "client", "grant", "owner", "audience", "service", "scope", "group"]


@dataclass(frozen=True, slots=True)
class Printer:
    """A client that acts for itself, with a token for photos."""

    resource: str
    scope: str
    group: str
    client_id: str
    token: str


@pytest.fixture(scope="module")
def printer(cluster: Cluster) -> Printer:
    operator = cluster.operator
    api = operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=(GrantType.CLIENT_CREDENTIALS,), scopes=["introspect"]
    )
    group = operator.create_group()
    resource = operator.create_resource(callers=[api], services=[GET, ADD], groups=[group])
    scope = operator.create_scope(covers=[(resource, GET)])
    client = operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=(GrantType.CLIENT_CREDENTIALS,), scopes=[scope]
    )
    issued = post_token(cluster.token.http_url, client, {"grant_type": "client_credentials"}).json()
    return Printer(resource.identifier, scope.name, group, client.client_id, issued["access_token"])


def test_a_denial_is_told_check_by_check(operator: Tallystick, printer: Printer) -> None:
    """People read a line for each check and the verdict last; the exit status is 1, and the token is not repeated."""
    told = operator("access", "explain", printer.resource, GET, stdin=f"{printer.token}\n")
    *steps, verdict = told.out.splitlines()
    assert (told.status, told.err) == (1, "")
    assert [line.split()[:2] for line in steps] == [*(["passed", check] for check in CHECKS[:-1]), ["failed", "group"]]
    assert steps[-1].endswith(f"client {printer.client_id} is in no group: {printer.group} may use POST {GET}")
    assert verdict == f'denied: HTTP 403, WWW-Authenticate: Bearer realm="{printer.resource}"'
    assert printer.token not in told.out


def test_scripts_get_one_object(operator: Tallystick, printer: Printer) -> None:
    """The object holds the verdict and the checks; the exit status still says what it is."""
    told = operator("access", "explain", printer.resource, ADD, "--json", stdin=printer.token)
    assert (told.status, told.err, told.out.count("\n")) == (1, "", 1)
    answer = json.loads(told.out)
    assert answer["verdict"]["allowed"] is False
    assert answer["verdict"]["denial"] == "insufficient_scope"
    assert answer["verdict"]["http_status"] == 403
    assert answer["verdict"]["token"]["scopes"] == [printer.scope]
    assert [step["check"] for step in answer["steps"]] == CHECKS[:7]
    assert answer["steps"][-1] == {
        "check": "scope",
        "passed": False,
        "finding": f"{printer.scope} does not cover POST {ADD}: no scope does",
    }


def test_what_is_allowed_succeeds(operator: Tallystick, printer: Printer, secret_file: Callable[[str], Path]) -> None:
    """Once the client is in the group the exit status is 0, the token may come from a file."""
    operator.json("group", "update", printer.group, "--client", printer.client_id)
    file = secret_file(printer.token)
    told = operator("access", "explain", printer.resource, f"POST {GET}?page=2", "--token-file", file)
    assert (told.status, told.err) == (0, "")
    assert told.out.splitlines()[-1] == f"allowed: POST {GET}"
    assert operator.json("access", "explain", printer.resource, GET, "--token-file", file)["verdict"]["allowed"] is True


@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "problem"),
    [
        (("https://a.example", GET), "", 2, "standard input must hold one line of text"),
        (("a.example", GET), "x", 1, "resource must be an absolute URI"),
    ],
    ids=["no token", "no resource"],
)
def test_what_is_no_question(
    operator: Tallystick, arguments: tuple[str, ...], stdin: str, status: int, problem: str
) -> None:
    """What cannot be asked is one line that says so."""
    told = operator("access", "explain", *arguments, stdin=stdin)
    assert told.status == status
    assert problem in told.line()


def test_hostile_bytes_are_for_no_service(operator: Tallystick, printer: Printer) -> None:
    """A request goes to the service byte for byte, whatever it is made of, and nothing of it reaches the terminal."""
    told = operator("access", "explain", printer.resource, "GET /\udcff\x1b[31m/../x", stdin=printer.token)
    assert told.status == 1
    assert told.out.splitlines()[-2].split()[:2] == ["failed", "service"]
    assert "\x1b" not in told.out


def test_a_terminal_is_not_asked_for_a_token(operator: Tallystick, printer: Printer) -> None:
    """A terminal would show the token to whoever looks on, so none is read from there."""
    ours, theirs = pty.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tallystick.cli", "access", "explain", printer.resource, GET],
            cwd=operator.folder,
            env=program_environment(operator.settings),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "send the token to standard input" in ended.stderr
