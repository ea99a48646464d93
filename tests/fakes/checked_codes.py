"""Authorization codes in memory, as authorize checks them."""

import secrets
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from services.token.model import CheckedCode, PresentedCode
from services.token.ports import CodeMismatch, CodeUnknown
from tallystick.oauth2 import pkce
from tallystick.oauth2.authorization_code import AuthorizationCode, new_authorization_code
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, s256
from tallystick.runtime.failures import Failure

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REDIRECT_URI = "https://client.example/callback"


def new_code() -> AuthorizationCode:
    """Draw a code."""
    return new_authorization_code(secrets.token_bytes(16), secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code, whom it was issued to, and what it stands for."""

    code: AuthorizationCode
    client_id: str
    stands_for: CheckedCode


@dataclass(slots=True)
class FakeCodes:
    """Implements `AuthorizationCodes`. What `failure` holds is raised instead of every answer."""

    failure: Failure | None = None
    withdrawn: bool = False
    """Whether the user behind every code is disabled."""
    _codes: dict[str, IssuedCode] = field(default_factory=dict)

    def issue(self, client_id: str, user_id: UUID, scopes: tuple[str, ...] = ("photos.read",)) -> IssuedCode:
        """Issue a code with an S256 challenge to `VERIFIER`."""
        code = new_code()
        stands_for = CheckedCode(
            grant_id=uuid4(),
            code_id=code.code_id,
            code_digest=code.digest,
            user_id=user_id,
            scopes=scopes,
            redirect_uri=REDIRECT_URI,
            redirect_uri_sent=True,
            code_challenge=CodeChallenge(s256(VERIFIER), CodeChallengeMethod.S256),
            client_epoch=0,
            user_epoch=0,
            consent_epoch=0,
        )
        issued = IssuedCode(code, client_id, stands_for)
        self._codes[code.text] = issued
        return issued

    def forget(self, issued: IssuedCode) -> None:
        """Lose a code, as expiry or an emptied Redis does."""
        del self._codes[issued.code.text]

    async def check(self, presented: PresentedCode) -> CheckedCode:
        if self.failure is not None:
            raise self.failure
        issued = self._codes.get(presented.code.text)
        if issued is None:
            raise CodeUnknown
        code = issued.stands_for
        if (
            self.withdrawn
            or issued.client_id != presented.client_id
            or presented.redirect_uri not in {None, code.redirect_uri}
            or not pkce.answers(presented.code_verifier, code.code_challenge)
        ):
            raise CodeMismatch
        return code
