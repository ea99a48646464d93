"""`tallystick audit` against running services, and against one that goes away for a while."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tallystick.authorize.v1 import audit_pb2, audit_pb2_grpc, user_pb2
from tests.integration.cli.conftest import admin_settings
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster
from tests.support.operator_client import User
from tests.support.ports import free_ports
from tests.support.process import ProgramProcess

_SECONDS = 30.0


@contextmanager
def following(folder: Path, settings: dict[str, object], *arguments: str) -> Iterator[ProgramProcess]:
    """Run `audit follow`, and end it with the context if it has not ended."""
    words = ("audit", "follow", *arguments)
    process = ProgramProcess("follow", "tallystick.cli", folder, arguments=words, settings=settings)
    try:
        yield process
    finally:
        process.kill()


def until(true: Callable[[], bool], process: ProgramProcess) -> None:
    """Return once something is true; fail when it does not become so while the process runs."""
    deadline = time.monotonic() + _SECONDS
    while not true():
        assert process.is_running(), process.tail()
        assert time.monotonic() < deadline, process.tail()
        time.sleep(0.02)


def interrupt(process: ProgramProcess) -> None:
    """Do what Ctrl-C does, and see that the process ends well."""
    os.kill(process.pid, signal.SIGINT)
    ended = process.wait(_SECONDS)
    assert (ended.code, "Traceback" in ended.stderr) == (0, False)


@pytest.fixture(scope="module")
def changed(cluster: Cluster) -> User:
    """A user whom an operator made and disabled."""
    user, users = cluster.operator.create_user(), cluster.operator.users
    cluster.operator.call(users.DisableUser, user_pb2.DisableUserRequest(username=user.username))
    return user


def test_a_list_has_the_newest_first(operator: Tallystick, changed: User) -> None:
    """Scripts get every field of the events that filters leave, by name of the user as by id (OPS-04)."""
    events = operator.json("audit", "list", "--user", changed.username, "--since", "1h")["events"]
    assert [event["event"] for event in events] == ["user_disabled", "user_created"]
    assert events == operator.json("audit", "list", "--user", changed.user_id)["events"]
    disabled = events[0]
    assert list(disabled) == [field.name for field in audit_pb2.AuditEvent.DESCRIPTOR.fields]
    assert disabled["outcome"] == "success"
    assert disabled["actor"].startswith("operator:admin-")
    assert disabled["attributes"] == {"username": changed.username}
    assert disabled["request_id"]


def test_filters_and_limits_say_which_events(operator: Tallystick, cluster: Cluster, changed: User) -> None:
    """Every option reaches the service, and together they all hold (OPS-04)."""
    client = cluster.operator.create_client()

    def kinds(*arguments: str) -> list[str]:
        return [event["event"] for event in operator.json("audit", "list", *arguments)["events"]]

    of_user = ("--user", changed.user_id)
    assert kinds(*of_user, "--event", "user_created", "--event", "user_deleted", "--succeeded") == ["user_created"]
    assert kinds(*of_user, "--limit", "1") == ["user_disabled"]
    assert kinds("--client", client.client_id, "--since", "1h", "--until", "2100-01-01") == ["client_created"]
    assert kinds("--grant", changed.user_id) == kinds("--actor", "operator:nobody") == []


def test_people_get_a_line_for_each_event(operator: Tallystick, changed: User) -> None:
    """One line an event, and a note when there are more or none."""
    shown = operator("audit", "list", "--user", changed.user_id, "--limit", "1")
    [only] = shown.out.splitlines()
    assert "  success  user_disabled" in only
    assert f"user={changed.user_id}" in only
    assert f"username={changed.username}" in only
    assert "--limit" in shown.err
    none = operator("audit", "list", "--user", changed.user_id, "--refused")
    assert (none.status, none.out, none.err) == (0, "", "there are no events\n")


def test_what_cannot_be_asked_is_refused_in_one_line(operator: Tallystick) -> None:
    """A kind that is none names those that are, and a user whom nobody knows is said to be unknown."""
    assert "sign_in_refused" in operator("audit", "list", "--event", "sign_in_refuse").line()
    assert "no user" in operator("audit", "list", "--user", "nobody").line()
    assert "client_id" in operator("audit", "follow", "--client", "PhotoPrint").line()


def test_events_are_shown_as_they_come(cluster: Cluster, tmp_path: Path) -> None:
    """Each is one object in one line, those since a time first, until Ctrl-C ends it well (OPS-04)."""
    first = cluster.operator.create_scope().name
    arguments = ("--event", "scope_created", "--since", "1h", "--json")
    with following(tmp_path, admin_settings(cluster, tmp_path), *arguments) as process:

        def events() -> list[dict[str, Any]]:
            return [json.loads(line) for line in process.stdout.splitlines()]

        def scopes() -> list[str]:
            return [event["attributes"]["scope"] for event in events()]

        until(lambda: first in scopes(), process)
        second = cluster.operator.create_scope().name
        until(lambda: second in scopes(), process)
        interrupt(process)
        assert len(events()) == len({event["event_id"] for event in events()})
        assert process.stderr == ""


class Audit(audit_pb2_grpc.AuditServiceServicer):
    """An `AuditService` that has whatever it is given."""

    def __init__(self) -> None:
        self.events: list[audit_pb2.AuditEvent] = []
        self.asked = 0

    def add(self, name: str) -> None:
        """Add the newest event."""
        occurred_at = Timestamp()
        occurred_at.GetCurrentTime()
        event = audit_pb2.AuditEvent(event_id=name, occurred_at=occurred_at, event="scope_created")
        self.events.insert(0, event)

    def ListAuditEvents(  # noqa: N802 - gRPC names methods as the proto does
        self, request: audit_pb2.ListAuditEventsRequest, context: grpc.ServicerContext
    ) -> audit_pb2.ListAuditEventsResponse:
        del context
        self.asked += 1
        since = request.since.ToNanoseconds()
        events = [event for event in self.events if event.occurred_at.ToNanoseconds() >= since]
        return audit_pb2.ListAuditEventsResponse(events=events[: request.page_size])

    @contextmanager
    def served(self, port: int) -> Iterator[None]:
        """Serve, and stop at once with the context."""
        with ThreadPoolExecutor(2) as threads:
            server = grpc.server(threads, options=(("grpc.so_reuseport", 0),))
            audit_pb2_grpc.add_AuditServiceServicer_to_server(self, server)
            server.add_insecure_port(f"127.0.0.1:{port}")
            server.start()
            try:
                yield
            finally:
                server.stop(None).wait()


def test_a_restart_costs_one_note(cluster: Cluster, tmp_path: Path) -> None:
    """While authorize is away nothing ends; what came meanwhile is shown once it is back, and the old not again."""
    audit, [port] = Audit(), free_ports(1)
    audit.add("old")
    settings = admin_settings(cluster, tmp_path) | {"AUTHORIZE_TARGET": f"127.0.0.1:{port}"}
    with audit.served(port):
        process = ProgramProcess("follow", "tallystick.cli", tmp_path, arguments=("audit", "follow"), settings=settings)
        until(lambda: audit.asked >= 3, process)
        audit.add("seen")
        until(lambda: process.stdout.count("\n") == 1, process)
    until(lambda: "cannot be reached" in process.stderr, process)
    audit.add("meanwhile")
    with audit.served(port):
        until(lambda: process.stdout.count("\n") == 2, process)
        interrupt(process)
    assert process.stderr.count("\n") == 1
