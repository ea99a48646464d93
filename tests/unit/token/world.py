"""token with nothing around it but memory."""

import base64
import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4

from services.token.adapters.counted_writes import Counted, CountedAccessTokens, CountedFamilies, CountedGrants
from services.token.client_authentication import ClientAuthentication
from services.token.grants import Dispatcher
from services.token.grants.authorization_code import AuthorizationCodeGrant
from services.token.grants.client_credentials import ClientCredentialsGrant
from services.token.grants.refresh_token import RefreshTokenGrant
from services.token.issuer import Issuer
from services.token.model import Client, IssuedTokens
from services.token.refresh_chain import RefreshChain
from services.token.revocation import Revocation
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.opaque_token import digest
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.keys import Key, KeyRing
from tallystick.runtime.randomness import SystemRandomness
from tests.fakes.audit import FakeAudit
from tests.fakes.checked_codes import REDIRECT_URI, VERIFIER, FakeCodes, IssuedCode
from tests.fakes.clients import FakeClients, client
from tests.fakes.finality import FakeFinality
from tests.fakes.grants import FakeGrantStore, Party
from tests.fakes.presented_tokens import FakePresentedTokens

ISSUER = "https://issuer.example"
GRACE = timedelta(seconds=10)
LIFETIME, IDLE_LIFETIME = timedelta(days=30), timedelta(days=14)
PUBLIC = "public"


def ring(*key_ids: str) -> KeyRing:
    """Return keys that depend on nothing but their ids; the first is current."""
    keys = {key_id: Key(key_id, key_id.encode().ljust(32, b".")) for key_id in key_ids}
    return KeyRing(keys[key_ids[0]], keys)


def basic(client_id: str, secret: str) -> str:
    """Return the value of a Basic `Authorization` header; ids and secrets of ours need no form-encoding."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def uncounted(event: AuditEvent) -> None:
    """Count nothing."""
    del event


@dataclass(slots=True)
class World:
    """One user, one public client, and whatever a test adds."""

    keys: KeyRing = field(default_factory=lambda: ring("k1"))
    store: FakeGrantStore = field(default_factory=FakeGrantStore)
    codes: FakeCodes = field(default_factory=FakeCodes)
    audit: FakeAudit = field(default_factory=FakeAudit)
    finality: FakeFinality = field(default_factory=FakeFinality)
    user_id: UUID = field(default_factory=uuid4)
    grace: timedelta = GRACE
    counted: Counted = uncounted
    """Told of each event of a write."""
    clients: FakeClients = field(init=False)
    presented: FakePresentedTokens = field(init=False)

    def __post_init__(self) -> None:
        self.clients = FakeClients(lambda: self.store.now)
        self.presented = FakePresentedTokens(self.store)
        self.store.users[self.user_id] = Party()
        self.add(client(PUBLIC))

    @property
    def chain(self) -> RefreshChain:
        """What makes refresh tokens."""
        return RefreshChain(self.keys)

    def add(self, registered: Client) -> Client:
        """Register a client, or change it, and let the user consent to it."""
        self.store.clients.setdefault(registered.client_id, Party())
        self.store.consents.setdefault((self.user_id, registered.client_id), Party())
        return self.clients.register(registered)

    def code(self, client_id: str = PUBLIC, scopes: tuple[str, ...] = ("photos.read",)) -> IssuedCode:
        """Issue a code."""
        return self.codes.issue(client_id, self.user_id, scopes)

    async def post(self, authorization: str | None = None, **parameters: str | list[str]) -> IssuedTokens:
        """Send a token request; a parameter with a list repeats."""
        pairs = [
            (name, value)
            for name, values in parameters.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        return await self.dispatcher().exchange(Parameters(tuple(pairs)), authorization)

    async def redeem(self, issued: IssuedCode, **parameters: str) -> IssuedTokens:
        """Redeem a code as its public client does, with parameters changed or added."""
        form = {
            "grant_type": "authorization_code",
            "client_id": issued.client_id,
            "code": issued.code.text,
            "code_verifier": VERIFIER,
            "redirect_uri": REDIRECT_URI,
        }
        return await self.post(**{**form, **parameters})

    async def refresh(self, refresh_token: str | None, client_id: str = PUBLIC, **parameters: str) -> IssuedTokens:
        """Refresh as a public client does."""
        assert refresh_token is not None
        return await self.post(
            grant_type="refresh_token", client_id=client_id, refresh_token=refresh_token, **parameters
        )

    def is_kept(self, tokens: IssuedTokens) -> bool:
        """Tell whether an issued access token can be found."""
        return digest(tokens.access_token) in self.store.tokens

    def dispatcher(self) -> Dispatcher:
        """Wire what `__main__` wires."""
        randomness = SystemRandomness()
        grants = CountedGrants(self.store, self.counted)
        revocation = Revocation(grants, self.finality)
        issuer = Issuer(ISSUER, timedelta(minutes=10), self.chain, randomness)
        return Dispatcher(
            ClientAuthentication(self.clients, FailureThrottle(time.monotonic, per_source=100), self.finality),
            {
                GrantType.AUTHORIZATION_CODE: AuthorizationCodeGrant(
                    self.codes,
                    grants,
                    revocation,
                    issuer,
                    randomness,
                    refresh_lifetime=LIFETIME,
                    refresh_idle_lifetime=IDLE_LIFETIME,
                ),
                GrantType.REFRESH_TOKEN: RefreshTokenGrant(
                    CountedFamilies(self.store, self.counted),
                    revocation,
                    self.chain,
                    issuer,
                    idle_lifetime=IDLE_LIFETIME,
                    grace=self.grace,
                ),
                GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant(
                    issuer, CountedAccessTokens(self.store, self.counted)
                ),
            },
            self.audit,
        )
