"""The Content-Security-Policy of the pages (CSP Level 3)."""

import re
from base64 import b64encode
from hashlib import sha256
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_ADDRESS = re.compile(r"[0-9.]+")


def content_security_policy(*, style: str, form_action: tuple[str, ...]) -> str:
    """Return the policy of a page, given the sources of its one inline style sheet and of its form's targets.

    Everything else is off: scripts, frames in both directions, foreign resources, `<base>`.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {style}",
            "img-src data:",
            f"form-action {' '.join(form_action)}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def style_source(style: str) -> str:
    """Return the source expression that allows exactly this inline style sheet."""
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode('ascii')}'"


def redirect_sources(redirect_uri: str) -> tuple[str, ...]:
    """Return the source expressions that let a form's answer redirect to this validated URI, and from there on.

    Chromium holds every redirect after a POST against the `form-action` of the page that had the form, so `'self'`
    alone would stop each approval; and a callback may send the browser on to another site of the application, so any
    https one is let through. Raises ValueError for a URI without scheme, or an http(s) one without host.
    """
    uri = urlsplit(redirect_uri)
    if not _SCHEME.fullmatch(uri.scheme):
        raise ValueError("the redirect URI has no scheme")
    if uri.scheme not in {"http", "https"}:
        return (f"{uri.scheme}:",)
    host = uri.hostname
    if not host:
        raise ValueError("the redirect URI has no host")
    if uri.scheme == "https":
        return ("https:",)
    # The grammar of sources has no IPv6 literal, and the only IPv4 address that matches is 127.0.0.1 (CSP3 §6.7.2.8).
    # Any host on that port is the narrowest source that says so; it also keeps a strange host out of the header.
    nameable = host == "127.0.0.1" or (_HOST_NAME.fullmatch(host) and not _ADDRESS.fullmatch(host))
    port = "" if uri.port is None else f":{uri.port}"
    return (f"http://{host if nameable else '*'}{port}", "https:")
