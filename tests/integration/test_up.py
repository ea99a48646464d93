"""`tallystick up`: everything on one machine, as somebody at a terminal meets it."""

import html
import json
import os
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from urllib.parse import urlencode, urljoin

import httpx
import pytest

from tallystick.local import processes
from tallystick.local.children import STOP_SECONDS
from tallystick.local.ports import DEFAULTS
from tallystick.local.processes import Process
from tests.support.cluster import DRAIN_SECONDS
from tests.support.databases import Database
from tests.support.environment import ROOT, program_environment
from tests.support.pages import only_form

pytestmark = pytest.mark.timeout(90)

SECONDS = 45.0
LAST_ROW = "Stop"
LINK = re.compile(r'id="continue" href="([^"]+)"')


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every account can enter, unlike pytest's own: root's servers run as another."""
    with tempfile.TemporaryDirectory(prefix="tallystick-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Up:
    """The command, running."""

    def __init__(self, data: Path, ports: Mapping[str, int], arguments: list[str], settings: Mapping[str, str]) -> None:
        self.data = data
        self.ports = ports
        self.process = subprocess.Popen(
            command(data, ports, arguments),
            cwd=ROOT,
            env=program_environment({"DRAIN_SECONDS": DRAIN_SECONDS, **settings}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.box: dict[str, str] = {}

    def wait_for_box(self) -> None:
        """Read until the last row of the box."""
        assert self.process.stdout is not None
        deadline = Timer(SECONDS, self.process.kill)
        deadline.start()
        for line in self.process.stdout:
            name, _, text = line.strip().partition("  ")
            self.box[name] = text.strip()
            if name == LAST_ROW:
                break
        deadline.cancel()
        assert LAST_ROW in self.box, self.process.communicate(timeout=SECONDS)

    def family(self) -> list[Process]:
        """Return the processes that it has started, and their children."""
        children = [each for each in processes.family(self.process.pid) if each.pid != self.process.pid]
        return [member for child in children for member in processes.family(child.pid)]

    def child(self, words: str) -> Process:
        """Return the one with these words in its command line."""
        return next(each for each in self.family() if words in each.command)

    def stop(self, request: signal.Signals = signal.SIGINT) -> int:
        """Ask for the end and return the exit status."""
        self.process.send_signal(request)
        return self.process.wait(SECONDS)


@contextmanager
def running_up(
    data: Path, *arguments: str, ports: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Up]:
    """Give a run that is up, and see to it that nothing of it is left."""
    up = Up(data, ports or chosen_ports(), list(arguments), settings or {})
    try:
        up.wait_for_box()
        yield up
    finally:
        left = up.family()
        up.process.terminate()
        up.process.communicate(timeout=SECONDS)
        wait_until_gone(left)


def command(data: Path, ports: Mapping[str, int], arguments: list[str]) -> list[str]:
    """Return a command line of its own ports."""
    choices = [f"--port={name}={port}" for name, port in ports.items()]
    return [sys.executable, "-m", "tallystick.cli", "up", f"--data={data}", *choices, *arguments]


def chosen_ports() -> dict[str, int]:
    """Return free ports for all names, from where no outgoing connection takes them before they are used."""
    candidates = random.sample(range(20_000, 32_000), 4 * len(DEFAULTS))
    return dict(zip(DEFAULTS, filter(is_free, candidates), strict=False))


def is_free(port: int) -> bool:
    """Tell whether nobody has a port."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def wait_until_gone(members: list[Process]) -> None:
    """Return when none of these runs any more."""
    deadline = time.monotonic() + SECONDS
    while left := [each for each in members if (found := processes.find(each.pid)) and found.started == each.started]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def refusal(data: Path, *arguments: str, ports: Mapping[str, int] | None = None, **settings: str) -> tuple[int, str]:
    """Run the command where it must refuse to start, and return its status and its only line."""
    result = subprocess.run(
        command(data, ports or chosen_ports(), list(arguments)),
        cwd=ROOT,
        env=program_environment(settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.returncode, result.stderr


def photos_shown(up: Up, variant: str, scopes: tuple[str, ...] = ("albums.read", "albums.write")) -> str:
    """Walk the demo as bob, ticking these scopes, and return the page that ends it."""
    password = json.loads((up.data / "demo.json").read_text())["passwords"]["bob"]
    assert f"bob / {password}" in up.box["sign in as"]
    with httpx.Client(follow_redirects=True, timeout=SECONDS, trust_env=False) as browser:
        assert browser.get(up.box["Demo"]).status_code == httpx.codes.OK
        request = browser.post(f"{up.box['Demo']}/begin/{variant}")
        page = browser.get(html.unescape(LINK.findall(request.text)[0]))
        page = submit(browser, page, {"username": "bob", "password": password}, button="sign-in")
        page = submit(browser, page, {}, button="approve", scopes=scopes)
        assert page.url.path == "/code", page.text
        return browser.post(f"{up.box['Demo']}/call").raise_for_status().text


def submit(
    browser: httpx.Client, page: httpx.Response, values: dict[str, str], *, button: str, scopes: tuple[str, ...] = ()
) -> httpx.Response:
    """Fill in the form of a page of authorize and press a button."""
    form = only_form(page.text)
    fields = [*form.filled(values, button=button), *(box for box in form.boxes if box[1] in scopes)]
    headers = {"origin": str(page.url.join("/"))[:-1], "content-type": "application/x-www-form-urlencoded"}
    target = urljoin(str(page.url), form.action)
    return browser.post(target, content=urlencode(fields), headers=headers).raise_for_status()


def test_the_demo_works_and_keeps_its_data(folder: Path) -> None:
    """From an empty folder the demo shows bob's photos, to an app and, after Ctrl-C and a new start, to a website."""
    data, ports = folder / "data", chosen_ports()
    with running_up(data, ports=ports) as up:
        assert up.box["Issuer"] == f"http://127.0.0.1:{ports['authorize']}"
        assert "First snow" in photos_shown(up, "public")
        members, first = up.family(), (data / "demo.json").read_bytes()
        assert up.stop(signal.SIGINT) == 0
        assert not any(processes.find(each.pid) for each in members)
    with running_up(data, ports=ports) as up:
        assert (data / "demo.json").read_bytes() == first
        assert "First snow" in photos_shown(up, "confidential")
        assert "not with this token" in photos_shown(up, "public", ("albums.write",))
        ends_with_its_child(up, "examples.photostorage", "photostorage")
    secrets = [data / name for name in ("admin-token", "demo.json", "environment")]
    for file in (*secrets, *(data / "keys").iterdir(), *(data / "logs").iterdir()):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    everything_said = "".join(log.read_text() for log in data.glob("**/*.log"))
    assert "tsa_" not in everything_said
    assert "code=" not in everything_said


def ends_with_its_child(up: Up, words: str, name: str) -> None:
    """Kill a child and see the whole run end with status 1 and a line that names the child and its log."""
    members = up.family()
    os.kill(up.child(words).pid, signal.SIGKILL)
    _, error = up.process.communicate(timeout=SECONDS)
    assert up.process.returncode == 1
    assert error == f"tallystick up: {name} was killed by SIGKILL (see {up.data}/logs/{name}.log)\n"
    assert not any(processes.find(each.pid) for each in members)


def test_a_killed_run_leaves_nothing(folder: Path) -> None:
    """What a killed run left ends by itself, and the next run on the same data and ports waits for that."""
    data, ports = folder / "data", chosen_ports()
    with running_up(data, "--no-demo", ports=ports) as up:
        members = up.family()
        status, line = refusal(data)
        assert status == 1
        assert line.startswith(f"tallystick up: {data} is in use by process {up.process.pid}: ")
        up.process.kill()
        up.process.wait()
        with running_up(data, "--no-demo", ports=ports) as again:
            wait_until_gone(members)
            assert again.stop(signal.SIGTERM) == 0


def test_settings_replace_the_embedded_servers(folder: Path, database: Database, redis_url: str) -> None:
    """With a database and a Redis from the settings no server is started; asked twice, the run ends at once."""
    settings = {"POSTGRES_DSN": database.dsn(), "REDIS_URL": redis_url}
    with running_up(folder / "data", "--no-demo", settings=settings) as up:
        members = up.family()
        assert not any("postgres" in each.command or "valkey" in each.command for each in members)
        assert not (folder / "data" / "postgres").exists()
        with database.connect() as connection:
            assert connection.execute("SELECT role FROM operators").fetchall() == [{"role": "admin"}]
        # One service that does not stop, so that there is time to ask again.
        os.kill(up.child("services.token").pid, signal.SIGSTOP)
        began = time.monotonic()
        while up.process.poll() is None:
            up.process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        assert up.process.returncode == 130
        assert time.monotonic() - began < STOP_SECONDS
        wait_until_gone(members)


def test_a_taken_port_is_named_before_anything_starts(folder: Path) -> None:
    """A taken port is one line with its number, what it is for and how to choose another; nothing was started."""
    ports = chosen_ports()
    for name, purpose in (("token-grpc", "token, gRPC"), ("postgres", "PostgreSQL")):
        with socket.create_server(("127.0.0.1", ports[name])):
            status, line = refusal(folder / "data", ports=ports)
        assert status == 1
        assert line.startswith(f"tallystick up: port {ports[name]}, for {purpose}, cannot be used")
        assert line.endswith(f"--port {name}=NUMBER\n")
    assert [each.name for each in (folder / "data").iterdir()] == ["up.lock"]


def test_wrong_calls_are_one_line(folder: Path) -> None:
    """Wrong options and settings are one line each that says what to do and holds no secret."""
    status, line = refusal(folder, "--port=authorize=8080", "--port=token=8080")
    assert status == 2
    assert "authorize and token cannot share port 8080" in line
    status, line = refusal(folder, NONSENSE="1")
    assert status == 1
    assert "TALLYSTICK_NONSENSE is not a setting" in line
    stores = {"POSTGRES_DSN": "postgresql://nobody:secret@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    status, line = refusal(folder, **stores)
    assert status == 1
    assert "check TALLYSTICK_POSTGRES_DSN" in line
    assert "secret" not in line


def test_outside_of_a_checkout_it_refuses(folder: Path) -> None:
    """Where there are no services to start, one line says where to go."""
    result = subprocess.run(
        [sys.executable, "-m", "tallystick.cli", "up"],
        cwd=folder,
        env=program_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"tallystick up: {folder} is not in a checkout of Tallystick: go to the folder that holds services/\n"
    )
