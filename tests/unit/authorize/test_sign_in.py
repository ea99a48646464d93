"""`sign_in` and `session`: who is there, and for how long that is believed."""

from dataclasses import replace

import pytest

from services.authorize.errors import ShownHere
from services.authorize.model import User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.session import Sessions
from services.authorize.sign_in import SignIn
from tallystick.runtime.failures import Unavailable
from tests.fakes.authorize import BOB, Countdown, InMemorySessions, InMemoryUsers


class OnePassword:
    """`Passwords` that know one, and remember which hashes they were asked about."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def hash(self, password: str) -> str:
        return password

    async def verify(self, hashed: str | None, password: str) -> bool:
        self.asked.append(hashed)
        if password == "flood":
            raise Unavailable("too many passwords are being checked")
        return hashed is not None and password == "secret"


async def test_the_right_password_gives_the_user() -> None:
    """Username and password together tell who is there (UI-08)."""
    assert await SignIn(InMemoryUsers(BOB), OnePassword()).authenticate("bob", "secret") == BOB


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("bob", "wrong"),
        ("bob", ""),
        ("Bob", "secret"),
        ("bob ", "secret"),
        ("alice", "secret"),
        ("", "secret"),
        ("", ""),
    ],
)
async def test_anything_else_gives_nobody(username: str, password: str) -> None:
    """A wrong password and an unknown user look alike, and a hash is verified for both (UI-08)."""
    passwords = OnePassword()
    assert await SignIn(InMemoryUsers(BOB), passwords).authenticate(username, password) is None
    assert len(passwords.asked) == 1


async def test_a_disabled_user_is_nobody() -> None:
    """The right password of a disabled user looks like a wrong one, and takes as long (UI-08)."""
    passwords = OnePassword()
    assert await SignIn(InMemoryUsers(replace(BOB, enabled=False)), passwords).authenticate("bob", "secret") is None
    assert [BOB.password_hash] == passwords.asked


async def test_a_flood_of_sign_ins_is_shown_here() -> None:
    """A person who has to wait can try again on the spot (AUTHZ-13)."""
    with pytest.raises(ShownHere) as refusal:
        await SignIn(InMemoryUsers(BOB), OnePassword()).authenticate("bob", "flood")
    assert ErrorKind.UNAVAILABLE is refusal.value.kind


def sessions(store: InMemorySessions, users: InMemoryUsers) -> Sessions:
    """Return sessions over stores in memory."""
    return Sessions(store, users, Countdown(), lifetime_seconds=60)


async def test_a_session_tells_who_signed_in() -> None:
    """The store keeps a digest of the cookie's value and not the value (GEN-11)."""
    store = InMemorySessions()
    live = sessions(store, InMemoryUsers(BOB))
    cookie = await live.begin(BOB, previous="")
    assert await live.user(cookie) == BOB
    assert cookie.encode() not in store.kept


async def test_signing_in_ends_the_session_before() -> None:
    """A session that somebody else may have planted is of no use after the sign-in (UI-05)."""
    live = sessions(InMemorySessions(), InMemoryUsers(BOB))
    planted = await live.begin(BOB, previous="")
    cookie = await live.begin(BOB, previous=planted)
    assert cookie != planted
    assert await live.user(planted) is None


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43])
async def test_an_unknown_cookie_is_nobody(cookie: str) -> None:
    """What we have not given out tells nothing (UI-05)."""
    assert await sessions(InMemorySessions(), InMemoryUsers(BOB)).user(cookie) is None


@pytest.mark.parametrize("changed", [replace(BOB, enabled=False), replace(BOB, epoch=BOB.epoch + 1), None])
async def test_a_session_ends_with_what_it_stands_on(changed: User | None) -> None:
    """A user who was disabled, revoked or deleted is signed in nowhere (UI-05)."""
    users = InMemoryUsers(BOB)
    live = sessions(InMemorySessions(), users)
    cookie = await live.begin(BOB, previous="")
    users.users = {} if changed is None else {changed.user_id: changed}
    assert await live.user(cookie) is None
