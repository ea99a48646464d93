"""Attempts, counted in Redis. The keys of one script share a hash tag, so that a cluster keeps them together."""

from collections.abc import Sequence

from services.authorize.model import AttemptCounter, ExhaustedCounter
from tallystick.runtime.redis import AsyncRedis

_MILLISECONDS = 1000

# Counts by all KEYS, or by none when one of them has reached its limit. ARGV: the lifetime of a new key, in
# milliseconds, and the limit of each. Returns the number of the key that is exhausted for longest, or 0, and how long.
_ADD = """
local longest, wait = 0, 0
for number, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[number + 1]) then
        local left = math.max(redis.call('PTTL', key), 1)
        if left > wait then longest, wait = number, left end
    end
end
if longest == 0 then
    for _, key in ipairs(KEYS) do
        redis.call('SET', key, '0', 'PX', ARGV[1], 'NX')
        redis.call('INCR', key)
    end
end
return {longest, wait}
"""

# Counts one less by all KEYS that are still there; one that comes to nothing goes.
_TAKE_BACK = """
for _, key in ipairs(KEYS) do
    local count = tonumber(redis.call('GET', key) or '0')
    if count > 1 then redis.call('DECR', key) else redis.call('DEL', key) end
end
"""


class RedisAttempts:
    """Implements `AttemptCounts`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def add(self, counters: Sequence[AttemptCounter], *, seconds: int) -> ExhaustedCounter | None:
        """Count an attempt by all counters; by none when one has reached its limit, and return the one to wait for."""
        arguments = [seconds * _MILLISECONDS, *(counter.limit for counter in counters)]
        longest, wait = await self._redis.run(_ADD, _keys(counters), arguments)
        if longest == 0:
            return None
        return ExhaustedCounter(counters[longest - 1], -(-wait // _MILLISECONDS))

    async def take_back(self, counters: Sequence[AttemptCounter]) -> None:
        """Count one attempt less."""
        await self._redis.run(_TAKE_BACK, _keys(counters))


def _keys(counters: Sequence[AttemptCounter]) -> list[str]:
    return [f"tallystick:attempts:{{sign-in}}:{counter.digest.hex()}" for counter in counters]
