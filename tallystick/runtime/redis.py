"""Redis: one client with short timeouts, and its errors as `Unavailable`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger
from tallystick.runtime.settings import PREFIX, SettingsError

_TIMEOUT_SECONDS = 2.0
_MAX_CONNECTIONS = 100
_START_SECONDS = 15.0
_PAUSE_SECONDS = 0.2

_EXPECTED = "give redis://[user:password@]host[:port][/database], the password percent-encoded"
UNREACHABLE = "Redis cannot be reached: check TALLYSTICK_REDIS_URL and that Redis is running"


def connect(url: str) -> Redis:
    """Return a client, which connects when first used; raise `SettingsError` for a URL that is not Redis's."""
    try:
        if urlsplit(url).scheme not in {"redis", "rediss"}:
            raise SettingsError(f"{PREFIX}REDIS_URL must begin with redis:// or rediss://")
        pool = BlockingConnectionPool.from_url(
            url,
            # Who finds all in use waits for one, rather than being refused at once.
            max_connections=_MAX_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            client_name="tallystick.authorize",
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # A connection that the server has dropped meanwhile is replaced once; nothing here repeats a command that
            # may have been carried out with effect, as every write is of its own key or reports who won. Only a count
            # of attempts may be off by one until it is forgotten: too high taken twice, too low taken back twice.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            health_check_interval=15,
        )
    except ValueError:
        # What the driver says may hold a part of the password.
        raise SettingsError(f"{PREFIX}REDIS_URL cannot be read: {_EXPECTED}") from None
    return Redis.from_pool(pool)


async def wait_until_ready(client: Redis) -> None:
    """Return when Redis answers; raise `Unavailable` when it has not after fifteen seconds."""
    try:
        async with asyncio.timeout(_START_SECONDS):
            while True:
                try:
                    await client.ping()
                except (RedisError, OSError):
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    return
    except TimeoutError:
        raise Unavailable(UNREACHABLE) from None


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn Redis's troubles into `Unavailable`."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        logger(__name__).warning("redis_unavailable", error=type(error).__name__)
        raise Unavailable("Redis cannot be asked now") from error
