"""Redis, or Valkey: reachable, new enough, and not about to forget sign-ins for want of memory."""

import time
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from tallystick.cli.checks.finding import Finding, fail, ok, skipped, warn
from tallystick.runtime.redis_address import RedisAddress, RedisKind
from tallystick.runtime.settings import SettingsError

CHECK = "redis"
OLDEST_VERSION = (7, 0)

_SECONDS = 3.0
_PATIENCE: Mapping[str, Any] = {
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "retry": Retry(NoBackoff(), 0),
}


def examine_redis(url: str | None) -> tuple[Finding, float | None]:
    """Return what was found, and by how many seconds the server's clock is ahead of ours."""
    if url is None:
        return skipped(CHECK, "TALLYSTICK_REDIS_URL is not set"), None
    try:
        with _server_at(RedisAddress.parse(url)) as client:
            asked_at = time.time()
            seconds, microseconds = client.time()
            ahead = seconds + microseconds / 1_000_000 - (asked_at + time.time()) / 2
            return _server(client.info()), ahead
    except SettingsError as error:
        return fail(CHECK, "its URL cannot be read", str(error)), None
    except (redis.RedisError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return fail(
            CHECK, f"cannot be asked: {reason}", "check TALLYSTICK_REDIS_URL and that Redis or Valkey is running"
        ), None


def _server_at(address: RedisAddress) -> redis.Redis:
    """Return a client of the server, of the master that the Sentinels name, or of one node of the cluster."""
    host, port = address.hosts[0]
    if address.kind is RedisKind.SENTINEL:
        # The driver does not type what is of Sentinels.
        sentinels: Any = Sentinel
        options = {**address.sentinel_options, **_PATIENCE}
        host, port = sentinels(address.hosts, sentinel_kwargs=options).discover_master(address.master)
    options = {**address.options, **_PATIENCE}
    return redis.Redis(host=host, port=port, **options)


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
