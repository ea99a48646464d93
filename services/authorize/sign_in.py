"""Signing in by username and password."""

from dataclasses import dataclass, field

from services.authorize.errors import ShownHere
from services.authorize.known_device import KnownDevices
from services.authorize.model import Place, User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import Passwords, UserDirectory
from services.authorize.sign_in_throttle import SignInThrottle, TooManyAttempts
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import Unavailable


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody has entered, and from where."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who has entered it, and the value of the cookie by which the browser is known to that account from now on."""

    user: User
    device: str = field(repr=False)


class SignIn:
    """Finds out whose username and password somebody has entered."""

    def __init__(
        self,
        users: UserDirectory,
        passwords: Passwords,
        throttle: SignInThrottle,
        known_devices: KnownDevices,
        audit: Audit,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._throttle = throttle
        self._known_devices = known_devices
        self._audit = audit

    async def authenticate(self, credentials: Credentials, *, client_id: str | None = None) -> Recognised | None:
        """Return the user; None, after the same time, for a wrong password, an unknown user and a disabled one.

        Raises `TooManyAttempts`, for users who exist and for others, before the password is looked at; and `ShownHere`
        when too many are signing in, as the person can try again in a moment. `client_id` is the client that asks.
        """
        user = await self._users.find_by_username(credentials.username)
        familiarity = await self._known_devices.recognise(user, credentials.place)
        try:
            attempt = await self._throttle.begin(credentials.username, credentials.place, familiarity)
        except TooManyAttempts as refusal:
            await self._refused(EventKind.SIGN_IN_THROTTLED, user, client_id, f"too many by {refusal.counter}")
            raise
        try:
            verified = await self._passwords.verify(user.password_hash if user else None, credentials.password)
        except Unavailable as error:
            await self._throttle.take_back(attempt)
            raise ShownHere(ErrorKind.UNAVAILABLE, detail=error.message) from error
        if user is None or not verified or not user.enabled:
            await self._refused(EventKind.SIGN_IN_REFUSED, user, client_id, _reason(user, verified=verified))
            return None
        await self._throttle.take_back(attempt)
        return Recognised(user, await self._known_devices.remember(user, credentials.place))

    async def _refused(self, kind: EventKind, user: User | None, client_id: str | None, detail: str) -> None:
        # Never the name that was typed: people type their password there by mistake.
        user_id = None if user is None else user.user_id
        await self._audit.record(AuditEvent(kind, Outcome.REFUSED, user_id=user_id, client_id=client_id, detail=detail))


def _reason(user: User | None, *, verified: bool) -> str:
    if user is None:
        return "unknown user"
    return "disabled user" if verified else "wrong password"
