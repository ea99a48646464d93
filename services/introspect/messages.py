"""Questions and answers as messages: what a call of its own, an item of a batch and one of a stream have alike."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from google.protobuf.duration_pb2 import Duration

from services.introspect.model import (
    LEASED,
    STALEST_SECONDS,
    AccessDecision,
    Denial,
    Explanation,
    Freshness,
    Introspection,
    Question,
)
from tallystick.introspect.v1 import introspection_pb2
from tallystick.oauth2.audience import is_resource_identifier
from tallystick.runtime.callers import Caller
from tallystick.runtime.failures import Failure, Invalid, Unavailable
from tallystick.runtime.grpc_status import status_of

_DENIALS = {
    None: introspection_pb2.DENIAL_UNSPECIFIED,
    Denial.TOKEN_INACTIVE: introspection_pb2.DENIAL_TOKEN_INACTIVE,
    Denial.SERVICE_UNKNOWN: introspection_pb2.DENIAL_SERVICE_UNKNOWN,
    Denial.INSUFFICIENT_SCOPE: introspection_pb2.DENIAL_INSUFFICIENT_SCOPE,
    Denial.OWNER_NOT_AUTHORIZED: introspection_pb2.DENIAL_OWNER_NOT_AUTHORIZED,
}


def question(request: introspection_pb2.IntrospectRequest, caller: Caller) -> Question:
    """Read a question; raise `Invalid` for what is none, `Unavailable` for one that the caller may not ask now."""
    return Question(token_text("token", request.token), freshness(request.freshness, caller))


def token_text(field: str, octets: bytes) -> str:
    """Return a token as text; raise `Invalid` when there is none."""
    if not octets:
        raise Invalid(f"{field} is required")
    # Every token is ASCII, so bytes that are not are replaced by what no token holds.
    return octets.decode("ascii", "replace")


def freshness(message: introspection_pb2.Freshness, caller: Caller) -> Freshness:
    """Return how recent an answer must be; raise `Invalid` for a wish that makes no sense.

    A caller that is itself known by what was true a while ago may only have answers that are as old; for anything else
    `Unavailable` is raised.
    """
    wished = _wished(message)
    if wished.staleness < caller.stale_by:
        raise Unavailable("the caller cannot be authenticated now")
    return wished


def _wished(message: introspection_pb2.Freshness) -> Freshness:
    match message.WhichOneof("wish"):
        case "read_again":
            if not message.read_again:
                raise Invalid("freshness.read_again must be true, or absent")
            return Freshness(read_again=True)
        case "accept_staleness":
            accepted = message.accept_staleness
            seconds = accepted.seconds + accepted.nanos / 1e9
            if not 0 < seconds <= STALEST_SECONDS:
                raise Invalid(f"freshness.accept_staleness must be more than 0 and at most {STALEST_SECONDS:.0f} s")
            return Freshness(staleness=seconds)
    return LEASED


class AnswersSeveral(Protocol):
    """Answers several questions of one caller; `Introspect` does."""

    def many(self, questions: Sequence[Question], caller: str) -> Sequence[Introspection | Failure]:
        """Answer each by itself."""


def answered(
    introspect: AnswersSeveral, requests: Sequence[introspection_pb2.IntrospectRequest], caller: Caller
) -> Sequence[Introspection | Failure]:
    """Answer several questions, what is none among them as such; raise `Unavailable` when none can be taken."""
    read = [_read(request, caller) for request in requests]
    questions = [each for each in read if isinstance(each, Question)]
    answers = iter(introspect.many(questions, caller.name))
    return [next(answers) if isinstance(each, Question) else each for each in read]


def response(answer: Introspection) -> introspection_pb2.IntrospectResponse:
    """Return an answer as a message."""
    return introspection_pb2.IntrospectResponse(
        active=answer.active,
        scopes=answer.scopes,
        client_id=answer.client_id,
        username=answer.username,
        token_type=answer.token_type,
        exp=answer.exp,
        iat=answer.iat,
        sub=answer.sub,
        aud=answer.aud,
        iss=answer.iss,
        valid_for=duration(answer.valid_for),
    )


def requested(octets: bytes) -> bytes:
    """Return what is requested of a resource, whatever it is; raise `Invalid` when nothing is."""
    if not octets:
        raise Invalid("service is required")
    return octets


def verdict(decision: AccessDecision) -> introspection_pb2.CheckAccessResponse:
    """Return a decision as a message."""
    return introspection_pb2.CheckAccessResponse(
        allowed=decision.allowed,
        denial=_DENIALS[decision.denial],
        service=decision.service,
        http_status=decision.http_status,
        error=decision.error,
        www_authenticate=decision.www_authenticate,
        token=response(decision.token),
        valid_for=duration(decision.valid_for),
    )


def explained(explanation: Explanation) -> introspection_pb2.ExplainAccessResponse:
    """Return an explanation as a message."""
    steps = [
        introspection_pb2.AccessStep(check=step.check, passed=step.passed, finding=step.finding)
        for step in explanation.steps
    ]
    return introspection_pb2.ExplainAccessResponse(verdict=verdict(explanation.decision), steps=steps)


def resource_identifier(octets: bytes) -> str:
    """Return the identifier of a resource; raise `Invalid` for what cannot be one."""
    text = octets.decode("ascii", "replace")
    if not is_resource_identifier(text):
        raise Invalid("resource must be an absolute URI without fragment")
    return text


def item(outcome: Introspection | Failure) -> introspection_pb2.IntrospectItem:
    """Return the answer to one question of several."""
    if isinstance(outcome, Failure):
        status = status_of(outcome)
        error = introspection_pb2.ItemError(code=status.code.value[0], message=status.details)
        return introspection_pb2.IntrospectItem(error=error)
    return introspection_pb2.IntrospectItem(response=response(outcome))


def duration(seconds: float) -> Duration | None:
    """Return a duration, rounded down to the millisecond; none for 0."""
    whole = int(seconds * 1000)
    if whole <= 0:
        return None
    found = Duration()
    found.FromTimedelta(timedelta(milliseconds=whole))
    return found


def _read(request: introspection_pb2.IntrospectRequest, caller: Caller) -> Question | Failure:
    try:
        return question(request, caller)
    except Failure as failure:
        return failure
