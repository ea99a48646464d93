"""Where random values come from, handed in by constructor."""

import secrets
from typing import Protocol
from uuid import UUID, uuid4


class Randomness(Protocol):
    """Draws what nobody can guess."""

    def octets(self, count: int) -> bytes:
        """Return this many random bytes."""

    def uuid(self) -> UUID:
        """Return a random UUID (version 4)."""


class SystemRandomness:
    """The operating system's generator."""

    def octets(self, count: int) -> bytes:
        """Return this many random bytes."""
        return secrets.token_bytes(count)

    def uuid(self) -> UUID:
        """Return a random UUID (version 4)."""
        return uuid4()
