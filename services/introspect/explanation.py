"""Why a token is good for a request or is not, check by check, in words for operators.

The verdict is that of `access.decide`; the checks are those behind it, taken apart. They end with the first that fails.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.introspect.access import AccessRules, decide, known_of
from services.introspect.introspection import live_scopes
from services.introspect.model import (
    AccessDecision,
    AccessStep,
    AccessTokenRecord,
    Explanation,
    Freshness,
    Known,
    ResourcePolicy,
)
from services.introspect.ports import TokenRecords
from tallystick.oauth2.refresh_token import parse_refresh_token
from tallystick.oauth2.scope import narrowed, scope_string

_READ_AGAIN = Freshness(read_again=True)


class ExplainAccess:
    """Answers operators, who may ask about any resource."""

    def __init__(self, tokens: TokenRecords, issuer: str) -> None:
        self._tokens = tokens
        self._issuer = issuer

    def __call__(self, token: str, resource: str, requested: bytes) -> Explanation:
        """Read everything again and say what a resource server would be told, and why.

        Raises `Unavailable` or `TimedOut` when it cannot be known.
        """
        known = known_of(token, self._tokens, _READ_AGAIN)
        if known is None:
            unknown = decide(None, AccessRules(ResourcePolicy(resource, 0)), requested, caller="", issuer=self._issuer)
            return Explanation(unknown, (AccessStep("token", passed=False, finding=_what_it_is(token)),))
        return explain(replace(known, valid_for=0.0), resource, requested, issuer=self._issuer)


def explain(known: Known, resource: str, requested: bytes, *, issuer: str) -> Explanation:
    """Decide as for a caller of the resource, and take the decision apart."""
    policy = known.policy
    if policy is None or policy.resource != resource:
        policy = ResourcePolicy(resource, 0)
    rules = AccessRules(policy)
    decision = decide(known, rules, requested, caller=_caller(policy, known.record), issuer=issuer)
    if known.record is None:
        finding = "it was never issued here, or ended so long ago that it is forgotten"
        return Explanation(decision, (AccessStep("token", passed=False, finding=finding),))
    case = _Case(known.record, known.now, rules, requested, issuer, decision)
    steps: list[AccessStep] = []
    for check, look in _CHECKS:
        problem, finding = look(case)
        steps.append(AccessStep(check, passed=not problem, finding=problem or finding))
        if problem:
            break
    return Explanation(decision, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Case:
    """What is looked at."""

    record: AccessTokenRecord
    now: datetime
    rules: AccessRules
    requested: bytes
    issuer: str
    decision: AccessDecision

    @property
    def owner(self) -> str:
        """Whoever the token speaks for, in words."""
        grant = self.record.grant
        if grant is None:
            return f"client {self.record.client_id}"
        return f"user {grant.user_id if grant.owner is None else grant.owner.username}"


_Look = Callable[[_Case], tuple[str, str]]
"""Returns what is wrong, empty if nothing is, and what was found otherwise."""


def _token(case: _Case) -> tuple[str, str]:
    record = case.record
    problem = ""
    if record.expires_at <= case.now:
        problem = f"it expired at {_moment(record.expires_at)}"
    elif record.revoked:
        problem = "it was revoked"
    return problem, (
        f"issued at {_moment(record.issued_at)}, expires at {_moment(record.expires_at)}, "
        f"for the scopes {_list(record.scopes)}"
    )


def _client(case: _Case) -> tuple[str, str]:
    record, client = case.record, case.record.client
    name = f"client {record.client_id}"
    if client is None:
        return f"{name} has been deleted", ""
    scopes = narrowed(record.scopes, client.scopes)
    problem = ""
    if not client.enabled:
        problem = f"{name} is disabled"
    elif client.epoch != record.client_epoch:
        problem = f"all that was issued to {name} has been revoked since"
    elif not scopes:
        problem = f"{name} may have none of its scopes any more"
    return problem, f"{name} is enabled and may still have {_list(scopes)}"


def _grant(case: _Case) -> tuple[str, str]:
    record, grant = case.record, case.record.grant
    if record.grant_id is None and grant is None:
        return "", "there is none: the client acts for itself"
    name = f"grant {record.grant_id}"
    problem = ""
    if grant is None:
        problem = f"{name} has been removed"
    elif grant.ended:
        problem = f"{name} has ended: {grant.end_reason}"
    elif grant.client_id != record.client_id:
        problem = f"{name} is another client's"
    elif record.client is None or grant.client_epoch != record.client.epoch:
        problem = f"all that was granted to client {record.client_id} has been revoked since"
    return problem, f"{name} has not ended"


def _owner(case: _Case) -> tuple[str, str]:
    grant = case.record.grant
    if grant is None:
        return "", f"{case.owner} itself"
    owner, problem = grant.owner, ""
    if owner is None:
        problem = f"{case.owner} has been deleted"
    elif not owner.enabled:
        problem = f"{case.owner} is disabled"
    elif owner.epoch != grant.user_epoch:
        problem = f"all that {case.owner} granted has been revoked since, as by a new password"
    elif grant.consent_epoch_now != grant.consent_epoch:
        problem = f"{case.owner} has withdrawn the consent since"
    return problem, f"{case.owner} is enabled, and the consent stands"


def _audience(case: _Case) -> tuple[str, str]:
    audience, policy = case.record.audience, case.rules.policy
    problem = ""
    if audience == case.issuer:
        problem = "the token is for the issuer itself, which is no protected resource"
    elif audience != policy.resource:
        problem = f"the token is for {audience}"
    elif not policy.callers:
        problem = f"nobody may ask: {audience} is not registered, or has no caller"
    elif not case.decision.token.active:
        problem = f"none of its scopes {_list(live_scopes(case.record, case.now))} is for {audience} any more"
    return problem, f"the token is for {audience}"


def _service(case: _Case) -> tuple[str, str]:
    problem = ""
    if not case.decision.service:
        problem = "no registered service fits, or the request could be read in two ways"
    return problem, f"the request is for {case.decision.service}"


def _scope(case: _Case) -> tuple[str, str]:
    covering = sorted(case.rules.covering(case.decision.service))
    held = [scope for scope in covering if scope in case.decision.token.scopes]
    problem = ""
    if not held:
        instead = f"{_list(covering)} would" if covering else "no scope does"
        problem = f"{_list(case.decision.token.scopes)} does not cover {case.decision.service}: {instead}"
    return problem, f"{_list(held)} covers it"


def _group(case: _Case) -> tuple[str, str]:
    admitted, groups = case.rules.policy.services[case.decision.service], case.record.groups
    problem = ""
    if not admitted:
        problem = f"{case.decision.service} has no group, so nobody may use it"
    elif admitted.isdisjoint(groups):
        member = f"is in {_list(sorted(groups))}" if groups else "is in no group"
        problem = f"{case.owner} {member}: {_list(sorted(admitted))} may use {case.decision.service}"
    return problem, f"{case.owner} is in {_list(sorted(admitted & groups))}"


_CHECKS: tuple[tuple[str, _Look], ...] = (
    ("token", _token),
    ("client", _client),
    ("grant", _grant),
    ("owner", _owner),
    ("audience", _audience),
    ("service", _service),
    ("scope", _scope),
    ("group", _group),
)


def _what_it_is(text: str) -> str:
    if parse_refresh_token(text) is not None:
        return "it is a refresh token, which no resource server accepts"
    return "it is no access token of this server: it was cut off, or comes from elsewhere"


def _caller(policy: ResourcePolicy, record: AccessTokenRecord | None) -> str:
    """Return a caller of the resource, rather one that the token was not issued to: its client is told more."""
    own = frozenset() if record is None else frozenset({record.client_id})
    return min(policy.callers - own or policy.callers, default="")


def _list(names: Iterable[str]) -> str:
    return scope_string(names) or "none"


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
