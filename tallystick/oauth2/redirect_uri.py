"""Redirect URIs: which may be registered, and when a presented one is the registered one (RFC 9700 §2.1, RFC 8252)."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from tallystick.oauth2.client import ApplicationType

MAX_LENGTH = 2000
_URI_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_LOOPBACK_URI = re.compile(r"http://(127\.0\.0\.1|\[::1\])(?::([1-9][0-9]{0,4}))?((?:[/?].*)?)", re.DOTALL)
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_MAX_PORT = 65535


def registration_problem(uri: str, application_type: ApplicationType) -> str | None:
    """Say in words why a redirect URI cannot be registered; None when it can.

    `https` for everybody; `http` only to the loopback interface; schemes with a dot only for native clients
    (RFC 8252 §7.1, §8.4); no fragment (RFC 6749 §3.1.2) and no wildcard (RFC 9700 §4.1.3).
    """
    if len(uri) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if "#" in uri:
        return "must not have a fragment"
    if "*" in uri:
        return "must not hold a wildcard, since URIs are compared exactly"
    if _URI_CHARACTERS.fullmatch(uri) is None:
        return "holds a character that a URI cannot have"
    try:
        parts = urlsplit(uri)
        port, host = parts.port, parts.hostname
    except ValueError:
        return "is not a URI"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    if parts.scheme == "https":
        return None if host and port != 0 else "names no host"
    if parts.scheme == "http":
        loopback = bool(_LOOPBACK_URI.fullmatch(uri)) or host == "localhost"
        return None if loopback else "must use https (http is for 127.0.0.1, [::1] and localhost)"
    return _private_scheme_problem(parts.scheme, application_type)


def _private_scheme_problem(scheme: str, application_type: ApplicationType) -> str | None:
    if _PRIVATE_SCHEME.fullmatch(scheme) is None:
        return "must use https, http on the loopback interface, or a private scheme with a dot such as com.example.app"
    if application_type is not ApplicationType.NATIVE:
        return "has a private scheme, which only a native client may use"
    return None


def is_native(uris: Iterable[str]) -> bool:
    """Tell whether every URI leads to the user's own device, as those of a native client do."""
    uris = tuple(uris)
    return bool(uris) and all(is_on_device(uri) for uri in uris)


def is_on_device(uri: str) -> bool:
    """Tell whether a registered URI leads to the loopback interface or to a private scheme."""
    parts = urlsplit(uri)
    return parts.scheme != "https" and (parts.scheme != "http" or parts.hostname in {"127.0.0.1", "::1", "localhost"})


def matching(registered: Iterable[str], presented: str, application_type: ApplicationType) -> bool:
    """Tell whether a presented URI is a registered one: the same string, or the loopback exception.

    A native client's `http://127.0.0.1` and `http://[::1]` URIs match with any port (RFC 8252 §7.3), since it listens
    where the system lets it; everything else of them is compared exactly. `localhost` has no exception.
    """
    return any(
        presented == uri or (application_type is ApplicationType.NATIVE and _same_but_for_port(uri, presented))
        for uri in registered
    )


def matches_authorization_request(presented: str | None, used: str, *, was_sent: bool, has_challenge: bool) -> bool:
    """Tell whether the token endpoint got the redirect URI that the code was sent to (RFC 6749 §4.1.3).

    A presented value must be the very same. It may be left out where the authorization request left it out too, or
    where a challenge does its work (OAuth 2.1 §10.2).
    """
    if presented is None:
        return has_challenge or not was_sent
    return presented == used


def _same_but_for_port(registered: str, presented: str) -> bool:
    ours, theirs = _LOOPBACK_URI.fullmatch(registered), _LOOPBACK_URI.fullmatch(presented)
    if ours is None or theirs is None or int(theirs[2] or 80) > _MAX_PORT:
        return False
    return (ours[1], ours[3]) == (theirs[1], theirs[3])
