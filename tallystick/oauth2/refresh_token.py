"""The refresh token as text: `tsr_ base64url(secret ‖ MAC ‖ family ‖ generation) key-id crc`.

The secret comes first so that tokens share no prefix. token makes and judges it; introspect, which holds no key, only
reads which family and generation it names.
"""

import re
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from tallystick.oauth2.opaque_token import base64url, has_checksum, with_checksum

SECRET_BYTES = 32
_TEXT = re.compile(r"tsr_([A-Za-z0-9_-]{112})([A-Za-z0-9]{1,16})[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """The parts of a refresh token. Nothing in it is verified by parsing."""

    family: UUID
    generation: int
    secret: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    key_id: str

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the secret, as kept in the grant."""
        return sha256(self.secret).digest()

    def __str__(self) -> str:
        payload = self.secret + self.mac + self.family.bytes + self.generation.to_bytes(4, "big")
        return with_checksum(f"tsr_{base64url(payload)}{self.key_id}")


def parse_refresh_token(text: str) -> RefreshToken | None:
    """Recognise a refresh token; None for anything that we cannot have issued."""
    match = _TEXT.fullmatch(text)
    if match is None or not has_checksum(text):
        return None
    payload = urlsafe_b64decode(match[1])
    return RefreshToken(
        secret=payload[:32],
        mac=payload[32:64],
        family=UUID(bytes=payload[64:80]),
        generation=int.from_bytes(payload[80:], "big"),
        key_id=match[2],
    )
