"""`adapters.argon2_passwords`: what is kept of a password, and how many are checked at once."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import CHEAPEST

from services.authorize.adapters.argon2_passwords import Argon2Passwords
from tallystick.runtime.failures import Unavailable

HASHER = PasswordHasher.from_parameters(CHEAPEST)


@pytest.fixture(scope="module")
def passwords() -> Iterator[Argon2Passwords]:
    with Argon2Passwords(HASHER) as cheap:
        yield cheap


async def test_a_password_verifies_against_its_hash(passwords: Argon2Passwords) -> None:
    """The same password has a new salt each time (GEN-11)."""
    first, second = await passwords.hash("secret"), await passwords.hash("secret")
    assert first != second
    assert await passwords.verify(first, "secret")
    assert "secret" not in first


@pytest.mark.parametrize("typed", ["", "Secret", "secret ", "secre", "s" * 60_000, "🐎"])
async def test_another_password_does_not(passwords: Argon2Passwords, typed: str) -> None:
    """Anything else is a plain no (UI-08)."""
    assert not await passwords.verify(await passwords.hash("secret"), typed)


async def test_two_spellings_of_a_character_are_one(passwords: Argon2Passwords) -> None:
    """Keyboards differ in how they compose, people do not see it (UI-08)."""
    assert await passwords.verify(await passwords.hash("pass\u00e9"), "passe\u0301")


@pytest.mark.parametrize("typed", ["", "secret"])
async def test_an_unknown_user_never_passes(passwords: Argon2Passwords, typed: str) -> None:
    """The dummy hash is nobody's, even for the password that it was made of (UI-08)."""
    assert not await passwords.verify(None, typed)


@pytest.mark.parametrize("unreadable", ["", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$x$y", "plain", "$2b$12$x"])
async def test_an_unreadable_hash_never_passes(passwords: Argon2Passwords, unreadable: str) -> None:
    """A broken row is a no and not an error (UI-08)."""
    assert not await passwords.verify(unreadable, "secret")


def test_the_default_is_a_recommendation_of_the_rfc() -> None:
    """Argon2id with 64 MiB and three passes is RFC 9106's second recommendation (GEN-11)."""

    async def parameters() -> tuple[str, int, int]:
        with Argon2Passwords() as passwords:
            found = extract_parameters(await passwords.hash("secret"))
        return found.type.name, found.memory_cost, found.time_cost

    assert asyncio.run(parameters()) == ("ID", 64 * 1024, 3)


class HeldHasher(PasswordHasher):
    """A hasher that verifies nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.go = threading.Event()

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        self.go.wait(10)
        return super().verify(hash, password)


async def test_a_flood_is_refused_rather_than_queued() -> None:
    """Beyond the threads and the places to wait nobody waits, and afterwards all places are free again (AUTHZ-13)."""
    hasher = HeldHasher()
    with Argon2Passwords(hasher, threads=1, waiting=2) as passwords:
        hashed = hasher.hash("secret")
        accepted = [asyncio.create_task(passwords.verify(hashed, "secret")) for _ in range(3)]
        given_up = accepted.pop()
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await passwords.verify(hashed, "secret")
        given_up.cancel()
        hasher.go.set()
        assert await asyncio.gather(*accepted) == [True, True]
        again = await asyncio.gather(*(passwords.verify(hashed, "secret") for _ in range(3)))
        assert again == [True, True, True]
