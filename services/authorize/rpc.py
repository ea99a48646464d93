"""`AuthorizationCodeService` over gRPC, for token."""

import grpc.aio

from services.authorize.check_code import CheckCode, PresentedCode
from services.authorize.model import IssuedCode
from tallystick.authorize.v1 import authorization_code_pb2, authorization_code_pb2_grpc
from tallystick.oauth2.pkce import CodeChallengeMethod

_METHODS = {
    None: authorization_code_pb2.CODE_CHALLENGE_METHOD_UNSPECIFIED,
    CodeChallengeMethod.S256: authorization_code_pb2.CODE_CHALLENGE_METHOD_S256,
    CodeChallengeMethod.PLAIN: authorization_code_pb2.CODE_CHALLENGE_METHOD_PLAIN,
}

_Context = grpc.aio.ServicerContext[authorization_code_pb2.CheckCodeRequest, authorization_code_pb2.CheckCodeResponse]


class AuthorizationCodeService(authorization_code_pb2_grpc.AuthorizationCodeServiceServicer):
    """Tells token what a code stands for."""

    def __init__(self, check_code: CheckCode) -> None:
        self._check_code = check_code

    async def CheckCode(  # noqa: N802 - gRPC names methods as the proto does
        self, request: authorization_code_pb2.CheckCodeRequest, context: _Context
    ) -> authorization_code_pb2.CheckCodeResponse:
        """Check any bytes; raise `NotFound`, `Refused` or `Unavailable`."""
        del context
        presented = PresentedCode(
            code=request.code,
            client_id=request.client_id,
            redirect_uri=request.redirect_uri if request.HasField("redirect_uri") else None,
            code_verifier=request.code_verifier if request.HasField("code_verifier") else None,
        )
        return _message(await self._check_code.check(presented))


def _message(issued: IssuedCode) -> authorization_code_pb2.CheckCodeResponse:
    challenge, approval = issued.code_challenge, issued.approval
    return authorization_code_pb2.CheckCodeResponse(
        grant_id=str(issued.grant_id),
        code_id=issued.code_id,
        code_digest=issued.digest,
        user_id=str(approval.user_id),
        scopes=approval.scopes,
        redirect_uri=issued.redirect_uri,
        redirect_uri_sent=issued.redirect_uri_sent,
        code_challenge=None if challenge is None else challenge.value,
        code_challenge_method=_METHODS[None if challenge is None else challenge.method],
        client_epoch=approval.client_epoch,
        user_epoch=approval.user_epoch,
        consent_epoch=approval.consent_epoch,
    )
