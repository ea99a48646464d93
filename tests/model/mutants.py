"""Servers with one rule less: a copy of all that they run from, with a few words changed."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.support.environment import ROOT


class DoesNotApply(AssertionError):
    """The code that a mutant changes is no more what it was; find the rule and change it there."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that is taken away, and how: `before`, which stands once in `file`, becomes `after`."""

    rule: str
    file: str
    before: str
    after: str

    def __str__(self) -> str:
        return self.rule.replace(" ", "_")

    def checkout(self, folder: Path) -> Path:
        """Copy the services without the rule; return the folder that they run from. Raises `DoesNotApply`."""
        for package in ("services", "tallystick"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        file = folder / "services" / self.file
        text = file.read_text() if file.exists() else ""
        if text.count(self.before) != 1:
            raise DoesNotApply(f"{self.rule}: services/{self.file} has {text.count(self.before)} times {self.before!r}")
        file.write_text(text.replace(self.before, self.after))
        return folder


# Noticed in every run so far, within the first plays.
OFTEN_NOTICED = (
    Mutant(
        "whoever did not insert the grant is not served",
        "token/grants/authorization_code.py",
        "if spender.redemption_id != attempt.redemption_id:",
        "if False:",
    ),
    Mutant(
        "a replayed code ends the grant",
        "token/grants/authorization_code.py",
        "        await self._revocation.end(grant_id, EndReason.CODE_REPLAYED, actor=acting(client))\n",
        "",
    ),
    Mutant(
        "a replay without what belongs to the code ends nothing",
        "token/grants/authorization_code.py",
        "if objection is not None:",
        "if False:",
    ),
    Mutant(
        "a code needs its verifier",
        "authorize/check_code.py",
        "if not pkce.answers(_text(presented.code_verifier), challenge):",
        "if False:",
    ),
    Mutant(
        "a code stands as long as what it rests on",
        "authorize/check_code.py",
        "mismatch = _lapse(issued, standing)",
        "mismatch = None",
    ),
    Mutant(
        "refreshing ends with the epoch of the client",
        "token/adapters/grant_standing.py",
        " AND c.epoch = g.client_epoch",
        "",
    ),
    Mutant(
        "refreshing ends with the epoch of the user",
        "token/adapters/grant_standing.py",
        " AND u.epoch = g.user_epoch",
        "",
    ),
    Mutant(
        "refreshing ends with the consent",
        "token/adapters/grant_standing.py",
        " AND n.epoch = g.consent_epoch",
        "",
    ),
    Mutant(
        "reuse ends the family",
        "token/grants/refresh_token.py",
        "                await self._revocation.end(state.grant_id, EndReason.REFRESH_REUSED, actor=actor)\n",
        "",
    ),
    Mutant(
        "a generation older than all that are kept is reuse",
        "token/refresh_rotation.py",
        "    if behind > len(state.rotations):\n        return Theft()\n",
        "    if behind > len(state.rotations):\n        return Refuse('too old')\n",
    ),
)

# What it takes to notice these is played more rarely, so that a bounded run may miss one of them.
SOMETIMES_NOTICED = (
    Mutant(
        "a rotation replaces the generation that was presented",
        "token/adapters/postgres_families.py",
        "AND g.client_id = %(client_id)s\n        AND g.ended_at IS NULL\n"
        "        AND g.refresh_generation = %(generation)s\n        AND g.refresh_digest = %(digest)s\n",
        "AND g.client_id = %(client_id)s\n        AND g.ended_at IS NULL\n",
    ),
    Mutant(
        "the grace counts from the presented generation",
        "token/refresh_rotation.py",
        "if since and state.now - since[0].at >= grace:",
        "if since and state.now - since[-1].at >= grace:",
    ),
    Mutant(
        "a refresh token is good for its own client only",
        "token/refresh_rotation.py",
        "if state.client_id != client_id:",
        "if False:",
    ),
    Mutant(
        "the idle lifetime ends a family",
        "token/refresh_rotation.py",
        "if state.now >= state.idle_expires_at:",
        "if False:",
    ),
    Mutant(
        "a refresh counts",
        "token/adapters/postgres_families.py",
        "g.refresh_limit_left - 1",
        "g.refresh_limit_left",
    ),
    Mutant(
        "a refresh never widens the scope",
        "token/grants/refresh_token.py",
        "requested_scopes(request.scope, allowed)",
        "requested_scopes(request.scope, client.scopes)",
    ),
    Mutant(
        "revoking an access token ends its grant",
        "token/token_revocation.py",
        "            await self._end_grant(found.grant_id, client)\n            return\n",
        "            return\n",
    ),
    Mutant(
        "another client's token is not revoked",
        "token/token_revocation.py",
        "    if client_id != client.client_id:",
        "    if False:",
    ),
    Mutant(
        "introspection ends with the consent",
        "introspect/introspection.py",
        "return grant.consent_epoch_now == grant.consent_epoch",
        "return True",
    ),
    Mutant(
        "introspection ends with the grant",
        "introspect/introspection.py",
        "grant is None or grant.ended or",
        "grant is None or",
    ),
    Mutant(
        "a token of the client's own can be revoked",
        "introspect/introspection.py",
        "if record.expires_at <= now or record.revoked:",
        "if record.expires_at <= now:",
    ),
    Mutant(
        "a scope taken from the client is taken from its tokens",
        "introspect/introspection.py",
        "return narrowed(record.scopes, client.scopes)",
        "return record.scopes",
    ),
    Mutant(
        "a stranger learns nothing",
        "introspect/introspection.py",
        "if not serves and caller != record.client_id:",
        "if False:",
    ),
)
