"""A verified request, while it waits for a person's answer.

Its id stands in the address of our pages and tells nothing. It is of use only in the browser that it was started in,
and only once: looking at it, as prefetching does, changes nothing.
"""

import hmac

from services.authorize.errors import ShownHere
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import InteractionStore
from services.authorize.request import AuthorizationRequest, Interaction
from tallystick.oauth2.opaque_token import base64url, digest
from tallystick.runtime.randomness import Randomness

LIFETIME_SECONDS = 600
_ID_BYTES = 32


class Interactions:
    """Begins, finds and ends interactions. All raise `Unavailable` when the store has no answer."""

    def __init__(self, store: InteractionStore, randomness: Randomness) -> None:
        self._store = store
        self._randomness = randomness

    async def begin(self, request: AuthorizationRequest, *, browser: str) -> str:
        """Keep a verified request for the browser with this cookie and return the interaction's id."""
        interaction_id = base64url(self._randomness.octets(_ID_BYTES))
        interaction = Interaction(request, browser_digest=digest(browser))
        await self._store.put(digest(interaction_id), interaction, seconds=LIFETIME_SECONDS)
        return interaction_id

    async def find(self, interaction_id: str, *, browser: str) -> Interaction:
        """Return an interaction; raise `ShownHere` when it is over, or was started in another browser."""
        interaction = await self._store.find(digest(interaction_id))
        if interaction is None:
            raise ShownHere(ErrorKind.EXPIRED)
        if not hmac.compare_digest(interaction.browser_digest, digest(browser)):
            raise ShownHere(ErrorKind.OTHER_BROWSER)
        return interaction

    async def consume(self, interaction_id: str) -> None:
        """End an interaction; raise `ShownHere` for everyone but the first, so that a double click gives one code."""
        if not await self._store.consume(digest(interaction_id)):
            raise ShownHere(ErrorKind.EXPIRED, detail="answered already")
