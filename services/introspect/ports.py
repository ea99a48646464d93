"""What introspect needs to know of the world; `leased_records` knows it, from memory under a lease or by reading."""

from collections.abc import Sequence
from typing import Protocol

from services.introspect.model import CallerLookup, Freshness, Known, KnownRefreshToken, ResourcePolicy
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure


class TokenRecords(Protocol):
    """Finds what tokens stand for."""

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        """Return what is known of each access token, or why that cannot be told now."""

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        """Return the current refresh token of each one's family, or why that cannot be told now."""


class PolicyRecords(Protocol):
    """Finds what resources offer, and to whom."""

    def policy(self, resource: str, freshness: Freshness) -> ResourcePolicy:
        """Return the policy of a resource, empty for one that is not registered; raise `Unavailable` or `TimedOut`."""


class CallerRecords(Protocol):
    """Finds clients that want to ask."""

    def client(self, client_id: str) -> CallerLookup:
        """Return a client, if there is one, and Postgres's time; raise `Unavailable` or `TimedOut`."""
