"""What unit tests of authorize are built from: values with sensible defaults, and its stores in memory."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from services.authorize.checks import verified
from services.authorize.model import UNKNOWN_CLIENT, Approval, Client, IssuedCode, Standing, User
from services.authorize.request import AuthorizationRequest, Interaction, Received
from tallystick.oauth2.authorization_code import AuthorizationCode, new_authorization_code
from tallystick.oauth2.client import ApplicationType, ClientType, GrantType
from tallystick.oauth2.parameters import parse_query
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, RequirePkce
from tallystick.runtime.failures import Unavailable

ISSUER = "https://issuer.example"
REDIRECT_URI = "https://photoprint.example/callback"
# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

PUBLIC = replace(
    UNKNOWN_CLIENT,
    client_id="public",
    name="PhotoPrint",
    version="1",
    redirect_uris=(REDIRECT_URI,),
    grant_types=frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}),
    scopes={"photos.read": "See your photos", "photos.print": "Print your photos"},
    may_refresh=True,
    enabled=True,
)
CONFIDENTIAL = replace(PUBLIC, client_id="confidential", client_type=ClientType.CONFIDENTIAL)
NATIVE = replace(
    PUBLIC,
    client_id="native",
    application_type=ApplicationType.NATIVE,
    redirect_uris=("http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost/cb", "com.example.app:/cb"),
)

BOB = User(UUID(int=1), "bob", "$argon2id$", enabled=True, epoch=3)
REQUEST = AuthorizationRequest(
    client_id=PUBLIC.client_id,
    redirect_uri=REDIRECT_URI,
    redirect_uri_sent=True,
    state="xyz",
    code_challenge=CodeChallenge(CHALLENGE, CodeChallengeMethod.S256),
    scopes=("photos.read", "photos.print"),
)
APPROVAL = Approval(BOB.user_id, ("photos.read",), client_epoch=2, user_epoch=3, consent_epoch=5)
STANDING = Standing(client_enabled=True, client_epoch=2, user_enabled=True, user_epoch=3, consent_epoch=5)
CODE = new_authorization_code(b"i" * 16, b"s" * 32)


def query_of(client: Client = PUBLIC, /, **changes: str | None) -> bytes:
    """Return a request that passes all checks, with changes already encoded; None leaves a parameter out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uris[0],
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None).encode()


def checked(
    query: bytes,
    client: Client = PUBLIC,
    *,
    require_pkce: RequirePkce = RequirePkce.ALL,
    known_resources: Collection[str] = (),
) -> AuthorizationRequest:
    """Run all checks on a query."""
    parameters, unreadable = parse_query(query)
    return verified(Received(parameters, unreadable, client, frozenset(known_resources), require_pkce))


def issued_code(code: AuthorizationCode = CODE, request: AuthorizationRequest = REQUEST) -> IssuedCode:
    """Return what a code stands for."""
    return IssuedCode(
        code_id=code.code_id,
        digest=code.digest,
        grant_id=UUID(int=7),
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        redirect_uri_sent=request.redirect_uri_sent,
        code_challenge=request.code_challenge,
        approval=APPROVAL,
    )


class Countdown:
    """A `Randomness` that repeats nothing and can be foretold."""

    def __init__(self) -> None:
        self._left = 255

    def octets(self, count: int) -> bytes:
        self._left -= 1
        return bytes([self._left]) * count

    def uuid(self) -> UUID:
        return UUID(bytes=self.octets(16), version=4)


class InMemoryClients:
    """A `ClientDirectory`, which fails for the client_id `unavailable`."""

    def __init__(self, *clients: Client) -> None:
        self.clients = {client.client_id: client for client in clients}

    async def find(self, client_id: str) -> Client | None:
        if client_id == "unavailable":
            raise Unavailable("the database cannot be asked now")
        return self.clients.get(client_id)


class InMemoryResources:
    """A `ResourceDirectory`."""

    def __init__(self, *identifiers: str) -> None:
        self._identifiers = frozenset(identifiers)

    async def known(self, identifiers: Collection[str]) -> frozenset[str]:
        return self._identifiers & frozenset(identifiers)


class InMemoryUsers:
    """A `UserDirectory`."""

    def __init__(self, *users: User) -> None:
        self.users = {user.user_id: user for user in users}

    async def find_by_username(self, username: str) -> User | None:
        return next((user for user in self.users.values() if user.username == username), None)


class InMemoryInteractions:
    """An `InteractionStore` that forgets nothing by itself."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Interaction] = {}

    async def put(self, digest: bytes, interaction: Interaction, *, seconds: int) -> None:
        del seconds
        self.kept[digest] = interaction

    async def find(self, digest: bytes) -> Interaction | None:
        return self.kept.get(digest)

    async def consume(self, digest: bytes) -> bool:
        return self.kept.pop(digest, None) is not None


class InMemoryConsents:
    """A `ConsentStore` with one consent at most."""

    def __init__(self, approval: Approval | None = APPROVAL, standing: Standing | None = STANDING) -> None:
        self._approval = approval
        self._standing = standing
        self.recorded: list[tuple[str, ...]] = []
        self.looked_up: list[AuthorizationRequest] = []

    async def record(self, user: User, request: AuthorizationRequest, scopes: Collection[str]) -> Approval | None:
        del user, request
        self.recorded.append(tuple(scopes))
        return self._approval and replace(self._approval, scopes=tuple(scopes))

    async def remembered(self, user: User, request: AuthorizationRequest) -> Approval | None:
        del user
        self.looked_up.append(request)
        all_of_it = self._approval is not None and set(request.scopes) <= set(self._approval.scopes)
        return self._approval and replace(self._approval, scopes=request.scopes) if all_of_it else None

    async def standing(self, user_id: UUID, client_id: str) -> Standing | None:
        del user_id, client_id
        return self._standing
