"""The use cases as callers meet them: questions are counted before anything is looked up, inactive answers after."""

from collections.abc import Sequence

from services.introspect.access import CheckAccess
from services.introspect.caller_quota import CallerQuota
from services.introspect.inactive_answers import InactiveAnswers
from services.introspect.introspection import Introspect
from services.introspect.model import AccessDecision, Denial, Freshness, Introspection, Question
from services.introspect.ports import PolicyRecords, TokenRecords
from tallystick.runtime.failures import Failure


class MeteredIntrospect(Introspect):
    """`Introspect` within the caller's quota."""

    def __init__(self, records: TokenRecords, issuer: str, quota: CallerQuota, inactive: InactiveAnswers) -> None:
        super().__init__(records, issuer)
        self._quota = quota
        self._inactive = inactive

    def many(self, questions: Sequence[Question], caller: str) -> Sequence[Introspection | Failure]:
        """Answer several questions of one caller; raise `ResourceExhausted` when it has asked more than its share."""
        self._quota.take(caller, len(questions))
        outcomes = super().many(questions, caller)
        inactive = sum(not isinstance(outcome, Failure) and not outcome.active for outcome in outcomes)
        self._inactive.given(caller, inactive)
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
    ) -> None:
        super().__init__(tokens, policies, issuer)
        self._quota = quota
        self._inactive = inactive

    def __call__(
        self, token: str, resource: str, requested: bytes, *, caller: str, freshness: Freshness
    ) -> AccessDecision:
        """Decide one question; raise `ResourceExhausted` when the caller has asked more than its share."""
        self._quota.take(caller, 1)
        decision = super().__call__(token, resource, requested, caller=caller, freshness=freshness)
        self._inactive.given(caller, int(decision.denial is Denial.TOKEN_INACTIVE))
        return decision
