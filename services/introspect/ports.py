"""What introspect needs from a store. Each question is one statement; `Unavailable` is raised when it has no answer."""

from typing import Protocol

from services.introspect.model import AccessTokenRecord, CallerLookup, RefreshTokenRecord
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken


class TokenRecords(Protocol):
    """Finds what a token stands for."""

    def access_token(self, token: AccessToken) -> AccessTokenRecord | None:
        """Return the record of an access token, None when there is none."""

    def refresh_token(self, token: RefreshToken) -> RefreshTokenRecord | None:
        """Return the record of the current refresh token of the same family, None when the family has none."""


class CallerRecords(Protocol):
    """Finds clients that want to ask."""

    def client(self, client_id: str) -> CallerLookup:
        """Return a client, if there is one, and the store's time."""
