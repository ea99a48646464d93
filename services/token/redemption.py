"""When the presentation of a spent code is a replay in earnest, and when it proves nothing.

Only whoever could have redeemed the code may end its grant by replaying it; otherwise a glimpse of the code would be
enough to sign somebody out (OAuth 2.1 §7.5.2).
"""

import hmac

from services.token.model import PresentedCode, SpentCode
from tallystick.oauth2 import pkce
from tallystick.oauth2.redirect_uri import matches_authorization_request


def objection(spent: SpentCode, presented: PresentedCode) -> str | None:
    """Say, for the log, why this presentation could never have spent the code; None when it is a replay in earnest."""
    if not hmac.compare_digest(spent.code_digest, presented.code.digest):
        return "the secret of the code is wrong"
    if spent.client_id != presented.client_id:
        return "the code was issued to another client"
    if not matches_authorization_request(
        presented.redirect_uri,
        spent.redirect_uri,
        was_sent=spent.redirect_uri_sent,
        has_challenge=spent.code_challenge is not None,
    ):
        return "redirect_uri differs"
    if not pkce.answers(presented.code_verifier, spent.code_challenge):
        return "code_verifier does not answer the challenge"
    return None
