"""The use cases of `UserService`."""

import unicodedata

from services.authorize.registry import identifiers
from services.authorize.registry.model import Page, User
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import Passwords, UserStore
from tallystick.runtime.failures import Invalid, NotFound
from tallystick.runtime.randomness import Randomness

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD_BYTES = 1024


class Users:
    """Keeps resource owners. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: UserStore, passwords: Passwords, randomness: Randomness) -> None:
        self._store = store
        self._passwords = passwords
        self._randomness = randomness

    async def create(self, username: str, password: str) -> User:
        """Add a user; raise `Invalid` or `AlreadyExists`."""
        identifiers.username(username)
        check_password(password)
        return await self._store.add(self._randomness.uuid(), username, await self._passwords.hash(password))

    async def get(self, username: str) -> User:
        """Return a user; raise `NotFound`."""
        return _found(await self._store.get(identifiers.username(username)))

    async def page(self, size: int, token: str) -> Page[User]:
        """Return a page of users by name; raise `Invalid`."""
        request = page_request("users", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda user: user.username)

    async def set_password(self, username: str, password: str) -> User:
        """Replace a password; sessions and all that was granted end. Raise `NotFound` or `Invalid`."""
        identifiers.username(username)
        check_password(password)
        return _found(await self._store.set_password(username, await self._passwords.hash(password)))

    async def enable(self, username: str) -> User:
        """Let a user sign in; raise `NotFound`."""
        return _found(await self._store.set_enabled(identifiers.username(username), enabled=True))

    async def disable(self, username: str) -> User:
        """Refuse a user, and all that was granted, until enabled; raise `NotFound`."""
        return _found(await self._store.set_enabled(identifiers.username(username), enabled=False))

    async def delete(self, username: str) -> None:
        """Remove a user, and with that all that was granted; raise `NotFound`."""
        if not await self._store.delete(identifiers.username(username)):
            raise _unknown_user()


def check_password(password: str) -> None:
    """Raise `Invalid` for a password that is too short, too long for the hash, or cannot be typed into one line."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"password must have at least {SHORTEST_PASSWORD} characters")
    if len(password.encode()) > LONGEST_PASSWORD_BYTES:
        raise Invalid(f"password must have at most {LONGEST_PASSWORD_BYTES} bytes")
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise Invalid("password must not hold control characters or line breaks")


def _found(user: User | None) -> User:
    if user is None:
        raise _unknown_user()
    return user


def _unknown_user() -> NotFound:
    return NotFound("there is no user of this name")
