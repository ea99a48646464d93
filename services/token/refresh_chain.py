"""How refresh tokens follow from one another: each secret from the one before, a key and a nonce.

    secret(n+1) = HMAC-SHA-256(key, label ‖ family ‖ n+1 ‖ nonce ‖ secret n)
    MAC(n)      = HMAC-SHA-256(key, label ‖ family ‖ n ‖ secret n)

The same predecessor always yields the same successor, so a repeated request gets the token that the first one got. The
nonce lies in the database, the key with token, and the secret before with the client: none of them, and no two of them,
make a token. The key's id goes with the token; a key that is retired takes its tokens along.
"""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from services.token.model import Rotated
from tallystick.oauth2.refresh_token import SECRET_BYTES, RefreshToken
from tallystick.runtime.keys import Key, KeyRing

NONCE_BYTES = 32
_SUCCESSOR = b"tallystick refresh token: secret of the successor"
_MAC = b"tallystick refresh token: message authentication"


class RefreshChain:
    """Makes refresh tokens and recognises its own."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def first(self, family: UUID, random: bytes) -> RefreshToken:
        """Return generation 0, whose secret is 32 random bytes."""
        if len(random) != SECRET_BYTES:
            raise ValueError(f"{SECRET_BYTES} random bytes are needed")
        return _sealed(self._keys.current, family, 0, random)

    def is_ours(self, token: RefreshToken) -> bool:
        """Tell whether a key of ours made this token for this family and generation."""
        key = self._keys.by_id.get(token.key_id)
        return key is not None and hmac.compare_digest(
            _mac(key, token.family, token.generation, token.secret), token.mac
        )

    def successor(self, token: RefreshToken, nonce: bytes) -> RefreshToken:
        """Return the next generation, made with the current key and 32 bytes of nonce."""
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"{NONCE_BYTES} bytes of nonce are needed")
        return _successor(self._keys.current, token, nonce)

    def follow(self, token: RefreshToken, rotations: Iterable[Rotated]) -> RefreshToken | None:
        """Return what a token became by these rotations, oldest first; None when a key of them is gone."""
        for rotated in rotations:
            key = self._keys.by_id.get(rotated.key_id)
            if key is None:
                return None
            token = _successor(key, token, rotated.nonce)
        return token


def _successor(key: Key, token: RefreshToken, nonce: bytes) -> RefreshToken:
    generation = token.generation + 1
    message = _SUCCESSOR + token.family.bytes + _octets(generation) + nonce + token.secret
    return _sealed(key, token.family, generation, hmac.digest(key.octets, message, sha256))


def _sealed(key: Key, family: UUID, generation: int, secret: bytes) -> RefreshToken:
    return RefreshToken(family, generation, secret, _mac(key, family, generation, secret), key.key_id)


def _mac(key: Key, family: UUID, generation: int, secret: bytes) -> bytes:
    return hmac.digest(key.octets, _MAC + family.bytes + _octets(generation) + secret, sha256)


def _octets(generation: int) -> bytes:
    return generation.to_bytes(4, "big")
