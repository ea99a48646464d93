"""What introspection answers (RFC 7662 §2.2), as a value."""

from dataclasses import dataclass

from tallystick.introspect.v1 import introspection_pb2
from tallystick.resource.freshness import seconds_of


@dataclass(frozen=True, slots=True)
class Introspection:
    """What is to be known about a token. When `active` is false nothing else is set.

    `exp` and `iat` are seconds since 1970 (UTC). `username` is empty when no resource owner is behind the token.
    `valid_for` is how many seconds one may go by this record without asking again, counted from before the question was
    asked (never from when the answer came), on a clock that counts sleep; 0 when one must ask each time.
    """

    active: bool
    scopes: frozenset[str] = frozenset()
    client_id: str = ""
    username: str = ""
    token_type: str = ""
    exp: int = 0
    iat: int = 0
    sub: str = ""
    aud: tuple[str, ...] = ()
    iss: str = ""
    valid_for: float = 0.0


INACTIVE = Introspection(active=False)
"""The answer for every token that is not live."""


def from_message(message: introspection_pb2.IntrospectResponse) -> Introspection:
    """Read an answer; whatever else an inactive one may hold is not looked at."""
    if not message.active:
        return INACTIVE
    return Introspection(
        active=True,
        scopes=frozenset(message.scopes),
        client_id=message.client_id,
        username=message.username,
        token_type=message.token_type,
        exp=message.exp,
        iat=message.iat,
        sub=message.sub,
        aud=tuple(message.aud),
        iss=message.iss,
        valid_for=seconds_of(message.valid_for),
    )
