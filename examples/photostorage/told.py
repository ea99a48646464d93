"""Tells, in one line each, what introspection was asked and what it said. The token itself is never told."""

import logging

from tallystick.resource import Access, Denial, IntrospectionClient

log = logging.getLogger("photostorage")

SAID = {
    Denial.TOKEN_INACTIVE: "not active, so nobody comes in",
    Denial.SERVICE_UNKNOWN: "active, but nobody has registered %s",
    Denial.INSUFFICIENT_SCOPE: "active, but its scope does not cover %s",
    Denial.OWNER_NOT_AUTHORIZED: "active, and its scope covers %s, but its owner is in no group that may use it",
    Denial.OTHER: "active, but not good for %s",
}


class ToldAccess:
    """Asks a real client and logs the answer."""

    def __init__(self, client: IntrospectionClient) -> None:
        self._client = client

    def check_access(self, token: str, resource: str, service: str) -> Access:
        """Ask, tell, and return the answer."""
        answer = self._client.check_access(token, resource, service)
        if answer.allowed:
            scopes = " ".join(sorted(answer.token.scopes))
            log.info("asked introspection: allowed %s, scope %s, sub %s", service, scopes, answer.token.sub)
        else:
            said = SAID[answer.denial or Denial.OTHER]
            log.info("asked introspection: %s", said % service if "%s" in said else said)
        return answer
