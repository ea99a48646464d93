"""Clients, people, grants and tokens as rows, written by the database's owner: what authorize and token would leave."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.opaque_token import (
    AccessToken,
    CredentialType,
    bucket_of,
    digest,
    new_access_token,
    new_credential,
)
from tallystick.oauth2.refresh_token import RefreshToken

_CLIENT_ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyz234567"

INSERT_CLIENT: LiteralString = """
INSERT INTO clients (client_id, name, version, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method)
VALUES (%(client_id)s, %(client_id)s, '1', %(client_type)s, 'web', '{}', %(grant_types)s, %(auth_method)s)
"""
INSERT_SECRET: LiteralString = """
INSERT INTO client_secrets (client_id, digest, expires_at) VALUES (%(client_id)s, %(digest)s, %(expires_at)s)
"""
INSERT_SCOPE: LiteralString = "INSERT INTO scopes (name) VALUES (%(scope)s) ON CONFLICT DO NOTHING"
INSERT_CLIENT_SCOPE: LiteralString = "INSERT INTO client_scopes (client_id, scope) VALUES (%(client_id)s, %(scope)s)"
INSERT_USER: LiteralString = """
INSERT INTO users (user_id, username, password_hash) VALUES (%(user_id)s, %(username)s, '$argon2id$none')
"""
INSERT_CONSENT: LiteralString = """
INSERT INTO consents (user_id, client_id, scopes, scope_versions, redirect_uri)
VALUES (%(user_id)s, %(client_id)s, '{}', '{}', 'https://app.example/callback') ON CONFLICT DO NOTHING
"""
INSERT_RESOURCE: LiteralString = "INSERT INTO resources (identifier) VALUES (%(resource)s) ON CONFLICT DO NOTHING"
INSERT_RESOURCE_CALLER: LiteralString = """
INSERT INTO resource_callers (resource, client_id) VALUES (%(resource)s, %(client_id)s)
"""
# As the log's trigger does.
POLICY_CHANGED: LiteralString = "UPDATE policy SET version = version + 1"
INSERT_GRANT: LiteralString = """
INSERT INTO grants (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri,
    redirect_uri_sent, client_epoch, user_epoch, consent_epoch, refresh_generation, refresh_digest,
    refresh_idle_expires_at, refresh_expires_at)
VALUES (%(grant_id)s, %(code_id)s, %(code_digest)s, %(redemption_id)s, %(client_id)s, %(user_id)s, %(scopes)s,
    'https://app.example/callback', true, 0, 0, 0, 0, %(refresh_digest)s,
    clock_timestamp() + interval '14 days', clock_timestamp() + interval '30 days')
"""
INSERT_ACCESS_TOKEN: LiteralString = """
INSERT INTO access_tokens (bucket, digest, grant_id, client_id, client_epoch, scopes, audience, issued_at, expires_at)
VALUES (%(bucket)s, %(digest)s, %(grant_id)s, %(client_id)s, 0, %(scopes)s, %(audience)s, %(issued_at)s, %(expires_at)s)
"""


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A registered client; a public one has an empty secret."""

    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserRow:
    """A resource owner."""

    user_id: UUID
    username: str


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant and its current refresh token."""

    grant_id: UUID
    client: ClientRow
    user: UserRow
    refresh_token: RefreshToken


class Rows:
    """Writes rows over one connection of the owner."""

    def __init__(self, connection: psycopg.Connection[DictRow]) -> None:
        self._connection = connection

    def execute(self, statement: LiteralString, **values: object) -> None:
        """Run one statement, in a transaction of its own."""
        self._connection.execute(statement, values)

    def client(
        self, *scopes: str, auth_method: AuthMethod = AuthMethod.CLIENT_SECRET_BASIC, serves: Sequence[str] = ()
    ) -> ClientRow:
        """Add a client that may ask for scopes and serves resources; what it names is added too."""
        public = auth_method is AuthMethod.NONE
        client_id = "".join(secrets.choice(_CLIENT_ID_CHARACTERS) for _ in range(26))
        self.execute(
            INSERT_CLIENT,
            client_id=client_id,
            client_type="public" if public else "confidential",
            grant_types=["authorization_code", "refresh_token"],
            auth_method=auth_method,
        )
        client = ClientRow(client_id, "" if public else self.secret(client_id))
        for scope in scopes:
            self.execute(INSERT_SCOPE, scope=scope)
            self.execute(INSERT_CLIENT_SCOPE, client_id=client_id, scope=scope)
        for resource in serves:
            self.execute(INSERT_RESOURCE, resource=resource)
            self.execute(INSERT_RESOURCE_CALLER, resource=resource, client_id=client_id)
            self.execute(POLICY_CHANGED)
        return client

    def secret(self, client_id: str, *, lasts: timedelta | None = None) -> str:
        """Add a secret to a client, one that stops working after a while if wanted."""
        secret = new_credential(CredentialType.CLIENT_SECRET, secrets.token_bytes(32))
        expires_at = None if lasts is None else datetime.now(UTC) + lasts
        self.execute(INSERT_SECRET, client_id=client_id, digest=digest(secret), expires_at=expires_at)
        return secret

    def user(self, username: str | None = None) -> UserRow:
        """Add a resource owner."""
        user_id = uuid4()
        user = UserRow(user_id, username or f"user-{user_id.hex[:8]}")
        self.execute(INSERT_USER, user_id=user_id, username=user.username)
        return user

    def grant(self, client: ClientRow, *scopes: str, user: UserRow | None = None) -> GrantRow:
        """Add a grant with its refresh family, of a user who agreed: a new one unless given."""
        user, grant_id = user or self.user(), uuid4()
        self.execute(INSERT_CONSENT, user_id=user.user_id, client_id=client.client_id)
        refresh_token = RefreshToken(
            family=grant_id,
            generation=0,
            secret=secrets.token_bytes(32),
            mac=secrets.token_bytes(32),
            key_id="k1",
        )
        self.execute(
            INSERT_GRANT,
            grant_id=grant_id,
            code_id=secrets.token_urlsafe(16),
            code_digest=secrets.token_bytes(32),
            redemption_id=uuid4(),
            client_id=client.client_id,
            user_id=user.user_id,
            scopes=list(scopes),
            refresh_digest=refresh_token.digest,
        )
        return GrantRow(grant_id, client, user, refresh_token)

    def access_token(
        self,
        client: ClientRow,
        *scopes: str,
        audience: str,
        grant: GrantRow | None = None,
        lasts: timedelta = timedelta(minutes=10),
    ) -> AccessToken:
        """Add an access token, and its partition if that is missing."""
        now = datetime.now(UTC)
        expires_at = now + lasts
        self.partition(bucket_of(expires_at))
        token = new_access_token(secrets.token_bytes(32), expires_at)
        self.execute(
            INSERT_ACCESS_TOKEN,
            bucket=token.bucket,
            digest=token.digest,
            grant_id=grant and grant.grant_id,
            client_id=client.client_id,
            scopes=list(scopes),
            audience=audience,
            issued_at=now,
            expires_at=expires_at,
        )
        return token

    def partition(self, bucket: int) -> None:
        """Add the partition of one hour, unless it is there."""
        statement = sql.SQL("CREATE TABLE IF NOT EXISTS {} PARTITION OF access_tokens FOR VALUES IN ({})")
        self._connection.execute(
            statement.format(sql.Identifier("partitions", f"access_tokens_{bucket}"), sql.Literal(bucket))
        )
