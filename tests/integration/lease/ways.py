"""The ways in which what a token is good for comes to an end."""

from enum import Enum


class Way(Enum):
    """By what it ends."""

    ACCESS_TOKEN = "access token revoked"
    REFRESH_TOKEN = "refresh token revoked"
    OWN_TOKEN = "client's own token revoked"
    GRANT = "grant revoked by operator"
    REPLAY = "code replayed"
    REUSE = "refresh token reused"
    CONSENT = "consent withdrawn"
    ALL_OF_CLIENT = "all of client revoked"
    PASSWORD = "password set"
    CLIENT_DELETED = "client deleted"
    USER_DELETED = "user deleted"
    GROUP_DELETED = "group deleted"
    CLIENT_DISABLED = "client disabled"
    USER_DISABLED = "user disabled"
    SCOPE_TAKEN = "scope taken from client"
    COVER_TAKEN = "service taken from scope"
    SERVICE_CLOSED = "service closed to group"
    GROUP_LEFT = "owner taken from group"

    @property
    def is_for_good(self) -> bool:
        """Whether it cannot be undone."""
        return self not in _UNTIL_UNDONE

    @property
    def ends_access(self) -> bool:
        """Whether the token stays live and is no longer good for the service."""
        return self in _ACCESS


_ACCESS = frozenset({Way.GROUP_DELETED, Way.COVER_TAKEN, Way.SERVICE_CLOSED, Way.GROUP_LEFT})
_UNTIL_UNDONE = frozenset(
    {Way.CLIENT_DISABLED, Way.USER_DISABLED, Way.SCOPE_TAKEN, Way.COVER_TAKEN, Way.SERVICE_CLOSED, Way.GROUP_LEFT}
)
