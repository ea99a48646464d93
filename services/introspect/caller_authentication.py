"""Who may ask (RFC 7662 §2.1): a client with its credentials, or with an access token of its own for that purpose."""

from dataclasses import dataclass

from services.introspect.introspection import live_scopes
from services.introspect.model import LEASED, STALEST_SECONDS, Freshness, Known
from services.introspect.ports import CallerRecords, TokenRecords
from tallystick.oauth2.bearer_token import bearer_token
from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.client_authentication import PresentedCredentials, authenticate, presented_credentials
from tallystick.oauth2.errors import InsufficientScope, InvalidClient, InvalidRequest, InvalidToken
from tallystick.oauth2.opaque_token import AccessToken, parse_access_token
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.scope import INTROSPECT
from tallystick.runtime import client_address
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import Failure, Unavailable


@dataclass(frozen=True, slots=True)
class Recognised:
    """A client that asks, and for how many seconds it has not been known to be one; 0 normally."""

    client_id: str
    stale_by: float = 0.0


class CallerAuthentication:
    """Tells which client a request comes from. Every failure ends before the token in question is looked at."""

    def __init__(self, callers: CallerRecords, tokens: TokenRecords, issuer: str, throttle: FailureThrottle) -> None:
        self._callers = callers
        self._tokens = tokens
        self._issuer = issuer
        self._throttle = throttle

    def authenticate(self, authorization: str | None, parameters: Parameters) -> str:
        """Return the caller's client_id, as `recognise` does; raise `Unavailable` when that is not known of now."""
        caller = self.recognise(authorization, parameters)
        if caller.stale_by > 0:
            raise Unavailable("the caller cannot be authenticated now")
        return caller.client_id

    def recognise(self, authorization: str | None, parameters: Parameters) -> Recognised:
        """Return the caller, by what is remembered of it if nobody can be asked.

        Raises `InvalidClient` (`TooManyFailures` after many of them), `InvalidRequest` when two methods are used at
        once, and for a bearer token `InvalidToken` or `InsufficientScope` (RFC 6750 §3.1).
        """
        token = None if authorization is None else bearer_token(authorization)
        if token is None:
            return self._by_credentials(presented_credentials(authorization, parameters))
        if parameters.optional("client_secret") is not None:
            raise InvalidRequest("only one way of client authentication may be used")
        caller = self._by_token(token)
        if parameters.optional("client_id") not in {None, caller.client_id}:
            raise InvalidRequest("client_id differs from the authenticated client")
        return caller

    def _by_credentials(self, presented: PresentedCredentials) -> Recognised:
        if presented.auth_method is AuthMethod.NONE:
            # A client_id is public knowledge: introspection open to it would be a scanner for tokens (RFC 7662 §4).
            raise InvalidClient("client authentication is missing")
        found = self._callers.client(presented.client_id)
        try:
            authenticate(presented, found.client, now=found.now)
        except InvalidClient:
            self._throttle.failed(presented.client_id, client_address.current_network())
            raise
        return Recognised(presented.client_id, found.stale_by)

    def _by_token(self, text: str) -> Recognised:
        token = parse_access_token(text)
        known, stale_by = (None, 0.0) if token is None else self._known(token)
        record = None if known is None else known.record
        scopes = () if known is None or record is None else live_scopes(record, known.now)
        if record is None or not scopes:
            raise InvalidToken("the access token is not live")
        if record.audience != self._issuer or record.grant_id is not None:
            raise InvalidToken("the access token is not the caller's own for this issuer")
        if INTROSPECT not in scopes:
            raise InsufficientScope(INTROSPECT)
        return Recognised(record.client_id, stale_by)

    def _known(self, token: AccessToken) -> tuple[Known, float]:
        """Return what is known of a token, and for how many seconds that may not have been so."""
        [known] = self._tokens.access_tokens([(token, LEASED)])
        if not isinstance(known, Failure):
            return known, 0.0
        [stale] = self._tokens.access_tokens([(token, Freshness(staleness=STALEST_SECONDS, from_memory=True))])
        if isinstance(stale, Failure):
            raise known
        return stale, STALEST_SECONDS
