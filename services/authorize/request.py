"""An authorization request (RFC 6749 §4.1.1): as received, as far as it has been verified, and while it waits."""

from dataclasses import dataclass, field

from services.authorize.model import Client
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.pkce import CodeChallenge, RequirePkce


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came, beside what is registered about it.

    `unreadable` names the parameters whose value cannot be decoded; they count as empty in `parameters`.
    `known_resources` are those of the requested resources that are registered.
    """

    parameters: Parameters
    unreadable: frozenset[str]
    client: Client
    known_resources: frozenset[str]
    require_pkce: RequirePkce


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """As much of a request as has been verified. Once `redirect_uri` is set, the client can be answered there.

    `redirect_uri_sent` says whether the client named the URI itself. `state` is kept out of `repr`.
    """

    client_id: str = ""
    redirect_uri: str = ""
    redirect_uri_sent: bool = False
    state: str | None = field(default=None, repr=False)
    code_challenge: CodeChallenge | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """A verified request that waits for a person's answer, in the browser whose cookie has this digest."""

    request: AuthorizationRequest
    browser_digest: bytes = field(repr=False)
