"""Login sessions: who is signed in at a browser."""

from services.authorize.model import Session, User
from services.authorize.ports import SessionStore, UserDirectory
from tallystick.oauth2.opaque_token import base64url, digest
from tallystick.runtime.randomness import Randomness

_COOKIE_BYTES = 32


class Sessions:
    """Begins and finds sessions. A session's name is the value of a cookie, and only its digest is stored."""

    def __init__(
        self, store: SessionStore, users: UserDirectory, randomness: Randomness, *, lifetime_seconds: int
    ) -> None:
        self._store = store
        self._users = users
        self._randomness = randomness
        self._lifetime_seconds = lifetime_seconds

    async def begin(self, user: User, *, previous: str) -> str:
        """Begin a session under a new name, so that none from before the sign-in is of use, and return the name."""
        cookie = base64url(self._randomness.octets(_COOKIE_BYTES))
        await self._store.put(digest(cookie), Session(user.user_id, user.epoch), seconds=self._lifetime_seconds)
        if previous:
            await self._store.end(digest(previous))
        return cookie

    async def user(self, cookie: str) -> User | None:
        """Return who is signed in; None when nobody is, or the user has been disabled, revoked or deleted since."""
        session = await self._store.find(digest(cookie)) if cookie else None
        user = None if session is None else await self._users.find(session.user_id)
        if session is None or user is None or not user.enabled or user.epoch != session.user_epoch:
            return None
        return user
