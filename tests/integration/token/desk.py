"""A running token service, the database under it, and an authorize that tests control."""

import base64
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from psycopg.rows import DictRow

from tallystick.oauth2 import opaque_token
from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.opaque_token import CredentialType, new_credential
from tests.fakes.authorize_service import REDIRECT_URI, VERIFIER, FakeAuthorize
from tests.support.cluster import DRAIN_SECONDS
from tests.support.databases import Database
from tests.support.overheard import OVERHEARD
from tests.support.service_process import ServiceProcess

ISSUER = "http://127.0.0.1:8080"
PHOTOS, MAIL = "https://photos.example", "https://mail.example"
SCOPES = ("photos.read", "photos.write", "mail.read", "profile", "introspect")
SECONDS = 20.0

_ADD_CLIENT = """
INSERT INTO clients (client_id, name, version, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method, access_token_lifetime_seconds, refresh_limit)
VALUES (%(client_id)s, %(client_id)s, '1', %(client_type)s, 'web', '{https://client.example/callback}',
    %(grant_types)s, %(auth_method)s, %(access_token_lifetime)s, %(refresh_limit)s)
"""
_ADD_SECRET = "INSERT INTO client_secrets (client_id, digest) VALUES (%(client_id)s, %(digest)s)"
_ADD_CLIENT_SCOPES = "INSERT INTO client_scopes (client_id, scope) SELECT %(client_id)s, unnest(%(scopes)s::text[])"
_ADD_CONSENT = """
INSERT INTO consents (user_id, client_id, scopes, scope_versions, redirect_uri)
VALUES (%(user_id)s, %(client_id)s, '{photos.read}', '{1}', 'https://client.example/callback')
"""
_ADD_REST = """
INSERT INTO scopes (name) SELECT unnest(ARRAY['photos.read', 'photos.write', 'mail.read', 'profile']);
INSERT INTO resources (identifier) VALUES ('https://photos.example'), ('https://mail.example');
INSERT INTO services (resource, service) VALUES
    ('https://photos.example', '/p/Get'), ('https://photos.example', '/p/List'), ('https://mail.example', '/m/Get');
INSERT INTO scope_covers (scope, resource, service) VALUES
    ('photos.read', 'https://photos.example', '/p/Get'), ('photos.read', 'https://photos.example', '/p/List'),
    ('photos.write', 'https://photos.example', '/p/Get'), ('mail.read', 'https://mail.example', '/m/Get');
"""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; a confidential one has a secret."""

    client_id: str
    secret: str | None = field(default=None, repr=False)
    auth_method: str = "none"

    @property
    def auth(self) -> httpx.Auth:
        """How it authenticates by header."""
        if self.auth_method != "client_secret_basic":
            return httpx.Auth()
        return httpx.BasicAuth(self.client_id, self.secret or "")

    @property
    def form(self) -> dict[str, str]:
        """How it says who it is by form."""
        match self.auth_method:
            case "none":
                return {"client_id": self.client_id}
            case "client_secret_post":
                return {"client_id": self.client_id, "client_secret": self.secret or ""}
            case _:
                return {}


class Desk:
    """A running token service, the database under it, and the authorize beside it."""

    def __init__(self, database: Database, authorize: FakeAuthorize, folder: Path) -> None:
        self.database = database
        self.authorize = authorize
        self.user_id = uuid4()
        self._folder = folder
        self._files = _private_files(folder)
        self.http = httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD)
        self.replicas = [self.start()]
        with database.connect() as owner:
            owner.execute(_ADD_REST)
            owner.execute(
                "INSERT INTO users (user_id, username, password_hash) VALUES (%s, 'bob', '$argon2id$')", (self.user_id,)
            )

    @property
    def url(self) -> str:
        """The token endpoint of the first replica."""
        return f"{self.replicas[0].http_url}/oauth2/token"

    def start(self, **settings: object) -> ServiceProcess:
        """Start a replica."""
        name = f"token-{len(list(self._folder.glob('token-*.stdout'))) + 1}"
        process = ServiceProcess("token", {**self._settings(), **settings}, self._folder, name)
        process.wait_until_listening()
        return process

    def _settings(self) -> dict[str, object]:
        return {
            "ISSUER": ISSUER,
            "HTTP_LISTEN": "127.0.0.1:0",
            "GRPC_LISTEN": "127.0.0.1:0",
            "POSTGRES_DSN": self.database.dsn("tallystick_token"),
            "PARTITION_DSN": self.database.dsn("tallystick_partitions"),
            "AUTHORIZE_TARGET": self.authorize.address,
            "DRAIN_SECONDS": DRAIN_SECONDS,
            **self._files,
        }

    def register(
        self,
        auth_method: str = "none",
        *,
        scopes: Sequence[str] = ("photos.read", "photos.write"),
        grant_types: Sequence[str] | None = None,
        refresh_limit: int | None = None,
        access_token_lifetime: int | None = None,
    ) -> Client:
        """Register a client that the user has consented to."""
        public = auth_method == "none"
        every = ["authorization_code", "refresh_token", *([] if public else ["client_credentials"])]
        client_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
        secret = None if public else new_credential(CredentialType.CLIENT_SECRET, secrets.token_bytes(32))
        values = {
            "client_id": client_id,
            "client_type": "public" if public else "confidential",
            "auth_method": auth_method,
            "grant_types": list(every if grant_types is None else grant_types),
            "access_token_lifetime": access_token_lifetime,
            "refresh_limit": refresh_limit,
            "scopes": list(scopes),
            "user_id": self.user_id,
            "digest": secret and opaque_token.digest(secret),
        }
        with self.database.connect() as owner:
            for statement in (_ADD_CLIENT, _ADD_CLIENT_SCOPES, _ADD_CONSENT, *([] if public else [_ADD_SECRET])):
                owner.execute(statement, values)
        return Client(client_id, secret, auth_method)

    def code(
        self, client: Client, scopes: tuple[str, ...] = ("photos.read",), *, with_challenge: bool = True
    ) -> AuthorizationCode:
        """Issue a code."""
        return self.authorize.issue(client.client_id, self.user_id, scopes, with_challenge=with_challenge)

    def post(self, client: Client, form: dict[str, str]) -> httpx.Response:
        """Send a token request as a client."""
        return self.http.post(self.url, data={**form, **client.form}, auth=client.auth)

    def redeem(self, client: Client, issued: AuthorizationCode, **changes: str) -> httpx.Response:
        """Redeem a code, with parameters changed; an empty one counts as absent."""
        form = {"grant_type": "authorization_code", "code": issued.text, "redirect_uri": REDIRECT_URI}
        return self.post(client, {**form, "code_verifier": VERIFIER, **changes})

    def refresh(self, client: Client, refresh_token: str, **parameters: str) -> httpx.Response:
        """Refresh."""
        return self.post(client, {"grant_type": "refresh_token", "refresh_token": refresh_token, **parameters})

    @property
    def revocation_url(self) -> str:
        """The revocation endpoint of the first replica."""
        return f"{self.replicas[0].http_url}/oauth2/revoke"

    def revoke(self, client: Client, token: str, **parameters: str) -> httpx.Response:
        """Revoke a token as a client."""
        form = {"token": token, **parameters, **client.form}
        return self.http.post(self.revocation_url, data=form, auth=client.auth)

    def row(self, statement: str, *values: object) -> DictRow | None:
        """Read one row as the owner of the database."""
        with self.database.connect() as owner:
            return owner.execute(psycopg.sql.SQL(statement), values).fetchone()

    def grant_of(self, code: AuthorizationCode) -> DictRow:
        """Return the grant that a code bought."""
        row = self.row("SELECT * FROM grants WHERE code_id = %s", code.code_id)
        assert row is not None
        return row

    def token_row(self, access_token: str) -> DictRow | None:
        """Return what is kept of an access token."""
        return self.row("SELECT * FROM access_tokens WHERE digest = %s", opaque_token.digest(access_token))

    def output(self) -> str:
        """Return everything that any replica has written."""
        return "\n".join(file.read_text() for file in sorted(self._folder.glob("token-*.std*")))

    def close(self) -> None:
        """End the replicas in order."""
        self.http.close()
        for replica in self.replicas:
            assert replica.stop().code == 0


def _private_files(folder: Path) -> dict[str, object]:
    credential = new_credential(CredentialType.SERVICE, secrets.token_bytes(32))
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    files: dict[str, object] = {}
    for name, text in {"SERVICE_TOKEN_FILE": credential, "REFRESH_KEY_FILE": f"k1:{key}"}.items():
        path = folder / name.lower()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{text}\n")
        files[name] = path
    return files
