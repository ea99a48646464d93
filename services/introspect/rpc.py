"""`IntrospectionService` over gRPC, and who calls it."""

import grpc

from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.introspection import Introspect
from services.introspect.model import Introspection
from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.errors import InsufficientScope, OAuthError, TooManyFailures
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime import callers
from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import Invalid, PermissionDenied, ResourceExhausted, Unauthenticated

_NO_PARAMETERS = Parameters(())


class ResourceServers:
    """Identifies resource servers by the `authorization` metadata, judged as over HTTP."""

    def __init__(self, authentication: CallerAuthentication) -> None:
        self._authentication = authentication

    def identify(self, authorization: str | None) -> Caller:
        """Return the caller; raise `Unauthenticated`, `PermissionDenied`, `ResourceExhausted` or `Unavailable`."""
        try:
            client_id = self._authentication.authenticate(authorization, _NO_PARAMETERS)
        except InsufficientScope as error:
            raise PermissionDenied(error.description, reason=error.code.upper()) from error
        except TooManyFailures as error:
            raise ResourceExhausted(
                error.description, reason="TOO_MANY_FAILURES", retry_after=error.retry_after
            ) from error
        except OAuthError as error:
            raise Unauthenticated(error.description, reason=error.code.upper(), detail=error.detail) from error
        return Caller(CallerKind.RESOURCE_SERVER, client_id)


class IntrospectionService(introspection_pb2_grpc.IntrospectionServiceServicer):
    """Answers the caller that the server has identified."""

    def __init__(self, introspect: Introspect) -> None:
        self._introspect = introspect

    def Introspect(  # noqa: N802 - gRPC names methods as the proto does
        self, request: introspection_pb2.IntrospectRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectResponse:
        """Say what the caller may know of any bytes; raise `Invalid` without any, `Unavailable` when unknowable."""
        del context
        if not request.token:
            raise Invalid("token is required")
        # Every token is ASCII, so bytes that are not are replaced by what no token holds.
        token = request.token.decode("ascii", "replace")
        return _message(self._introspect(token, callers.current().name))


def _message(answer: Introspection) -> introspection_pb2.IntrospectResponse:
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
    )
