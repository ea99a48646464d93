"""Redis, or Valkey: reachable, new enough, and not about to forget sign-ins for want of memory."""

import time
from contextlib import ExitStack
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException
from redis.retry import Retry
from redis.sentinel import Sentinel

from tallystick.cli.checks.finding import Finding, Outcome, fail, ok, skipped, warn
from tallystick.runtime.redis_address import RedisAddress, RedisKind
from tallystick.runtime.settings import SettingsError

CHECK = "redis"
OLDEST_VERSION = (7, 0)

_SECONDS = 3.0


def examine_redis(url: str | None) -> tuple[Finding, float | None]:
    """Return what was found, and by how many seconds the server's clock is ahead of ours.

    Of Sentinels' servers the master is asked, of a cluster every primary; the first that is not well is told.
    """
    if url is None:
        return skipped(CHECK, "TALLYSTICK_REDIS_URL is not set"), None
    try:
        address = RedisAddress.parse(url)
    except SettingsError as error:
        return fail(CHECK, "its URL cannot be read", str(error)), None
    try:
        with ExitStack() as clients:
            servers = _servers(address, clients)
            ahead = _seconds_ahead(servers[0])
            findings = [_server(server.info()) for server in servers]
    except (redis.RedisError, RedisClusterException, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return fail(
            CHECK, f"cannot be asked: {reason}", "check TALLYSTICK_REDIS_URL and that Redis or Valkey is running"
        ), None
    return next((each for each in findings if each.outcome is not Outcome.OK), findings[0]), ahead


def _servers(address: RedisAddress, clients: ExitStack) -> "list[redis.Redis]":
    """Connect to the server, to the master, or to every primary."""
    patience: dict[str, Any] = {
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    options = {**address.options, **patience}
    match address.kind:
        case RedisKind.SERVER:
            [(host, port)] = address.hosts
            return [clients.enter_context(redis.Redis(host=host, port=port, **options))]
        case RedisKind.SENTINEL:
            sentinels = Sentinel(address.hosts, sentinel_kwargs={**address.sentinel_options, **patience})  # type: ignore[no-untyped-call]  # the driver has no types for Sentinels
            for sentinel in sentinels.sentinels:
                clients.callback(sentinel.close)
            return [clients.enter_context(sentinels.master_for(address.master, **options))]  # type: ignore[no-untyped-call]  # the driver does not type Sentinels
        case RedisKind.CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]  # nor does it type nodes
            cluster = clients.enter_context(RedisCluster(startup_nodes=nodes, dynamic_startup_nodes=False, **options))
            return [cluster.get_redis_connection(node) for node in cluster.get_primaries()]


def _seconds_ahead(server: "redis.Redis") -> float:
    asked_at = time.time()
    seconds, microseconds = server.time()
    return float(seconds + microseconds / 1_000_000 - (asked_at + time.time()) / 2)


def _server(info: dict[str, object]) -> Finding:
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    # Valkey keeps saying which Redis it stands for, and says its own version beside that.
    version = str(info.get("valkey_version") or info.get("redis_version"))
    policy = str(info.get("maxmemory_policy"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_VERSION:
        return fail(CHECK, f"{name} {version} is too old", "use Redis 7.0, Valkey, or newer")
    if policy != "noeviction":
        return warn(
            CHECK,
            f"{name} {version} may drop codes and sign-ins when memory runs out (maxmemory-policy {policy})",
            "set maxmemory-policy to noeviction",
        )
    return ok(CHECK, f"{name} {version}, keeps what it is given")
