"""Client authentication (RFC 6749 §2.3): what a request presents, and whether it is enough.

One path for every endpoint. `presented_credentials` reads a request, `authenticate` judges it against the client's
record, and an unknown client is judged like a wrong secret.
"""

import binascii
import hmac
import re
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from tallystick.oauth2.client import AuthenticatableClient, AuthMethod
from tallystick.oauth2.errors import InvalidClient, InvalidRequest
from tallystick.oauth2.parameters import MalformedForm, Parameters, form_decode

_BASIC = re.compile(r"basic +([!-~]+) *", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class PresentedCredentials:
    """What a request says of its client. The secret is kept out of `repr`."""

    client_id: str
    auth_method: AuthMethod
    secret: str | None = field(default=None, repr=False)


def presented_credentials(authorization: str | None, parameters: Parameters) -> PresentedCredentials:
    """Read the credentials of a request (RFC 6749 §2.3.1).

    Raise `InvalidClient` when there are none or the header cannot be read, `InvalidRequest` when two methods are used
    at once or the header and the form name different clients.
    """
    client_id, secret = parameters.optional("client_id"), parameters.optional("client_secret")
    if authorization is not None:
        basic = basic_credentials(authorization)
        if secret is not None:
            raise InvalidRequest("only one way of client authentication may be used")
        if client_id is not None and client_id != basic.client_id:
            raise InvalidRequest("client_id differs from the authenticated client")
        return basic
    if client_id is None:
        raise InvalidClient("client authentication is missing")
    if secret is None:
        return PresentedCredentials(client_id, AuthMethod.NONE)
    return PresentedCredentials(client_id, AuthMethod.CLIENT_SECRET_POST, secret)


def basic_credentials(authorization: str) -> PresentedCredentials:
    """Decode a Basic `Authorization` value: base64, then id and secret form-decoded (RFC 6749 §2.3.1, App. B).

    Raise `InvalidClient` for anything else.
    """
    header = _BASIC.fullmatch(authorization)
    if header is None:
        raise InvalidClient("the Authorization header is not Basic")
    try:
        encoded_id, colon, encoded_secret = b64decode(header[1], validate=True).partition(b":")
        client_id, secret = form_decode(encoded_id), form_decode(encoded_secret)
    except (binascii.Error, ValueError, MalformedForm):
        raise InvalidClient("the Authorization header cannot be read") from None
    if not colon or not client_id:
        raise InvalidClient("the Authorization header cannot be read")
    return PresentedCredentials(client_id, AuthMethod.CLIENT_SECRET_BASIC, secret)


# Those who are refused are all told the same.
class UnknownClient(InvalidClient):
    """There is no such client."""

    reason = "unknown_client"


class WrongMethod(InvalidClient):
    """The client authenticates otherwise than it was registered to."""

    reason = "wrong_method"


class WrongSecret(InvalidClient):
    """The secret is none of the client's that are valid now."""

    reason = "wrong_secret"


class ClientDisabled(InvalidClient):
    """The request is the client's own, but the client is disabled."""

    reason = "client_disabled"


def authenticate(presented: PresentedCredentials, client: AuthenticatableClient | None, *, now: datetime) -> None:
    """Return when the request comes from `client`; raise `InvalidClient` otherwise.

    Only the registered method is accepted (RFC 9700 §2.5). A public client passes by its id alone, which proves
    nothing: where authentication is required the caller must refuse `AuthMethod.NONE` itself.
    """
    if client is None:
        _matches_any(presented.secret or "", (sha256(b"").digest(),))
        raise UnknownClient("client authentication failed", detail="unknown client")
    if presented.auth_method is not client.auth_method:
        raise WrongMethod("client authentication failed", detail="not the registered method")
    if client.auth_method is not AuthMethod.NONE:
        current = tuple(s.digest for s in client.secrets if s.expires_at is None or now < s.expires_at)
        if not _matches_any(presented.secret or "", current):
            raise WrongSecret("client authentication failed", detail="wrong secret")
    if not client.enabled:
        raise ClientDisabled("client authentication failed", detail="client is disabled")


def _matches_any(secret: str, digests: tuple[bytes, ...]) -> bool:
    presented = sha256(secret.encode("utf-8", "surrogatepass")).digest()
    matches = False
    for digest in digests:
        matches |= hmac.compare_digest(presented, digest)
    return matches
