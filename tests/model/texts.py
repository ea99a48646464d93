"""What was really answered, and whether it is what the model says: tokens have numbers here and texts there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tests.model.requests import INVALID_CLIENT, WAIT, Answer, Done, Issued, Refused
from tests.model.world import Scopes


class Difference(AssertionError):
    """Server and model do not agree."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer of the server."""

    status: int
    error: str = ""
    scopes: Scopes | None = None
    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of all tokens: access tokens by number, refresh tokens by code and generation."""

    access: tuple[str, ...] = field(default=(), repr=False)
    refresh: Mapping[tuple[int, int], str] = field(default_factory=dict, repr=False)

    def after(self, expected: Answer, seen: Seen) -> "Texts":
        """Add what an answer brought; raise `Difference` when it is not the one expected."""
        match expected:
            case Refused():
                refusals = (expected, WAIT) if expected == INVALID_CLIENT else (expected,)
                agreed = (seen.access_token, seen.refresh_token) == (None, None)
                agreed = agreed and Refused(seen.status, seen.error) in refusals
            case Done():
                agreed = (seen.status, seen.access_token, seen.refresh_token) == (200, None, None)
            case Issued(_, scopes, refresh_token):
                agreed = (seen.status, seen.scopes) == (200, scopes) and self._is_that(refresh_token, seen)
        if not agreed:
            raise Difference(f"expected {expected}, but there came {seen} with {self._named(seen.refresh_token)}")
        return self._with(expected, seen)

    def _is_that(self, refresh_token: tuple[int, int] | None, seen: Seen) -> bool:
        """Tell whether the very refresh token came that was expected, and an access token that nobody has had."""
        if seen.access_token is None or seen.access_token in self.access:
            return False
        if refresh_token is None or seen.refresh_token is None:
            return (refresh_token is None) == (seen.refresh_token is None)
        if refresh_token in self.refresh:
            return self.refresh[refresh_token] == seen.refresh_token
        return seen.refresh_token not in self.refresh.values()

    def _named(self, refresh_token: str | None) -> str:
        known = [name for name, text in self.refresh.items() if text == refresh_token]
        return f"refresh token {known[0]}" if known else "no known refresh token"

    def _with(self, expected: Answer, seen: Seen) -> "Texts":
        if not isinstance(expected, Issued) or seen.access_token is None:
            return self
        refresh = dict(self.refresh)
        if expected.refresh_token is not None and seen.refresh_token is not None:
            refresh[expected.refresh_token] = seen.refresh_token
        return replace(self, access=(*self.access, seen.access_token), refresh=refresh)
