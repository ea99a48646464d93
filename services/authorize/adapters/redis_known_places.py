"""From where accounts have been signed in to, in Redis."""

from tallystick.runtime.redis import AsyncRedis


class RedisKnownPlaces:
    """Implements `KnownPlaces`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def remember(self, digest: bytes, epoch: int, *, seconds: int) -> None:
        """Remember an epoch, instead of an earlier one."""
        await self._redis.set(_key(digest), epoch, seconds=seconds)

    async def epoch(self, digest: bytes) -> int | None:
        """Return what is remembered; None when nothing is, or nothing that can be read."""
        value = await self._redis.get(_key(digest))
        return int(value) if value is not None and value.isdigit() else None


def _key(digest: bytes) -> str:
    return f"tallystick:known:{digest.hex()}"
