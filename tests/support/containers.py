"""Postgres and Redis in containers (Testcontainers), on ports that outlive a restart."""

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Self

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from testcontainers.community.postgres import PostgresContainer
from testcontainers.community.redis import RedisContainer
from testcontainers.core.container import DockerContainer

from tests.support.engine import image
from tests.support.ports import free_port
from tests.support.secrets_ledger import LEDGER, Remains

_START_SECONDS = 60.0
_STOP_SECONDS = 20


class _Container(ABC):
    """What both have in common. The host's port is chosen here, as one chosen by the engine changes with a restart."""

    port: ClassVar[int]

    def __init__(self, container: DockerContainer) -> None:
        self._container = container.with_bind_ports(self.port, free_port())

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Give a running server with nothing in it."""
        server = cls.new()
        try:
            server._container.start()  # noqa: SLF001 - its own
            server.wait_until_ready()
            yield server
        finally:
            LEDGER.keep(Remains(f"log of {cls.__name__}", b"".join(server._container.get_logs())))  # noqa: SLF001 - its own
            server._container.stop()  # noqa: SLF001 - its own

    @classmethod
    @abstractmethod
    def new(cls) -> Self:
        """Return one that is not yet started."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it answers."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it is reached from here."""
        host = self._container.get_container_host_ip()
        # By name both address families would be tried, each with its own patience.
        return "127.0.0.1" if host == "localhost" else host, int(self._container.get_exposed_port(self.port))

    def pause(self) -> None:
        """Freeze its processes."""
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        """Let its processes go on."""
        self._container.get_wrapped_container().unpause()

    def kill(self) -> None:
        """End it as a crash would."""
        wrapped = self._container.get_wrapped_container()
        wrapped.kill()
        wrapped.wait(timeout=_STOP_SECONDS)

    def restart(self) -> None:
        """Start it, after ending it in order if it runs, and return when it answers."""
        self._container.get_wrapped_container().restart(timeout=_STOP_SECONDS)
        self.wait_until_ready()

    def mend(self) -> None:
        """Let it run again, whatever was done to it, and return when it answers."""
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        match wrapped.status:
            case "paused":
                wrapped.unpause()
            case "exited":
                wrapped.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when it answers; fail after a minute."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{type(self).__name__} was not ready after {_START_SECONDS:.0f} s")
            time.sleep(0.05)


class ContainerPostgres(_Container):
    """PostgreSQL from the image in TEST_POSTGRES_IMAGE (postgres:15)."""

    port = 5432

    def __init__(self, container: PostgresContainer) -> None:
        super().__init__(container)
        self._user, self._password = container.username, container.password

    @classmethod
    def new(cls) -> Self:
        """Return one that is not yet started."""
        container = PostgresContainer(
            image("TEST_POSTGRES_IMAGE", "postgres:15"),
            username="tallystick",
            password=secrets.token_hex(16),
            dbname="postgres",
        )
        # Crashes here are of processes and not of machines, so nothing need reach the disk.
        container.with_command(["postgres", "-c", "fsync=off", "-c", "max_connections=300"])
        return cls(container)

    def dsn(self, database: str, role: str | None = None) -> str:
        """Return the address of a database for its owner, or acting as a role."""
        host, port = self.address
        options = f"&options=-c%20role%3D{role}" if role else ""
        return f"postgresql://{self._user}:{self._password}@{host}:{port}/{database}?sslmode=disable{options}"

    def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        try:
            psycopg.connect(self.dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class ContainerRedis(_Container):
    """Redis from the image in TEST_REDIS_IMAGE (redis:7); it keeps nothing over a restart."""

    port = 6379

    def __init__(self, container: RedisContainer, password: str) -> None:
        super().__init__(container)
        self._password = password

    @classmethod
    def new(cls) -> Self:
        """Return one that is not yet started."""
        password = secrets.token_hex(16)
        container = RedisContainer(image("TEST_REDIS_IMAGE", "redis:7"), password=password)
        container.with_command(["redis-server", "--requirepass", password, "--save", ""])
        return cls(container, password)

    def url(self, database: int = 0) -> str:
        """Return the address of one of its 16 databases."""
        host, port = self.address
        return f"redis://:{self._password}@{host}:{port}/{database}"

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        with redis.Redis.from_url(
            self.url(), socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        ) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False
