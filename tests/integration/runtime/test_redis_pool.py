"""More commands at once than there are connections to Redis."""

import asyncio

from tallystick.runtime.redis_client import connect


async def test_a_burst_waits_for_connections(redis_url: str) -> None:
    """Three commands for each connection are all answered, none refused at once."""
    async with connect(redis_url) as client:
        answers = await asyncio.gather(*(client.incr("count") for _ in range(300)))
        assert sorted(answers) == list(range(1, 301))
