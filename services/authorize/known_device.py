"""From where an account has been signed in to: browsers by a cookie that they keep, and networks by their address.

Whoever is known there is not held up by what strangers do to the account (OWASP, "device cookies"). It proves nothing
else: the password is asked for all the same. A new password does not make strangers of them, as their owner may have
chosen it because of an attack. But whoever knew the one before may have made many places known, so they are told apart.
"""

from uuid import UUID

from services.authorize.model import Familiarity, Place, User
from services.authorize.ports import KnownPlaces
from tallystick.oauth2.opaque_token import base64url, digest
from tallystick.runtime.randomness import Randomness

LIFETIME_SECONDS = 180 * 24 * 3600
"""How long a browser or a network is known after its last sign-in."""

_COOKIE_BYTES = 32
_NOBODY = UUID(int=0)


class KnownDevices:
    """Knows browsers and networks again. Both methods raise `Unavailable` when the store has no answer."""

    def __init__(self, places: KnownPlaces, randomness: Randomness) -> None:
        self._places = places
        self._randomness = randomness

    async def recognise(self, user: User | None, place: Place) -> Familiarity:
        """Tell what is known; an account that does not exist takes as long and is known nowhere."""
        user_id = _NOBODY if user is None else user.user_id
        of_device = await self._places.epoch(_device(user_id, place.device))
        of_network = await self._places.epoch(_network(user_id, place.network))
        if user is None:
            return Familiarity(device=False, network=False, former=False)
        device = place.device != "" and of_device is not None
        network = place.network != "" and of_network is not None
        epoch = of_device if device else of_network if network else user.epoch
        return Familiarity(device=device, network=network, former=epoch != user.epoch)

    async def remember(self, user: User, place: Place) -> str:
        """Remember where a user has signed in, and return the value of the browser's cookie, a fresh one at first."""
        device = place.device or base64url(self._randomness.octets(_COOKIE_BYTES))
        for mark in (_device(user.user_id, device), _network(user.user_id, place.network)):
            await self._places.remember(mark, user.epoch, seconds=LIFETIME_SECONDS)
        return device


def _device(user_id: UUID, device: str) -> bytes:
    return digest(f"device\n{user_id}\n{device}")


def _network(user_id: UUID, network: str) -> bytes:
    return digest(f"network\n{user_id}\n{network}")
