"""Operators' credentials, as authorize and token look them up."""

import hmac
from typing import LiteralString

from tallystick.oauth2 import opaque_token
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.runtime.callers import Caller, CallerKind, ServiceCredentials, bearer_credential
from tallystick.runtime.failures import Unauthenticated
from tallystick.runtime.postgres import AsyncPostgres

# The operator that a credential belongs to, while it works.
FIND_OPERATOR: LiteralString = """
SELECT name, digest, role FROM operators
WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""


class ServiceOrOperator:
    """Identifies the other services by their own credentials and operators by theirs."""

    def __init__(self, services: ServiceCredentials, postgres: AsyncPostgres) -> None:
        self._services = services
        self._postgres = postgres

    async def identify(self, authorization: str | None) -> Caller:
        """Return the caller; raise `Unauthenticated`, or `Unavailable` when nobody can be asked."""
        credential = bearer_credential(authorization)
        caller = None
        if is_credential(CredentialType.SERVICE, credential):
            caller = self._services.identify(credential)
        elif is_credential(CredentialType.OPERATOR, credential):
            caller = await self._operator(opaque_token.digest(credential))
        if caller is None:
            raise Unauthenticated("the credential is not known, has expired or was revoked")
        return caller

    async def _operator(self, digest: bytes) -> Caller | None:
        row = await self._postgres.one(FIND_OPERATOR, {"digest": digest})
        if row is None or not hmac.compare_digest(row["digest"], digest):
            return None
        return Caller(CallerKind(row["role"]), row["name"])
