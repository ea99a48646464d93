"""`IntrospectionService` over gRPC, and who calls it."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from collections.abc import Iterator, Sequence

import grpc

from services.introspect import messages
from services.introspect.access import CheckAccess
from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.explanation import ExplainAccess
from services.introspect.introspection import Introspect
from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.bearer_token import bearer_token
from tallystick.oauth2.errors import InsufficientScope, OAuthError, TooManyFailures
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime import callers
from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import Failure, Invalid, PermissionDenied, ResourceExhausted, Unauthenticated
from tallystick.runtime.operator_credentials import Operators

MOST_QUESTIONS = 1000
"""How many questions a batch may hold."""

_NO_PARAMETERS = Parameters(())


class ResourceServerOrOperator:
    """Identifies resource servers by the `authorization` metadata, judged as over HTTP, and operators by theirs."""

    def __init__(self, authentication: CallerAuthentication, operators: Operators) -> None:
        self._authentication = authentication
        self._operators = operators

    def identify(self, authorization: str | None) -> Caller:
        """Return the caller; raise `Unauthenticated`, `PermissionDenied`, `ResourceExhausted` or `Unavailable`."""
        try:
            token = None if authorization is None else bearer_token(authorization)
            if token is not None and is_credential(CredentialType.OPERATOR, token):
                return self._operators.identify(token)
            recognised = self._authentication.recognise(authorization, _NO_PARAMETERS)
        except InsufficientScope as error:
            raise PermissionDenied(error.description, reason=error.code.upper()) from error
        except TooManyFailures as error:
            raise ResourceExhausted(
                error.description, reason="TOO_MANY_FAILURES", retry_after=error.retry_after
            ) from error
        except OAuthError as error:
            raise Unauthenticated(error.description, reason=error.code.upper(), detail=error.detail) from error
        return Caller(CallerKind.RESOURCE_SERVER, recognised.client_id, recognised.stale_by)


class IntrospectionService(introspection_pb2_grpc.IntrospectionServiceServicer):
    """Answers the caller that the server has identified."""

    def __init__(self, introspect: Introspect, check_access: CheckAccess, explain_access: ExplainAccess) -> None:
        self._introspect = introspect
        self._check_access = check_access
        self._explain_access = explain_access

    def Introspect(
        self, request: introspection_pb2.IntrospectRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectResponse:
        """Say what the caller may know of any bytes; raise `Invalid` without any, `Unavailable` when unknowable."""
        del context
        caller = callers.current()
        return messages.response(self._introspect(messages.question(request, caller), caller.name))

    def IntrospectBatch(
        self, request: introspection_pb2.IntrospectBatchRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectBatchResponse:
        """Answer up to 1,000 questions, each by itself; raise `Invalid` for more."""
        del context
        if len(request.items) > MOST_QUESTIONS:
            raise Invalid(f"items: ask at most {MOST_QUESTIONS} questions at once")
        outcomes = messages.answered(self._introspect, request.items, callers.current())
        return introspection_pb2.IntrospectBatchResponse(items=map(messages.item, outcomes))

    def IntrospectStream(  # type: ignore[override] # the server gives what has arrived together, not one by one
        self,
        request_iterator: Iterator[Sequence[introspection_pb2.IntrospectStreamRequest]],
        context: grpc.ServicerContext,
    ) -> Iterator[introspection_pb2.IntrospectStreamResponse]:
        """Answer questions as they come, in their order and each by itself, those together that wait together."""
        del context
        for asked in request_iterator:
            try:
                outcomes = messages.answered(self._introspect, [each.request for each in asked], callers.current())
            except Failure as failure:
                outcomes = [failure] * len(asked)
            for each, outcome in zip(asked, outcomes, strict=True):
                yield introspection_pb2.IntrospectStreamResponse(id=each.id, item=messages.item(outcome))

    def CheckAccess(
        self, request: introspection_pb2.CheckAccessRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.CheckAccessResponse:
        """Say whether a token is good for a request at a resource of the caller's."""
        del context
        caller = callers.current()
        decision = self._check_access(
            messages.token_text("token", request.token),
            messages.resource_identifier(request.resource),
            messages.requested(request.service),
            caller=caller.name,
            freshness=messages.freshness(request.freshness, caller),
        )
        return messages.verdict(decision)

    def ExplainAccess(
        self, request: introspection_pb2.ExplainAccessRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.ExplainAccessResponse:
        """Say step by step why a token is good for a request at any resource, or is not."""
        del context
        explanation = self._explain_access(
            messages.token_text("token", request.token),
            messages.resource_identifier(request.resource),
            messages.requested(request.service),
        )
        return messages.explained(explanation)
