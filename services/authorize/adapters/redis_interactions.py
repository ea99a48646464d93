"""Requests that wait for a person's answer, in Redis, under the digest of their id."""

from services.authorize.adapters.json_record import JsonRecord
from services.authorize.request import Interaction
from tallystick.runtime.redis import AsyncRedis

_RECORD = JsonRecord(Interaction)


class RedisInteractions:
    """Implements `InteractionStore`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def put(self, digest: bytes, interaction: Interaction, *, seconds: int) -> None:
        """Keep an interaction."""
        await self._redis.set(_key(digest), _RECORD.write(interaction), seconds=seconds)

    async def find(self, digest: bytes) -> Interaction | None:
        """Return an interaction and change nothing; None when there is none, it has expired or was consumed."""
        return _RECORD.read(await self._redis.get(_key(digest)))

    async def consume(self, digest: bytes) -> bool:
        """End an interaction: DEL counts what it removed, so one caller is told True."""
        return await self._redis.delete(_key(digest))


def _key(digest: bytes) -> str:
    return f"tallystick:interaction:{digest.hex()}"
