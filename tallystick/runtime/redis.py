"""Redis as adapters talk to it: one command at a time, with a deadline, and its troubles as `Unavailable`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.exceptions import RedisClusterException, RedisError

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger
from tallystick.runtime.redis_client import RedisClient
from tallystick.runtime.tracing.traces import NO_TRACES, Traces

_CALL_SECONDS = 5.0
_START_SECONDS = 15.0
_PAUSE_SECONDS = 0.2
# Nobody writes it: whoever looks for it finds out whether keys can be looked for.
_ANY_KEY = "tallystick:ready"

# The driver's; those about a cluster stand apart from its others.
_TROUBLES = (RedisError, RedisClusterException, OSError)

UNREACHABLE = "Redis cannot be reached: check TALLYSTICK_REDIS_URL and that Redis is running"


class AsyncRedis:
    """Short-lived records. Every method raises `Unavailable` when it cannot be told whether it was done."""

    def __init__(self, client: RedisClient, traces: Traces = NO_TRACES) -> None:
        self._client = client
        self._traces = traces

    async def open(self) -> None:
        """Return when Redis answers; raise `Unavailable` when it has not after fifteen seconds."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while True:
                    try:
                        await self._client.exists(_ANY_KEY)
                    except _TROUBLES:
                        await asyncio.sleep(_PAUSE_SECONDS)
                    else:
                        return
        except TimeoutError:
            raise Unavailable(UNREACHABLE) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get(self, key: str) -> bytes | None:
        """Return a value; None when there is none or it has expired."""
        async with self._asked("GET"):
            return await self._client.get(key)  # type: ignore[return-value]  # no text, as it is not told to decode

    async def set(self, key: str, value: bytes | int, *, seconds: int) -> None:
        """Keep a value, instead of an earlier one, for so long."""
        async with self._asked("SET"):
            await self._client.set(key, value, ex=seconds)

    async def replace(self, key: str, value: bytes | int, *, seconds: int) -> None:
        """Keep a value instead of an earlier one; do nothing if there is none."""
        async with self._asked("SET"):
            await self._client.set(key, value, ex=seconds, xx=True)

    async def delete(self, key: str) -> bool:
        """Remove a value; tell whether there was one, which of all who ask at once one is told."""
        async with self._asked("DEL"):
            removed: int = await self._client.delete(key)
        return removed == 1

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[int] = ()) -> Any:
        """Run a script where its keys are, and return what it returns. In a cluster the keys share a hash tag.

        It is sent whole each time. To be known by its digest it would have to be loaded into every node of a cluster
        first, which fails while any of them is away, and anew after each fail-over.
        """
        async with self._asked("EVAL"):
            return await self._client.eval(script, len(keys), *keys, *arguments)

    @asynccontextmanager
    async def _asked(self, command: str) -> AsyncIterator[None]:
        """Follow a command, bound how long it may take to find out whom to ask, and translate the driver's troubles."""
        try:
            with self._traces.command(command):
                async with asyncio.timeout(_CALL_SECONDS):
                    yield
        except (*_TROUBLES, TimeoutError) as error:
            logger(__name__).warning("redis_unavailable", error=type(error).__name__)
            raise Unavailable("Redis cannot be asked now") from error
