"""How often a code challenge was used, counted in Redis."""

from tallystick.runtime.redis import AsyncRedis

# Counts one more. ARGV: the lifetime of a new key, in seconds, which no later use prolongs.
_COUNT = """
redis.call('SET', KEYS[1], '0', 'EX', ARGV[1], 'NX')
return redis.call('INCR', KEYS[1])
"""


class RedisChallengeUses:
    """Implements `ChallengeUses`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def count(self, digest: bytes, *, seconds: int) -> int:
        """Count one more use; a window begins with its first, and no later one prolongs it."""
        uses: int = await self._redis.run(_COUNT, [f"tallystick:challenge:{digest.hex()}"], [seconds])
        return uses
