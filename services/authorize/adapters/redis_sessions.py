"""Login sessions, in Redis, under the digest of the cookie's value."""

from services.authorize.adapters.json_record import JsonRecord
from services.authorize.model import Session
from tallystick.runtime.redis import AsyncRedis

_RECORD = JsonRecord(Session)


class RedisSessions:
    """Implements `SessionStore`."""

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis

    async def put(self, digest: bytes, session: Session, *, seconds: int) -> None:
        """Keep a session."""
        await self._redis.set(_key(digest), _RECORD.write(session), seconds=seconds)

    async def find(self, digest: bytes) -> Session | None:
        """Return a session; None when there is none or it has expired."""
        return _RECORD.read(await self._redis.get(_key(digest)))

    async def renew(self, digest: bytes, session: Session, *, seconds: int) -> None:
        """Keep a session for longer, unless it is there no more."""
        await self._redis.replace(_key(digest), _RECORD.write(session), seconds=seconds)

    async def end(self, digest: bytes) -> None:
        """End a session, if there is one."""
        await self._redis.delete(_key(digest))


def _key(digest: bytes) -> str:
    return f"tallystick:session:{digest.hex()}"
