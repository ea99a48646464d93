"""Login sessions: who is signed in at a browser, and for how long.

Redis keeps them, under times of their own, so that none is believed for longer when Redis goes back to an older state.
Which have ended stands in Postgres, and what it says goes.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from services.authorize.errors import ShownHere
from services.authorize.model import Session, User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import EndedSessions, SessionStore
from tallystick.oauth2.errors import TooManyFailures
from tallystick.oauth2.opaque_token import base64url, digest
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.randomness import Randomness

UNKNOWN_SESSIONS = 20
"""How many sessions that Redis does not know may be signed out from one network, at one replica, in each window."""

UNKNOWN_SESSIONS_WINDOW_SECONDS = 300

_COOKIE_BYTES = 32


class Sessions:
    """Begins, finds and ends sessions. A session's name is the value of a cookie, and only its digest is stored.

    `clock` tells the seconds since 1970. A session ends `lifetime_seconds` after it began, or earlier when it has not
    been used for `idle_seconds`.

    A session that Redis does not know may be one that it has lost and will bring back, so signing out of it is written
    down; or one that a stranger has made up, so `unknown_sessions` counts them by network.
    """

    def __init__(
        self,
        store: SessionStore,
        ended: EndedSessions,
        audit: Audit,
        randomness: Randomness,
        clock: Callable[[], float],
        unknown_sessions: FailureThrottle,
        *,
        lifetime_seconds: int,
        idle_seconds: int,
    ) -> None:
        self._store = store
        self._ended = ended
        self._audit = audit
        self._randomness = randomness
        self._clock = clock
        self._unknown_sessions = unknown_sessions
        self._lifetime_seconds = lifetime_seconds
        self._idle_seconds = idle_seconds

    async def begin(self, user: User, *, previous: str, client_id: str | None = None) -> str:
        """Begin a session under a new name, so that none from before the sign-in is of use, and return the name.

        `client_id` is the client that asks.
        """
        if previous:
            # Not counted: whoever signs in is known, and told by the audit.
            await self._end(previous, await self._found(previous), detail="replaced by another sign-in")
        cookie, now = base64url(self._randomness.octets(_COOKIE_BYTES)), int(self._clock())
        session = self._used(Session(user.user_id, user.epoch, now + self._lifetime_seconds, 0), now)
        await self._store.put(digest(cookie), session, seconds=session.idle_expires_at - now)
        event = AuditEvent(
            EventKind.SIGNED_IN, actor=user_subject(user.user_id), user_id=user.user_id, client_id=client_id
        )
        await self._audit.record(event)
        return cookie

    async def user(self, cookie: str) -> User | None:
        """Return who is signed in, which counts as use of the session.

        None when nobody is, when the session has ended, or the user has been disabled, revoked or deleted since.
        """
        now = int(self._clock())
        session = await self._store.find(digest(cookie)) if cookie else None
        if session is None or session.idle_expires_at <= now:
            return None
        user = await self._ended.user_unless_ended(session.user_id, session=digest(cookie))
        if user is None or not user.enabled or user.epoch != session.user_epoch:
            return None
        used = self._used(session, now)
        await self._store.renew(digest(cookie), used, seconds=used.idle_expires_at - now)
        return user

    async def end(self, cookie: str, *, network: str) -> None:
        """End a session for good, known or not; it is over when this returns, even while Redis is away.

        Raises `ShownHere`, with nothing done, when too many that are not known are ended from a network.
        """
        session = await self._found(cookie)
        if session is None:
            try:
                self._unknown_sessions.failed("", network)
            except TooManyFailures as refusal:
                raise ShownHere(ErrorKind.UNAVAILABLE, detail="too many sessions that are not known") from refusal
        await self._end(cookie, session)

    async def _found(self, cookie: str) -> Session | None:
        try:
            return await self._store.find(digest(cookie))
        except Unavailable:
            return None

    async def _end(self, cookie: str, session: Session | None, *, detail: str = "") -> None:
        now = int(self._clock())
        seconds = self._lifetime_seconds if session is None else max(session.expires_at - now, 0)
        await self._ended.end(digest(cookie), _signed_out(session, now, detail), seconds=seconds)
        with suppress(Unavailable):
            await self._store.end(digest(cookie))

    def _used(self, session: Session, now: int) -> Session:
        return replace(session, idle_expires_at=min(now + self._idle_seconds, session.expires_at))


def _signed_out(session: Session | None, now: int, detail: str) -> AuditEvent | None:
    if session is None or session.idle_expires_at <= now:
        return None
    return AuditEvent(EventKind.SIGNED_OUT, actor=user_subject(session.user_id), user_id=session.user_id, detail=detail)
