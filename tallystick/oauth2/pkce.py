"""Proof Key for Code Exchange (RFC 7636)."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class CodeChallengeMethod(StrEnum):
    """How a challenge was made from its verifier (RFC 7636 §4.2)."""

    S256 = "S256"
    PLAIN = "plain"


class RequirePkce(StrEnum):
    """Which clients owe a challenge; public ones owe it in any case."""

    ALL = "all"
    PUBLIC = "public"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CodeChallenge:
    """A challenge as sent with the authorization request (RFC 7636 §4.3)."""

    value: str
    method: CodeChallengeMethod

    def is_well_formed(self) -> bool:
        """Tell whether any verifier could answer this challenge (RFC 7636 §4.1, §4.2)."""
        grammar = _S256_CHALLENGE if self.method is CodeChallengeMethod.S256 else _VERIFIER
        return grammar.fullmatch(self.value) is not None


def s256(verifier: str) -> str:
    """Return BASE64URL(SHA256(ASCII(verifier))) without padding (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def answers(verifier: str | None, challenge: CodeChallenge | None) -> bool:
    """Tell whether a verifier answers a challenge (RFC 7636 §4.6).

    A challenge that was sent is owed its verifier, and a verifier without challenge is refused: otherwise an attacker
    who strips the challenge from the request would go unnoticed (RFC 9700 §4.8).
    """
    if challenge is None:
        return verifier is None
    if verifier is None or _VERIFIER.fullmatch(verifier) is None:
        return False
    derived = s256(verifier) if challenge.method is CodeChallengeMethod.S256 else verifier
    return hmac.compare_digest(derived.encode("ascii"), challenge.value.encode("utf-8"))
