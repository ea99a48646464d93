"""The authorization code as text: `id.secret` (RFC 6749 §1.3.1). It tells nobody anything (RFC 9700 §4.1.2)."""

import re
from dataclasses import dataclass, field
from hashlib import sha256

from tallystick.oauth2.opaque_token import base64url

ID_BYTES = 16
SECRET_BYTES = 32
_TEXT = re.compile(r"([A-Za-z0-9_-]{22})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """A code: its public id, under which it is looked up, and the whole text. The text is kept out of `repr`."""

    code_id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the whole code; that is all that is ever stored of it."""
        return sha256(self.text.encode("ascii")).digest()


def new_authorization_code(random_id: bytes, random_secret: bytes) -> AuthorizationCode:
    """Make a code of 16 and 32 random bytes."""
    if len(random_id) != ID_BYTES or len(random_secret) != SECRET_BYTES:
        raise ValueError(f"{ID_BYTES} and {SECRET_BYTES} random bytes are needed")
    code_id = base64url(random_id)
    return AuthorizationCode(code_id, f"{code_id}.{base64url(random_secret)}")


def parse_authorization_code(text: str) -> AuthorizationCode | None:
    """Recognise a code; None for anything that we cannot have issued."""
    match = _TEXT.fullmatch(text)
    return None if match is None else AuthorizationCode(match[1], text)
