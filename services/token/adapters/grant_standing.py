"""What a grant rests on, besides itself."""

from typing import LiteralString

# Client, user and consent of a grant g, if they are there, enabled, and of the epochs that it was made under.
CLIENT_USER_AND_CONSENT_STAND: LiteralString = """clients c, users u, consents n
        WHERE c.client_id = g.client_id AND c.enabled AND c.epoch = g.client_epoch
            AND u.user_id = g.user_id AND u.enabled AND u.epoch = g.user_epoch
            AND n.user_id = g.user_id AND n.client_id = g.client_id AND n.epoch = g.consent_epoch"""
