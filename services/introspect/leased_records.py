"""What introspect knows: from memory while a lease holds, by reading otherwise.

An access token is remembered with everything behind it; policy is remembered by resource and goes with every token
record of the same version. Refresh tokens are always read, as rotating them writes no invalidation; and so is what is
not there or not live, as it may be the next moment.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from services.introspect.batched_reads import BatchedReads, Read
from services.introspect.introspection import live_scopes
from services.introspect.model import (
    STALEST_SECONDS,
    AccessTokenRecord,
    CallerLookup,
    Freshness,
    Known,
    KnownRefreshToken,
    RefreshTokenRecord,
    ResourcePolicy,
    TokenKey,
)
from tallystick.oauth2.client import AuthenticatableClient
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, Unavailable
from tallystick.runtime.lease.answering import memory_holds_for
from tallystick.runtime.lease.records import Record, Records
from tallystick.runtime.lease.view import POLICY, Moment, Subject, View

# How long one question waits for Postgres. A call asks at most three, one after the other: who calls, policy, tokens;
# or who calls, access tokens, refresh tokens. So it ends within ten seconds, as calls to the other services do.
_PATIENCE_SECONDS = 3.0
# How often policy may change under a question before the asker is told to come back.
_ATTEMPTS = 3
# A record is taken to hold fewer names than these: scopes, groups, services and callers.
_NAMES_OF_ONE = 20

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Remembered:
    """A token's record, and the moment of Postgres's time at which it was read."""

    token: AccessTokenRecord
    moment: Moment


@dataclass(frozen=True, slots=True)
class RememberedCaller:
    """A client that asks, and the moment of Postgres's time at which it was read."""

    client: AuthenticatableClient
    moment: Moment


@dataclass(frozen=True, slots=True)
class Reading:
    """The reads that answer what is not remembered."""

    tokens: BatchedReads[TokenKey, AccessTokenRecord]
    refresh_tokens: BatchedReads[UUID, RefreshTokenRecord]
    policies: BatchedReads[str, ResourcePolicy]
    callers: BatchedReads[str, AuthenticatableClient]


class Recalls(Protocol):
    """Counts what memory had to say of access tokens; safe to use from threads."""

    def recalled(self, *, remembered: int, stale: int, unknown: int) -> None:
        """Count tokens that were told of from memory, by the lease or as old as was accepted, and the others."""


@dataclass(slots=True)
class _Question:
    """One token that is asked about; `known` is set once the answer is found."""

    key: TokenKey
    freshness: Freshness
    known: Known | Failure | None = None


class LeasedRecords:
    """Implements `TokenRecords`, `PolicyRecords` and `CallerRecords`.

    `room` is how many access tokens are remembered, and of callers and policies a tenth of it; what holds many names
    counts for several.
    """

    def __init__(
        self,
        reading: Reading,
        view: Callable[[], View],
        clock: Callable[[], float],
        recalls: Recalls,
        *,
        issuer: str,
        room: int,
    ) -> None:
        self._reading = reading
        self._view = view
        self._clock = clock
        self._recalls = recalls
        self._issuer = issuer
        self._tokens = Records[TokenKey, Remembered](room, _weight_of_token)
        self._policies = Records[str, ResourcePolicy](max(1, room // 10), _weight_of_policy)
        self._callers = Records[str, RememberedCaller](max(1, room // 10))

    @property
    def remembered(self) -> Mapping[str, int]:
        """How much of each kind is remembered."""
        return {"tokens": len(self._tokens), "policies": len(self._policies), "callers": len(self._callers)}

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        """Return what is known of each access token, or why that cannot be told now."""
        questions = [_Question(TokenKey(token.digest, token.bucket), freshness) for token, freshness in asked]
        view = self._view()
        at = self._clock()
        until = at + _PATIENCE_SECONDS
        for question in questions:
            question.known = self._remembered(question, view, at)
        self._count(questions)
        # Whatever is to be confirmed may take longer, and holds up nothing else.
        for confirmed in (False, True):
            self._find([each for each in questions if each.freshness.read_again is confirmed], until)
        changing = Unavailable("policy changes at this moment: ask again")
        return [question.known or changing for question in questions]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        """Return the current refresh token of each one's family, or why that cannot be told now."""
        known: dict[int, KnownRefreshToken | Failure] = {}
        until = self._clock() + _PATIENCE_SECONDS
        for confirmed in (False, True):
            numbers = [number for number, (_, freshness) in enumerate(asked) if freshness.read_again is confirmed]
            if not numbers:
                continue
            families = [asked[number][0].family for number in numbers]
            try:
                reads = self._reading.refresh_tokens.find(families, until=until, confirmed=confirmed)
            except Failure as failure:
                known.update(dict.fromkeys(numbers, failure))
                continue
            for number, read in zip(numbers, reads, strict=True):
                if isinstance(read, Failure):
                    known[number] = read
                else:
                    known[number] = KnownRefreshToken(read.found, read.moment.time)
        return [known[number] for number in range(len(asked))]

    def client(self, client_id: str) -> CallerLookup:
        """Return a client, if there is one, and Postgres's time; raise `Unavailable` or `TimedOut`."""
        view = self._view()
        at = self._clock()
        record = self._callers.get(client_id)
        if record is not None and view.moment is not None and memory_holds_for(record, view, at):
            return CallerLookup(view.moment.at(at), record.value.client)
        try:
            read = _only(self._reading.callers.find([client_id], until=at + _PATIENCE_SECONDS))
        except Failure:
            stale_by = math.inf if record is None else self._clock() - record.sent.at
            if record is None or stale_by > STALEST_SECONDS:
                raise
            # Good enough for whoever accepts answers that are as old.
            return CallerLookup(record.value.moment.at(self._clock()), record.value.client, stale_by)
        # One that is disabled is not remembered, as it shall be let in the moment that it is enabled.
        if read.found is not None and read.found.enabled:
            subjects: frozenset[Subject] = frozenset({("client", client_id)})
            remembered = RememberedCaller(read.found, read.moment)
            self._callers.put(client_id, Record(remembered, read.sent, subjects, read.timeline))
        else:
            self._callers.drop(client_id)
        return CallerLookup(read.moment.time, read.found)

    def policy(self, resource: str, freshness: Freshness) -> ResourcePolicy:
        """Return the policy of a resource, empty for one that is not registered; raise `Unavailable` or `TimedOut`."""
        view = self._view()
        at = self._clock()
        record = self._policies.get(resource)
        if record is not None and not freshness.read_again:
            is_accepted = 0 < freshness.staleness >= at - record.sent.at
            if is_accepted or memory_holds_for(record, view, at):
                return record.value
        until = at + _PATIENCE_SECONDS
        read = _only(self._reading.policies.find([resource], until=until, confirmed=freshness.read_again))
        if read.found is None:
            raise Unavailable("the database gave no answer")
        self._remember_policy(read, read.found)
        return read.found

    def _remembered(self, question: _Question, view: View, at: float) -> Known | Failure | None:
        """Return what memory says of a token, if it may say anything; None if it is to be read."""
        known = None if question.freshness.read_again else self._recalled(question, view, at)
        if known is None and question.freshness.from_memory:
            return Unavailable("the database cannot be asked now")
        return known

    def _count(self, questions: Sequence[_Question]) -> None:
        left = [each.known.valid_for for each in questions if isinstance(each.known, Known)]
        current = sum(each > 0 for each in left)
        self._recalls.recalled(remembered=current, stale=len(left) - current, unknown=len(questions) - len(left))

    def _recalled(self, question: _Question, view: View, at: float) -> Known | None:
        record = self._tokens.get(question.key)
        if record is None:
            return None
        policy = self._policy_of(record.value.token, record.sent.generation, record.timeline)
        if policy is None:
            return None
        left = memory_holds_for(record, view, at)
        if left > 0 and view.moment is not None:
            return Known(record.value.token, policy, view.moment.at(at), left)
        staleness = question.freshness.staleness
        if staleness > 0 and at - record.sent.at <= staleness:
            return Known(record.value.token, policy, record.value.moment.at(at))
        return None

    def _policy_of(self, token: AccessTokenRecord, generation: int, timeline: str) -> ResourcePolicy | None:
        """Return the policy of a token's audience, if it is remembered as of the token's own moment.

        A version says what it is a version of only together with the history of the server that it was read from.
        """
        if token.audience == self._issuer:
            # No resource: whatever may be registered under this name, its tokens are nobody's but their clients'.
            return ResourcePolicy(token.audience, token.policy_version)
        record = self._policies.get(token.audience)
        if record is None or (record.sent.generation, record.timeline) != (generation, timeline):
            return None
        return record.value if record.value.version == token.policy_version else None

    def _find(self, questions: Sequence[_Question], until: float) -> None:
        """Read what memory could not say of tokens that are alike in whether the read shall be confirmed."""
        for _ in range(_ATTEMPTS):
            open_ = [question for question in questions if question.known is None]
            if not open_:
                return
            try:
                self._read(open_, until, confirmed=open_[0].freshness.read_again)
            except Failure as failure:
                for question in open_:
                    question.known = question.known or failure

    def _read(self, questions: Sequence[_Question], until: float, *, confirmed: bool) -> None:
        """Read tokens, then the policies that go with them; leave open what was read at two versions of policy."""
        keys = [question.key for question in questions]
        outcomes = self._reading.tokens.find(keys, until=until, confirmed=confirmed)
        found: list[tuple[_Question, Read[AccessTokenRecord], AccessTokenRecord]] = []
        for question, outcome in zip(questions, outcomes, strict=True):
            if isinstance(outcome, Failure):
                question.known = outcome
            elif outcome.found is None:
                question.known = Known(None, None, outcome.moment.time)
            else:
                found.append((question, outcome, outcome.found))
        policies, failures = self._read_policies([(token, read) for _, read, token in found], until)
        view = self._view()
        at = self._clock()
        for question, read, token in found:
            policy = policies.get(token.audience)
            if policy is None or policy.version != token.policy_version:
                policy = self._policy_of(token, read.sent.generation, read.timeline)
            if policy is None:
                question.known = failures.get(token.audience)
                continue
            subjects = token.subjects | {POLICY, ("token", question.key.digest.hex())}
            record = Record(Remembered(token, read.moment), read.sent, subjects, read.timeline)
            if live_scopes(token, read.moment.time):
                self._tokens.put(question.key, record)
                left = memory_holds_for(record, view, at)
            else:
                # It may be live the next moment, as when its user is enabled again, and nobody waits for that.
                self._tokens.drop(question.key)
                left = 0.0
            question.known = Known(token, policy, read.moment.at(at), left)

    def _read_policies(
        self, tokens: Sequence[tuple[AccessTokenRecord, Read[AccessTokenRecord]]], until: float
    ) -> tuple[Mapping[str, ResourcePolicy], Mapping[str, Failure]]:
        """Read the policies of tokens that are not remembered; return them, and why others could not be read."""
        wanted = list(
            dict.fromkeys(
                token.audience
                for token, read in tokens
                if self._policy_of(token, read.sent.generation, read.timeline) is None
            )
        )
        if not wanted:
            return {}, {}
        policies: dict[str, ResourcePolicy] = {}
        failures: dict[str, Failure] = {}
        reads = self._reading.policies.find(wanted, until=until)
        for resource, read in zip(wanted, reads, strict=True):
            if isinstance(read, Failure):
                failures[resource] = read
            elif read.found is not None:
                policies[resource] = read.found
                self._remember_policy(read, read.found)
        return policies, failures

    def _remember_policy(self, read: Read[ResourcePolicy], policy: ResourcePolicy) -> None:
        # Resources that nobody may ask about, registered or not, are as many as anybody can think of.
        if policy.callers:
            self._policies.put(policy.resource, Record(policy, read.sent, frozenset({POLICY}), read.timeline))
        else:
            self._policies.drop(policy.resource)


def _weight_of_token(remembered: Remembered) -> int:
    token = remembered.token
    of_client = 0 if token.client is None else len(token.client.scopes)
    return 1 + (len(token.scopes) + len(token.covering) + len(token.groups) + of_client) // _NAMES_OF_ONE


def _weight_of_policy(policy: ResourcePolicy) -> int:
    return 1 + policy.size // _NAMES_OF_ONE


def _only(reads: Sequence[Read[Value] | Failure]) -> Read[Value]:
    [read] = reads
    if isinstance(read, Failure):
        raise read
    return read
