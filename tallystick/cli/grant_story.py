"""A grant's events as people read them: when, what, by whom, from where, and why."""

from collections.abc import Mapping

from tallystick.cli.output import cell
from tallystick.cli.record import Record

COLUMNS = ("when", "what happened", "by", "from", "why")

_WORDS = {
    "consent_given": "the user consented",
    "consent_remembered": "the user's earlier consent was used",
    "code_issued": "a code was issued",
    "code_mismatched": "the code was presented by somebody it was not issued to",
    "token_issued": "the code bought the first tokens",
    "token_refused": "a token request was refused",
    "token_revoked": "a token was revoked",
    "revocation_refused": "a revocation was refused",
    "refreshed": "refreshed",
    "refresh_raced": "refreshed twice at once: the same token was given again",
    "refresh_repeated": "refreshed again, as after a lost answer: the same token was given again",
    "refresh_reused": "a refresh token was used long after it had been replaced: two have it",
    "code_replayed": "the code was used a second time: two have it",
    "grant_ended": "the grant ended with all its tokens",
    "client_updated": "the client was changed",
    "client_enabled": "the client was enabled",
    "client_disabled": "the client was disabled",
    "client_deleted": "the client was deleted",
    "client_secret_rotated": "the client got a new secret",
    "client_revoked": "everything granted to the client was revoked",
    "user_enabled": "the user was enabled",
    "user_disabled": "the user was disabled",
    "user_deleted": "the user was deleted",
    "user_password_set": "the user's password was set anew",
    "consent_withdrawn": "the user's consent was withdrawn",
}
_END_REASONS = {
    "code_replayed": "its code was used a second time",
    "refresh_reused": "a replaced refresh token was used again",
    "revoked_by_operator": "an operator ended it",
    "revoked_by_client": "its client revoked one of its tokens",
    "withdrawn": "what it rested on was withdrawn",
    "expired": "its last token had expired",
}
_PARTICULARS = (
    ("generation", "generation {}"),
    ("refreshes_left", "{} refreshes left"),
    ("scope", "for {}"),
    ("label", "label “{}”"),
)


def row(event: Record) -> tuple[str, ...]:
    """Return the cells of one event."""
    kind, attributes = str(event["event"]), _attributes(event)
    particulars = [words.format(attributes[name]) for name, words in _PARTICULARS if name in attributes]
    by = str(event["actor"] or "")
    if attributes.get("authenticated") == "false":
        by += " (by name only)"
    return (
        _to_the_second(str(event["occurred_at"])),
        cell(", ".join([_WORDS.get(kind, kind.replace("_", " ")), *particulars])),
        cell(by),
        cell(event["source"]),
        cell(event["detail"] or _END_REASONS.get(attributes.get("end_reason", ""), "")),
    )


def _attributes(event: Record) -> Mapping[str, str]:
    found = event["attributes"]
    return {name: str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _to_the_second(moment: str) -> str:
    return f"{moment[:19]}Z"
