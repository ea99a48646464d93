"""Operators' credentials: authorize and token look them up asynchronously, introspect synchronously."""

import hmac
from threading import BoundedSemaphore
from typing import LiteralString

from psycopg.rows import DictRow

from tallystick.oauth2 import opaque_token
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.runtime.callers import Caller, CallerKind, ServiceCredentials, bearer_credential
from tallystick.runtime.failures import Unauthenticated, Unavailable
from tallystick.runtime.postgres import AsyncPostgres, SyncPostgres
from tallystick.runtime.service_identity import PeerCertificate, ServiceIdentities

# The operator that a credential belongs to, while it works.
FIND_OPERATOR: LiteralString = """
SELECT name, digest, role FROM operators
WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""

# Of all that a synchronous service does operators ask least, so no more of its threads may wait for their credentials.
_LOOKUPS_AT_ONCE = 4


class ServiceOrOperator:
    """Identifies the other services by their certificates or credentials, and operators by their credentials.

    Whoever has shown a certificate is whom it belongs to, or nobody, whatever else is shown.
    """

    def __init__(self, services: ServiceCredentials, identities: ServiceIdentities, postgres: AsyncPostgres) -> None:
        self._services = services
        self._identities = identities
        self._postgres = postgres

    async def identify(self, authorization: str | None, certificate: PeerCertificate | None) -> Caller:
        """Return the caller; raise `Unauthenticated`, or `Unavailable` when nobody can be asked."""
        if certificate is not None:
            return self._identities.identify(certificate)
        credential = bearer_credential(authorization)
        caller = None
        if is_credential(CredentialType.SERVICE, credential):
            caller = self._services.identify(credential)
        elif is_credential(CredentialType.OPERATOR, credential):
            caller = await self._operator(opaque_token.digest(credential))
        if caller is None:
            raise _unknown()
        return caller

    async def _operator(self, digest: bytes) -> Caller | None:
        return _judged(await self._postgres.one(FIND_OPERATOR, {"digest": digest}), digest)


class Operators:
    """Identifies operators, and nobody else."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres
        self._places = BoundedSemaphore(_LOOKUPS_AT_ONCE)

    def identify(self, credential: str) -> Caller:
        """Return whom a credential belongs to; raise `Unauthenticated`, or `Unavailable` when nobody can be asked."""
        digest = opaque_token.digest(credential)
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many operators ask at once")
        try:
            caller = _judged(self._postgres.one(FIND_OPERATOR, {"digest": digest}), digest)
        finally:
            self._places.release()
        if caller is None:
            raise _unknown()
        return caller


def _judged(row: DictRow | None, digest: bytes) -> Caller | None:
    if row is None or not hmac.compare_digest(row["digest"], digest):
        return None
    return Caller(CallerKind(row["role"]), row["name"])


def _unknown() -> Unauthenticated:
    return Unauthenticated("the credential is not known, has expired or was revoked")
