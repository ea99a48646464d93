"""The use cases as callers meet them: questions are counted before anything is looked up, answers after."""

from collections.abc import Sequence
from typing import Protocol

from services.introspect.access import CheckAccess
from services.introspect.caller_quota import CallerQuota
from services.introspect.inactive_answers import InactiveAnswers
from services.introspect.introspection import Introspect
from services.introspect.model import AccessDecision, Denial, Freshness, Introspection, Question
from services.introspect.ports import PolicyRecords, TokenRecords
from tallystick.runtime.failures import Failure


class Answers(Protocol):
    """Counts answers; safe to use from threads."""

    def introspected(self, *, active: int, inactive: int, failed: int) -> None:
        """Count answers of `Introspect`."""

    def decided(self, denial: Denial | None) -> None:
        """Count a decision of `CheckAccess`, None for yes."""

    def undecided(self) -> None:
        """Count a question of `CheckAccess` that could not be decided, or not for this caller."""


class MeteredIntrospect(Introspect):
    """`Introspect` within the caller's quota."""

    def __init__(
        self, records: TokenRecords, issuer: str, quota: CallerQuota, inactive: InactiveAnswers, answers: Answers
    ) -> None:
        super().__init__(records, issuer)
        self._quota = quota
        self._inactive = inactive
        self._answers = answers

    def many(self, questions: Sequence[Question], caller: str) -> Sequence[Introspection | Failure]:
        """Answer several questions of one caller; raise `ResourceExhausted` when it has asked more than its share."""
        self._quota.take(caller, len(questions))
        outcomes = super().many(questions, caller)
        failed = sum(isinstance(outcome, Failure) for outcome in outcomes)
        inactive = sum(not isinstance(outcome, Failure) and not outcome.active for outcome in outcomes)
        self._inactive.given(caller, inactive)
        self._answers.introspected(active=len(outcomes) - failed - inactive, inactive=inactive, failed=failed)
        return outcomes


class MeteredCheckAccess(CheckAccess):
    """`CheckAccess` within the caller's quota."""

    def __init__(
        self,
        tokens: TokenRecords,
        policies: PolicyRecords,
        issuer: str,
        quota: CallerQuota,
        inactive: InactiveAnswers,
        answers: Answers,
    ) -> None:
        super().__init__(tokens, policies, issuer)
        self._quota = quota
        self._inactive = inactive
        self._answers = answers

    def __call__(
        self, token: str, resource: str, requested: bytes, *, caller: str, freshness: Freshness
    ) -> AccessDecision:
        """Decide one question; raise `ResourceExhausted` when the caller has asked more than its share."""
        self._quota.take(caller, 1)
        try:
            decision = super().__call__(token, resource, requested, caller=caller, freshness=freshness)
        except Failure:
            self._answers.undecided()
            raise
        self._inactive.given(caller, int(decision.denial is Denial.TOKEN_INACTIVE))
        self._answers.decided(decision.denial)
        return decision
