"""Postgres and Redis as tests see them, wherever they run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tests.support.containers import ContainerPostgres, ContainerRedis
from tests.support.embedded import EmbeddedPostgresServer, EmbeddedRedisServer
from tests.support.engine import Stores


class Server(Protocol):
    """A server that a test can disturb; each method returns once the disturbance, or its end, is complete."""

    def pause(self) -> None:
        """Let it answer nobody, with its connections open."""

    def resume(self) -> None:
        """Let a paused one go on."""

    def kill(self) -> None:
        """End it at once, as a crash would."""

    def restart(self) -> None:
        """Start it, after ending it in order if it runs, and return when it answers at the same address."""

    def mend(self) -> None:
        """Let it run again, whatever was done to it, and return when it answers."""


class PostgresServer(Server, Protocol):
    """A PostgreSQL."""

    def dsn(self, database: str, role: str | None = None) -> str:
        """Return the address of a database for its owner, or acting as a role."""


class RedisServer(Server, Protocol):
    """A Redis, or a Valkey."""

    def url(self, database: int = 0) -> str:
        """Return the address of one of its 16 databases."""


@dataclass(frozen=True, slots=True)
class StoreKind:
    """How this run starts its stores; each is stopped when its context is left."""

    postgres: Callable[[], AbstractContextManager[PostgresServer]]
    redis: Callable[[], AbstractContextManager[RedisServer]]


def store_kind(stores: Stores) -> StoreKind:
    """Return how to start stores of a kind."""
    if stores is Stores.CONTAINERS:
        return StoreKind(ContainerPostgres.running, ContainerRedis.running)
    return StoreKind(EmbeddedPostgresServer.running, EmbeddedRedisServer.running)
