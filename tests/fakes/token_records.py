"""Records in which no token is known, and which can be made to wait or to fail."""

from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Event

from services.introspect.model import Freshness, Known, KnownRefreshToken, ResourcePolicy
from tallystick.oauth2.opaque_token import AccessToken, new_access_token
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = new_access_token(b"t" * 32, NOON).text
SLOW_TOKEN = new_access_token(b"s" * 32, NOON).text
"""What takes until `go_on` is set to look up."""

_SECONDS = 30.0


class UnknownTokens:
    """Implements `TokenRecords` and `PolicyRecords`.

    `looked_up` counts; `is_waiting` is set once somebody waits for the slow token. `failure` is what each token then
    gives, `refusal` what is raised for all that are asked about together.
    """

    def __init__(self, *callers: str) -> None:
        """`callers` may ask about any resource."""
        self.looked_up = 0
        self.failure: Failure | None = None
        self.refusal: Failure | None = None
        self.is_waiting = Event()
        self.go_on = Event()
        self._callers = frozenset(callers)

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        self.looked_up += len(asked)
        if self.refusal is not None:
            raise self.refusal
        if any(token.text == SLOW_TOKEN for token, _ in asked):
            self.is_waiting.set()
            assert self.go_on.wait(_SECONDS)
        return [self.failure or Known(None, None, NOON) for _ in asked]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        raise AssertionError(asked)

    def policy(self, resource: str, freshness: Freshness) -> ResourcePolicy:
        assert not freshness.read_again
        self.looked_up += 1
        return ResourcePolicy(resource, 1, callers=self._callers)
