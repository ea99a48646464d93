"""Tells, in one line each, what introspection was asked and what it said. The token itself is never told."""

import logging

from tallystick.resource import Introspection, IntrospectionClient

log = logging.getLogger("photostorage")


class ToldIntrospection:
    """Asks a real client and logs the answer."""

    def __init__(self, client: IntrospectionClient) -> None:
        self._client = client

    def introspect(self, token: str) -> Introspection:
        """Ask, tell, and return the answer."""
        answer = self._client.introspect(token)
        if answer.active:
            scopes = " ".join(sorted(answer.scopes))
            log.info("asked introspection: active, scope %s, sub %s", scopes, answer.sub)
        else:
            log.info("asked introspection: not active, so nobody comes in")
        return answer
