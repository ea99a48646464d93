"""What codes stand for, in Redis, under the id of the code. Redis drops them when their time is over."""

from services.authorize.adapters.json_record import JsonRecord
from services.authorize.model import IssuedCode
from tallystick.runtime.redis import AsyncRedis

_RECORD = JsonRecord(IssuedCode)


class RedisCodes:
    """Implements `CodeStore`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def put(self, code: IssuedCode, *, seconds: int) -> None:
        """Keep a code."""
        await self._redis.set(_key(code.code_id), _RECORD.write(code), seconds=seconds)

    async def find(self, code_id: str) -> IssuedCode | None:
        """Return what a code stands for; None when there is none or it has expired."""
        return _RECORD.read(await self._redis.get(_key(code_id)))


def _key(code_id: str) -> str:
    return f"tallystick:code:{code_id}"
