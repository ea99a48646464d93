"""Opaque credentials: a type tag, 256 random bits, and a CRC-32 by which leak scanners and our front door know them.

    tsa_ random(43) bucket(6) crc(8)     access token; the bucket is the hour of its expiry
    tss_ random(43) crc(8)               client secret
    tso_ random(43) crc(8)               operator credential
    tsv_ random(43) crc(8)               credential of one of the services

Random is base64url, bucket and crc are lower-case hexadecimal. For this much entropy a plain SHA-256 is as good a
digest as a slow hash. Refresh tokens (`tsr_`) carry more: see `refresh_token`.
"""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from zlib import crc32

RANDOM_BYTES = 32
_SECONDS_PER_BUCKET = 3600
_ACCESS_TOKEN = re.compile(r"tsa_[A-Za-z0-9_-]{43}([0-9a-f]{6})[0-9a-f]{8}")
_PLAIN = re.compile(r"(tss|tso|tsv)_[A-Za-z0-9_-]{43}[0-9a-f]{8}")


class CredentialType(StrEnum):
    """The tags of credentials that are nothing but random bits."""

    CLIENT_SECRET = "tss"
    OPERATOR = "tso"
    SERVICE = "tsv"


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token and where its record lies. The text is kept out of `repr`."""

    text: str = field(repr=False)
    bucket: int

    @property
    def digest(self) -> bytes:
        """The SHA-256 under which the token is stored."""
        return digest(self.text)


def base64url(octets: bytes) -> str:
    """Encode without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def with_checksum(text: str) -> str:
    """Append the CRC-32 of a credential, by which it is recognised."""
    return f"{text}{crc32(text.encode('ascii')):08x}"


def has_checksum(text: str) -> bool:
    """Tell whether a credential ends in its own CRC-32."""
    return text == with_checksum(text[:-8])


def digest(text: str) -> bytes:
    """Return the SHA-256 of a credential; that is all that is ever stored of it."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def bucket_of(expires_at: datetime) -> int:
    """Return the hour, since 1970, in which a token expires; its record lies in that partition."""
    return int(expires_at.timestamp()) // _SECONDS_PER_BUCKET


def new_access_token(random: bytes, expires_at: datetime) -> AccessToken:
    """Make an access token of 32 random bytes."""
    bucket = bucket_of(expires_at)
    return AccessToken(with_checksum(f"tsa_{_encoded(random)}{bucket:06x}"), bucket)


def parse_access_token(text: str) -> AccessToken | None:
    """Recognise an access token; None for anything that we cannot have issued."""
    match = _ACCESS_TOKEN.fullmatch(text)
    if match is None or not has_checksum(text):
        return None
    return AccessToken(text, int(match[1], 16))


def new_credential(kind: CredentialType, random: bytes) -> str:
    """Make a client secret, an operator's or a service's credential of 32 random bytes."""
    return with_checksum(f"{kind}_{_encoded(random)}")


def is_credential(kind: CredentialType, text: str) -> bool:
    """Tell whether a text is a credential of this kind, by tag and checksum."""
    match = _PLAIN.fullmatch(text)
    return match is not None and match[1] == kind and has_checksum(text)


def _encoded(random: bytes) -> str:
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"{RANDOM_BYTES} random bytes are needed")
    return base64url(random)
