"""The Content-Security-Policy of the pages (CSP Level 3)."""

from base64 import b64encode
from hashlib import sha256


def content_security_policy(*, style: str, script: str, form_action: str | None) -> str:
    """Return the policy of a page, given the sources of its one style sheet, its one script and its forms' target.

    `form_action` is None on a page whose answer sends the browser to a client: Chromium holds every redirect after a
    POST against it, and a callback may send the browser on to wherever the client likes. Everything else is off: frames
    in both directions, foreign resources, `<base>`.
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src {style}",
            f"script-src {script}",
            "img-src data:",
            *([] if form_action is None else [f"form-action {form_action}"]),
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    )


def inline_source(text: str) -> str:
    """Return the source expression that allows exactly this inline style sheet or script."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"
