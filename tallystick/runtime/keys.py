"""Key files: lines of `id:base64url`, 256 bits each; the first key is the current one, the others still verify."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.oauth2.opaque_token import base64url
from tallystick.runtime.private_files import PrivateFileError, read_private
from tallystick.runtime.settings import SettingsError

KEY_BYTES = 32
_LINE = re.compile(r"([A-Za-z0-9]{1,16}):([A-Za-z0-9_-]{43})=?")


@dataclass(frozen=True, slots=True)
class Key:
    """One key and the id that is carried in what it makes."""

    key_id: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys of one purpose."""

    current: Key
    by_id: Mapping[str, Key]


def key_line(key_id: str, octets: bytes) -> str:
    """Write a key as `read_key_ring` reads it, with the end of the line."""
    return f"{key_id}:{base64url(octets)}\n"


def read_key_ring(variable: str, path: Path) -> KeyRing:
    """Read a key file; raise `SettingsError` when it is missing, empty, malformed or open to others."""
    text = read_private_file(variable, path)
    keys: dict[str, Key] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        octets = urlsafe_b64decode(match[2] + "=") if match else b""
        if match is None or len(octets) != KEY_BYTES or match[1] in keys:
            raise SettingsError(
                f"{variable}: {path} must hold lines of id:base64url, each id once, {KEY_BYTES} bytes each"
            )
        keys[match[1]] = Key(match[1], octets)
    if not keys:
        raise SettingsError(f"{variable}: {path} holds no key")
    return KeyRing(next(iter(keys.values())), keys)


def read_private_file(variable: str, path: Path) -> str:
    """Return the text of the private file that a setting names; raise `SettingsError` when there is none."""
    try:
        text = read_private(path)
    except PrivateFileError as error:
        raise SettingsError(f"{variable}: {error}") from None
    if not text.strip():
        raise SettingsError(f"{variable}: {path} is empty")
    return text
