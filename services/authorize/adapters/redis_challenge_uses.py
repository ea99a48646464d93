"""How often a code challenge was used, counted in Redis."""

from redis.asyncio import Redis

from tallystick.runtime.redis import translated


class RedisChallengeUses:
    """Implements `ChallengeUses`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def count(self, digest: bytes, *, seconds: int) -> int:
        """Count one more use; a window begins with its first, and no later one prolongs it."""
        key = f"tallystick:challenge:{digest.hex()}"
        async with translated(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.set(key, 0, ex=seconds, nx=True)
            pipeline.incr(key)
            uses: int = (await pipeline.execute())[1]
        return uses
