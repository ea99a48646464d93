"""authorize, asked over gRPC whether a code fits."""

from uuid import UUID

import grpc.aio

from services.token.model import CheckedCode, PresentedCode
from services.token.ports import CodeMismatch, CodeUnknown
from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import AuthorizationCodeServiceStub
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod
from tallystick.runtime.failures import NotFound, Refused, Unavailable
from tallystick.runtime.grpc_client import Neighbour, UnaryMethod

_DEADLINE_SECONDS = 2.0
_UNKNOWN = "CODE_UNKNOWN"
_MISMATCH = "CODE_MISMATCH"
_METHODS = {
    pb.CODE_CHALLENGE_METHOD_S256: CodeChallengeMethod.S256,
    pb.CODE_CHALLENGE_METHOD_PLAIN: CodeChallengeMethod.PLAIN,
}


class AuthorizeCodes:
    """Implements `AuthorizationCodes`."""

    def __init__(self, authorize: Neighbour) -> None:
        self._authorize = authorize

    async def check(self, presented: PresentedCode) -> CheckedCode:
        """Compare a code with what it was issued for.

        Raises `CodeUnknown`, `CodeMismatch`, or the `Failure` that kept authorize from saying.
        """
        request = pb.CheckCodeRequest(
            code=presented.code.text.encode("ascii"),
            client_id=presented.client_id,
            redirect_uri=_octets(presented.redirect_uri),
            code_verifier=_octets(presented.code_verifier),
        )
        try:
            return _checked(await self._ask(request))
        except NotFound as error:
            if error.reason != _UNKNOWN:
                raise
            raise CodeUnknown from error
        except Refused as error:
            if error.reason != _MISMATCH:
                raise
            raise CodeMismatch from error

    async def _ask(self, request: pb.CheckCodeRequest) -> pb.CheckCodeResponse:
        try:
            return await self._authorize.call(_check_code, request, seconds=_DEADLINE_SECONDS)
        except Unavailable:
            # A replica may just have gone; the question changes nothing, so another one can be asked.
            return await self._authorize.call(_check_code, request, seconds=_DEADLINE_SECONDS)


def _check_code(channel: grpc.aio.Channel) -> UnaryMethod[pb.CheckCodeRequest, pb.CheckCodeResponse]:
    return AuthorizationCodeServiceStub(channel).CheckCode


def _octets(value: str | None) -> bytes | None:
    return None if value is None else value.encode("utf-8")


def _checked(answer: pb.CheckCodeResponse) -> CheckedCode:
    challenge = None
    if answer.HasField("code_challenge"):
        challenge = CodeChallenge(answer.code_challenge, _METHODS[answer.code_challenge_method])
    return CheckedCode(
        grant_id=UUID(answer.grant_id),
        code_id=answer.code_id,
        code_digest=answer.code_digest,
        user_id=UUID(answer.user_id),
        scopes=tuple(answer.scopes),
        redirect_uri=answer.redirect_uri,
        redirect_uri_sent=answer.redirect_uri_sent,
        code_challenge=challenge,
        client_epoch=answer.client_epoch,
        user_epoch=answer.user_epoch,
        consent_epoch=answer.consent_epoch,
    )
