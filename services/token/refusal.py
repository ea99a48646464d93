"""A refusal that concerns a grant: the client is told what it always is, the audit of whose grant."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from tallystick.oauth2.errors import OAuthError


class RefusedOfGrant(Exception):
    """A refusal, and the grant that it concerns."""

    def __init__(self, error: OAuthError, grant_id: UUID, user_id: UUID) -> None:
        super().__init__(error.code)
        self.error = error
        self.grant_id = grant_id
        self.user_id = user_id


@contextmanager
def concerning(grant_id: UUID, user_id: UUID) -> Iterator[None]:
    """Say of every refusal inside which grant it concerns."""
    try:
        yield
    except OAuthError as error:
        raise RefusedOfGrant(error, grant_id, user_id) from error
