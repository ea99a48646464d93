"""What a grant rests on besides itself, and until when something of it works."""

from typing import LiteralString

# Client, user and consent of a grant g, if they are there, enabled, and of the epochs that it was made under.
CLIENT_USER_AND_CONSENT_STAND: LiteralString = """clients c, users u, consents n
        WHERE c.client_id = g.client_id AND c.enabled AND c.epoch = g.client_epoch
            AND u.user_id = g.user_id AND u.enabled AND u.epoch = g.user_epoch
            AND n.user_id = g.user_id AND n.client_id = g.client_id AND n.epoch = g.consent_epoch"""

# Until when an access token of a grant g may live; of one that the version before made, as long as any may.
ACCESS_EXPIRES_AT: LiteralString = (
    "coalesce(g.access_expires_at, coalesce(g.refreshed_at, g.created_at) + interval '24 hours')"
)
