"""The value that a form of ours must bring back (RFC 6749 §10.12).

It is derived from the browser's cookie, so nothing of it is stored, and nobody who cannot read that cookie can make it.
It holds for one form, of one interaction, in one login session.
"""

import hmac

from tallystick.oauth2.opaque_token import base64url


def form_token(form: str, *, browser: str, interaction: str, session: str = "") -> str:
    """Return the value for a form; `browser` and `session` are the values of those cookies."""
    message = f"{form}\n{interaction}\n{session}"
    return base64url(hmac.digest(browser.encode(), message.encode(), "sha256"))


def is_form_token(presented: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(presented.encode(), expected.encode())
