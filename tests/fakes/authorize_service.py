"""authorize as token sees it: a real gRPC server that knows the codes which a test has issued."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID, uuid4

import grpc

from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import (
    AuthorizationCodeServiceServicer,
    add_AuthorizationCodeServiceServicer_to_server,
)
from tallystick.oauth2 import pkce
from tallystick.oauth2.authorization_code import AuthorizationCode, new_authorization_code
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, s256
from tallystick.runtime.failures import Failure, NotFound, Refused
from tallystick.runtime.grpc_status import status_of

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REDIRECT_URI = "https://client.example/callback"


class FakeAuthorize(AuthorizationCodeServiceServicer):
    """Answers `CheckCode` until told to fail. It counts its calls and keeps the metadata of the last one."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        """What the next calls are answered with, one each."""
        self.calls = 0
        self.metadata: dict[str, str | bytes] = {}
        self.address = ""
        self._hanging: Event | None = None
        self._codes: dict[bytes, tuple[str, pb.CheckCodeResponse]] = {}
        self._server: grpc.Server | None = None

    def start(self) -> None:
        """Listen, at the same address as before if it was stopped."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        add_AuthorizationCodeServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port(self.address or "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        self._server.start()

    def stop(self) -> None:
        """Stop listening at once."""
        self.resume()
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def hang(self) -> None:
        """Answer nobody, with connections open, until resumed."""
        self._hanging = Event()

    def resume(self) -> None:
        """Answer again."""
        if self._hanging is not None:
            self._hanging.set()
            self._hanging = None

    def issue(
        self, client_id: str, user_id: UUID, scopes: tuple[str, ...], *, with_challenge: bool = True
    ) -> AuthorizationCode:
        """Issue a code with an S256 challenge to `VERIFIER`, or with none."""
        code = new_authorization_code(secrets.token_bytes(16), secrets.token_bytes(32))
        answer = pb.CheckCodeResponse(
            grant_id=str(uuid4()),
            code_id=code.code_id,
            code_digest=code.digest,
            user_id=str(user_id),
            scopes=scopes,
            redirect_uri=REDIRECT_URI,
            redirect_uri_sent=True,
        )
        if with_challenge:
            answer.code_challenge = s256(VERIFIER)
            answer.code_challenge_method = pb.CODE_CHALLENGE_METHOD_S256
        self._codes[code.text.encode()] = (client_id, answer)
        return code

    def forget(self, code: AuthorizationCode) -> None:
        """Lose a code, as expiry or an emptied Redis does."""
        del self._codes[code.text.encode()]

    def CheckCode(  # noqa: N802 - gRPC names methods as the proto does
        self, request: pb.CheckCodeRequest, context: grpc.ServicerContext
    ) -> pb.CheckCodeResponse:
        self.calls += 1
        self.metadata = dict(context.invocation_metadata())
        if self._hanging is not None:
            self._hanging.wait()
        try:
            return self._checked(request)
        except Failure as failure:
            context.abort_with_status(status_of(failure))
            raise

    def _checked(self, request: pb.CheckCodeRequest) -> pb.CheckCodeResponse:
        if self.failures:
            raise self.failures.pop(0)
        client_id, answer = self._codes.get(request.code, ("", None))
        if answer is None:
            raise NotFound("the code is not known", reason="CODE_UNKNOWN")
        verifier = request.code_verifier.decode() if request.HasField("code_verifier") else None
        challenge = CodeChallenge(answer.code_challenge, CodeChallengeMethod.S256) if answer.code_challenge else None
        if (
            client_id != request.client_id
            or (request.HasField("redirect_uri") and request.redirect_uri.decode() != answer.redirect_uri)
            or not pkce.answers(verifier, challenge)
        ):
            raise Refused("the code was not issued for this", reason="CODE_MISMATCH")
        return answer
