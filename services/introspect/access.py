"""The three checks: is the token live, does its scope cover the service, may its owner use it (design, section 6).

The decision is pure. It starts from what introspection says of the token, so that no token is good here which is not
good there, and ends with the first check that fails.
"""

from threading import Lock

from services.introspect.introspection import about_access_token
from services.introspect.model import (
    INACTIVE,
    AccessDecision,
    AccessTokenRecord,
    Denial,
    Freshness,
    Introspection,
    Known,
    ResourcePolicy,
)
from services.introspect.ports import PolicyRecords, TokenRecords
from services.introspect.requested_service import RegisteredServices, parse_request
from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.oauth2.opaque_token import parse_access_token
from tallystick.oauth2.service_name import parse_registered, parse_service_name
from tallystick.runtime.failures import Failure, PermissionDenied

# Rules are kept prepared for resources with so many names together, at about 500 bytes a name; then they are prepared
# anew.
_MOST_NAMES = 100_000


class AccessRules:
    """A resource's policy, prepared for many decisions."""

    def __init__(self, policy: ResourcePolicy) -> None:
        self.policy = policy
        self._services = RegisteredServices(policy.services)
        self._covers = {
            scope: tuple(filter(None, map(parse_registered, covered))) for scope, covered in policy.covers.items()
        }
        self._covering: dict[str, frozenset[str]] = {}

    def service(self, requested: bytes) -> str | None:
        """Return the one registered service that a request is for; None if there is none."""
        request = parse_request(requested)
        return None if request is None else self._services.select(request)

    def covering(self, service: str) -> frozenset[str]:
        """Return the scopes that cover a registered service, by naming it or a folder above it."""
        found = self._covering.get(service)
        if found is None:
            name = parse_service_name(service)
            found = frozenset(
                scope for scope, covered in self._covers.items() if any(each.covers(name) for each in covered)
            )
            self._covering[service] = found
        return found


class CheckAccess:
    """Answers resource servers that are already authenticated, about resources of theirs."""

    def __init__(self, tokens: TokenRecords, policies: PolicyRecords, issuer: str) -> None:
        self._tokens = tokens
        self._policies = policies
        self._issuer = issuer
        self._lock = Lock()
        self._rules: dict[str, AccessRules] = {}
        self._names = 0

    def __call__(
        self, token: str, resource: str, requested: bytes, *, caller: str, freshness: Freshness
    ) -> AccessDecision:
        """Say whether any text that was presented as a token is good for a request at a resource.

        Raises `PermissionDenied` for a resource that is not the caller's, registered or not; `Unavailable` or
        `TimedOut` when it cannot be known.
        """
        policy = self._policies.policy(resource, freshness)
        self._require_caller(policy, caller)
        known = known_of(token, self._tokens, freshness)
        if known is not None and known.policy is not None and known.policy.resource == resource:
            # That of the token's own moment.
            policy = known.policy
            self._require_caller(policy, caller)
        return decide(known, self._prepared(policy), requested, caller=caller, issuer=self._issuer)

    def _require_caller(self, policy: ResourcePolicy, caller: str) -> None:
        if policy.resource == self._issuer or caller not in policy.callers:
            raise PermissionDenied("this resource is not one that the caller may ask about", reason="NOT_ITS_CALLER")

    def _prepared(self, policy: ResourcePolicy) -> AccessRules:
        rules = self._rules.get(policy.resource)
        if rules is None or rules.policy is not policy:
            rules = AccessRules(policy)
            with self._lock:
                self._names += policy.size
                if self._names > _MOST_NAMES:
                    self._rules.clear()
                    self._names = policy.size
                self._rules[policy.resource] = rules
        return rules


def known_of(token: str, tokens: TokenRecords, freshness: Freshness) -> Known | None:
    """Return what is known of any text; None if it is no access token of ours. Raises `Unavailable` or `TimedOut`."""
    parsed = parse_access_token(token)
    if parsed is None:
        return None
    [known] = tokens.access_tokens([(parsed, freshness)])
    if isinstance(known, Failure):
        raise known
    return known


def decide(known: Known | None, rules: AccessRules, requested: bytes, *, caller: str, issuer: str) -> AccessDecision:
    """Say whether a token is good for a request at the resource whose rules these are.

    `known` must be of the rules' version if the token is for that resource at all.
    """
    resource = rules.policy.resource
    record = None if known is None else known.record
    token = INACTIVE if known is None else _at(known, resource, caller, issuer)
    if record is None or not token.active:
        return _denied(Denial.TOKEN_INACTIVE, 401, resource, INACTIVE, error="invalid_token")
    service = rules.service(requested)
    if service is None:
        return _denied(Denial.SERVICE_UNKNOWN, 403, resource, token)
    covering = rules.covering(service)
    if covering.isdisjoint(token.scopes):
        scope = _to_ask_for(covering, record)
        return _denied(
            Denial.INSUFFICIENT_SCOPE, 403, resource, token, service=service, error="insufficient_scope", scope=scope
        )
    if rules.policy.services[service].isdisjoint(record.groups):
        return _denied(Denial.OWNER_NOT_AUTHORIZED, 403, resource, token, service=service)
    return AccessDecision(None, service, 200, "", "", token, token.valid_for)


def _at(known: Known, resource: str, caller: str, issuer: str) -> Introspection:
    """Return what the caller is told of a token if it is for this resource; else that it is inactive."""
    if known.record is None or known.record.audience != resource or resource == issuer:
        return INACTIVE
    return about_access_token(known, caller, issuer)


def _to_ask_for(covering: frozenset[str], record: AccessTokenRecord) -> str:
    """Return a scope that would do: rather one that the client may ask for; empty if there is none."""
    allowed = frozenset() if record.client is None else record.client.scopes
    return min(covering & allowed or covering, default="")


def _denied(
    denial: Denial,
    http_status: int,
    resource: str,
    token: Introspection,
    *,
    service: str = "",
    error: str = "",
    scope: str = "",
) -> AccessDecision:
    challenge = bearer_challenge(resource, error=error, scope=scope)
    return AccessDecision(denial, service, http_status, error, challenge, token, token.valid_for)
