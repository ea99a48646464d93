"""Redis, or Valkey: reachable, new enough, and not about to forget sign-ins for want of memory."""

import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tallystick.cli.checks.finding import Finding, fail, ok, skipped, warn

CHECK = "redis"
OLDEST_VERSION = (7, 0)

_SECONDS = 3.0


def examine_redis(url: str | None) -> tuple[Finding, float | None]:
    """Return what was found, and by how many seconds the server's clock is ahead of ours."""
    if url is None:
        return skipped(CHECK, "TALLYSTICK_REDIS_URL is not set"), None
    try:
        with redis.Redis.from_url(
            url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS, retry=Retry(NoBackoff(), 0)
        ) as client:
            asked_at = time.time()
            seconds, microseconds = client.time()
            ahead = seconds + microseconds / 1_000_000 - (asked_at + time.time()) / 2
            return _server(client.info()), ahead
    except ValueError:
        # The driver would repeat the URL, and with it the password.
        return fail(CHECK, "its URL cannot be read", "write TALLYSTICK_REDIS_URL as redis://host:port/number"), None
    except (redis.RedisError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        return fail(
            CHECK, f"cannot be asked: {reason}", "check TALLYSTICK_REDIS_URL and that Redis or Valkey is running"
        ), None


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
