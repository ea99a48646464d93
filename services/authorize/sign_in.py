"""Signing in by username and password."""

from services.authorize.errors import ShownHere
from services.authorize.model import User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import Passwords, UserDirectory
from tallystick.runtime.failures import Unavailable


class SignIn:
    """Finds out whose username and password somebody has entered."""

    def __init__(self, users: UserDirectory, passwords: Passwords) -> None:
        self._users = users
        self._passwords = passwords

    async def authenticate(self, username: str, password: str) -> User | None:
        """Return the user; None, after the same time, for a wrong password, an unknown user and a disabled one.

        Raises `ShownHere` when too many are signing in, as the person can try again in a moment.
        """
        user = await self._users.find_by_username(username)
        try:
            verified = await self._passwords.verify(user.password_hash if user else None, password)
        except Unavailable as error:
            raise ShownHere(ErrorKind.UNAVAILABLE, detail=error.message) from error
        if user is None or not verified or not user.enabled:
            return None
        return user
