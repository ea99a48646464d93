"""The driver's clients: of one server, of the master that Sentinels name, of a cluster; with short timeouts."""

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tallystick.runtime.redis_address import RedisAddress, RedisKind

_TIMEOUT_SECONDS = 2.0
# Another one is asked then.
_SENTINEL_SECONDS = 0.5
_MAX_CONNECTIONS = 100
# How often a cluster is asked anew who has a key, when whoever had it is away.
_CLUSTER_ATTEMPTS = 3

RedisClient = Redis | RedisCluster
"""One of the three."""


def connect(url: str) -> RedisClient:
    """Return a client, which connects when first used; raise `SettingsError` for a URL that is not Redis's."""
    address = RedisAddress.parse(url)
    options: dict[str, Any] = {
        **address.options,
        "client_name": "tallystick.authorize",
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        "health_check_interval": 15,
    }
    match address.kind:
        case RedisKind.SERVER:
            return Redis.from_pool(_pool_of_server(address, options))
        case RedisKind.SENTINEL:
            return Redis.from_pool(_pool_of_master(address, options))
        case RedisKind.CLUSTER:
            return _PatientCluster(
                startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
                # What the URL names stays what is asked for the others: a name outlives the addresses behind it.
                dynamic_startup_nodes=False,
                # A part of the keys may be away without the others.
                require_full_coverage=False,
                # It would close connections that are in use; each answer that a slot has moved says where to anyway.
                reinitialize_steps=0,
                max_connections=_MAX_CONNECTIONS,
                retry=Retry(NoBackoff(), _CLUSTER_ATTEMPTS),
                **options,
            )


def _patient(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **options,
        # Who finds all in use waits for one, rather than being refused at once.
        "max_connections": _MAX_CONNECTIONS,
        "timeout": _TIMEOUT_SECONDS,
        # A connection that the server has dropped meanwhile is replaced once, and so is one to a server that takes no
        # writes any more; nothing here repeats a command that may have been carried out with effect, as every write is
        # of its own key or reports who won. Only a count of attempts may be off by one until it is forgotten: too high
        # taken twice, too low taken back twice.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError, ReadOnlyError)),
    }


def _pool_of_server(address: RedisAddress, options: dict[str, Any]) -> BlockingConnectionPool:
    [(host, port)] = address.hosts
    if options.pop("ssl", False):
        options["connection_class"] = SSLConnection
    return BlockingConnectionPool(host=host, port=port, **_patient(options))


def _pool_of_master(address: RedisAddress, options: dict[str, Any]) -> "_MasterPool":
    sentinels = Sentinel(  # type: ignore[no-untyped-call]  # the driver has no types for Sentinels
        address.hosts,
        sentinel_kwargs={
            **address.sentinel_options,
            "client_name": "tallystick.authorize",
            "socket_timeout": _SENTINEL_SECONDS,
            "socket_connect_timeout": _SENTINEL_SECONDS,
            "retry": Retry(NoBackoff(), 0),
        },
    )
    return _MasterPool(address.master, sentinels, **_patient(options))  # type: ignore[no-untyped-call]  # its pool has no types


class _MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to whichever server the Sentinels call the master when one is opened."""

    async def aclose(self) -> None:
        """Close every connection, those to the Sentinels too."""
        await super().aclose()
        await self.sentinel_manager.aclose()


class _PatientCluster(RedisCluster):
    """A cluster's client that lets commands wait for one another, where its own pools refuse what is too much."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._places = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def initialize(self, *arguments: Any, **options: Any) -> RedisCluster:
        """Find out who has which keys, and what keys commands have."""
        try:
            return await super().initialize(*arguments, **options)
        except (RedisConnectionError, RedisTimeoutError):
            # The first node is asked about commands; when it is away, another one.
            for first in self.get_primaries()[:1]:
                self.nodes_manager.move_node_to_end_of_cached_nodes(first.name)
            return await super().initialize(*arguments, **options)

    async def aclose(self) -> None:
        """Close every connection, even while it is to be found out anew who has which keys."""
        await super().aclose()
        await self.nodes_manager.aclose()
        await self.nodes_manager.aclose("startup_nodes")

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Send one command to the node that has its keys."""
        async with self._places:
            # Else those that come first are sent to any node.
            await self.initialize()
            try:
                return await super().execute_command(*arguments, **options)
            except AttributeError as error:
                # The driver has closed this command's connection because of another one's, and finds no socket.
                raise RedisConnectionError("the connection was closed meanwhile") from error
