"""Bearer tokens in a request (RFC 6750 §2.1), and the challenge that answers a bad one (RFC 6750 §3)."""

import re

from tallystick.oauth2.errors import InvalidRequest

_SCHEME = re.compile(r"bearer(?: |$)", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE | re.ASCII)


def bearer_token(authorization: str) -> str | None:
    """Return the token of an `Authorization` value; None when it uses another scheme.

    Raise `InvalidRequest` when the scheme is Bearer and what follows is no token.
    """
    if _SCHEME.match(authorization) is None:
        return None
    match = _TOKEN.fullmatch(authorization)
    if match is None:
        raise InvalidRequest("the Authorization header holds no bearer token")
    return match[1]


def bearer_challenge(realm: str, *, error: str = "", scope: str = "") -> str:
    """Return a `WWW-Authenticate` value; `error` stays empty when the request had no token at all (RFC 6750 §3.1).

    The arguments are ours, never a request's, and hold neither quotes nor backslashes.
    """
    attributes = {"realm": realm, "error": error, "scope": scope}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in attributes.items() if value)
