"""What a consent page shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestedScope:
    """A scope that the client asks for: its name, and what it allows in words for people."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """Who asks whom for what, and where the answer goes.

    `redirect_uri` is the validated one of this very request, with the port in use. `offline` says that the client may
    get a refresh token.
    """

    client_name: str
    client_version: str
    redirect_uri: str
    username: str
    scopes: tuple[RequestedScope, ...]
    offline: bool
