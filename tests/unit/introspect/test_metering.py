"""What is counted of a caller's questions, over the use cases as they are."""

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.introspect.adapters.metrics import AnswerCounts
from services.introspect.caller_quota import CallerQuota
from services.introspect.inactive_answers import InactiveAnswers
from services.introspect.metering import MeteredCheckAccess, MeteredIntrospect
from services.introspect.model import INACTIVE, LEASED, Question
from tallystick.runtime.failures import PermissionDenied, ResourceExhausted, Unavailable
from tests.fakes.token_records import TOKEN, UnknownTokens

ISSUER = "https://issuer.example"
PHOTOS = "https://photos.example"
HELD = 4


@pytest.fixture
def records() -> UnknownTokens:
    return UnknownTokens("api")


@pytest.fixture
def quota() -> CallerQuota:
    return CallerQuota(lambda: 0.0, per_second=HELD // 2)


@pytest.fixture
def inactive() -> InactiveAnswers:
    return InactiveAnswers(lambda: 0.0, most=3)


@pytest.fixture
def introspect(records: UnknownTokens, quota: CallerQuota, inactive: InactiveAnswers) -> MeteredIntrospect:
    return MeteredIntrospect(records, ISSUER, quota, inactive, AnswerCounts(CollectorRegistry()))


@pytest.fixture
def check_access(records: UnknownTokens, quota: CallerQuota, inactive: InactiveAnswers) -> MeteredCheckAccess:
    return MeteredCheckAccess(records, records, ISSUER, quota, inactive, AnswerCounts(CollectorRegistry()))


def check(check_access: MeteredCheckAccess, caller: str = "api") -> bool:
    """Ask for access; tell whether it was allowed."""
    return check_access(TOKEN, PHOTOS, b"/photos.v1.Albums/Get", caller=caller, freshness=LEASED).allowed


def test_all_questions_of_a_caller_are_counted_together(
    records: UnknownTokens, introspect: MeteredIntrospect, check_access: MeteredCheckAccess
) -> None:
    """One by one, in a batch or by CheckAccess: beyond the quota nothing is looked up any more (INTR-08)."""
    assert introspect(Question(TOKEN), "api") == INACTIVE
    assert list(introspect.many([Question(TOKEN)] * (HELD - 2), "api")) == [INACTIVE] * (HELD - 2)
    assert not check(check_access)
    looked_up = records.looked_up
    with pytest.raises(ResourceExhausted):
        introspect(Question(TOKEN), "api")
    with pytest.raises(ResourceExhausted):
        introspect.many([Question(TOKEN)], "api")
    with pytest.raises(ResourceExhausted):
        check(check_access)
    assert records.looked_up == looked_up
    assert introspect(Question(TOKEN), "another") == INACTIVE


def test_text_that_is_no_token_is_a_question_as_well(introspect: MeteredIntrospect) -> None:
    """Whatever is asked about counts, found or not (INTR-08)."""
    for _ in range(HELD):
        introspect(Question("x"), "api")
    with pytest.raises(ResourceExhausted):
        introspect(Question("x"), "api")


def test_who_may_not_ask_is_counted_too(check_access: MeteredCheckAccess) -> None:
    """A resource that is not the caller's costs it a question (INTR-08)."""
    for _ in range(HELD):
        with pytest.raises(PermissionDenied):
            check(check_access, "stranger")
    with pytest.raises(ResourceExhausted):
        check(check_access, "stranger")


def test_inactive_answers_of_all_kinds_are_counted(
    introspect: MeteredIntrospect, check_access: MeteredCheckAccess
) -> None:
    """Introspection and access checks that find no live token add up to one line (INTR-08)."""
    with capture_logs() as logs:
        introspect.many([Question(TOKEN), Question("x")], "api")
        check(check_access)
        assert not logs
        check(check_access)
    assert [(line["event"], line["caller"]) for line in logs] == [("many_inactive_answers", "api")]


def test_what_is_not_known_is_not_inactive(records: UnknownTokens, introspect: MeteredIntrospect) -> None:
    """A store that fails is no sign of anybody trying tokens out (INTR-08)."""
    records.failure = Unavailable("the database cannot be asked now")
    with capture_logs() as logs:
        introspect.many([Question(TOKEN)] * 100, "api")
    assert not logs
