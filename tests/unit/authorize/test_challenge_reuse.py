"""`challenge_reuse`: a client that uses one challenge for everything is noticed."""

from dataclasses import replace

import pytest

from services.authorize.challenge_reuse import NOTICED_AT, ChallengeReuse
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import Unavailable
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import REQUEST
from tests.fakes.challenge_uses import InMemoryChallengeUses

TOLD = AuditEvent(EventKind.CHALLENGE_REUSED, client_id=REQUEST.client_id, attributes={"codes": "3"})


class AwayUses:
    """A `ChallengeUses` that cannot count."""

    async def count(self, digest: bytes, *, seconds: int) -> int:
        raise Unavailable(f"{digest!r} for {seconds} s")


async def test_the_third_code_is_told_once() -> None:
    """Two codes may be a person who went back; the third of a client and challenge is told, and no later (PKCE-07)."""
    audit = FakeAudit()
    reuse = ChallengeReuse(InMemoryChallengeUses(), audit)
    told = []
    for _ in range(NOTICED_AT + 5):
        await reuse.notice(REQUEST)
        told.append(len(audit.events))
    assert told == [0, 0, 1, 1, 1, 1, 1, 1]
    assert audit.events == [TOLD]


async def test_challenges_and_clients_are_counted_apart() -> None:
    """New challenges are what there should be, and two clients may have the same one by chance (PKCE-07)."""
    audit = FakeAudit()
    reuse = ChallengeReuse(InMemoryChallengeUses(), audit)
    for number in range(20):
        challenge = CodeChallenge(f"{number:043}", CodeChallengeMethod.S256)
        await reuse.notice(replace(REQUEST, code_challenge=challenge))
        await reuse.notice(replace(REQUEST, client_id=f"client-{number}"))
    assert audit.events == []


async def test_no_challenge_is_none_that_comes_again() -> None:
    """What a client that is freed of PKCE leaves out is not counted (PKCE-07)."""
    audit = FakeAudit()
    reuse = ChallengeReuse(InMemoryChallengeUses(), audit)
    for _ in range(NOTICED_AT):
        await reuse.notice(replace(REQUEST, code_challenge=None))
    assert audit.events == []


async def test_what_cannot_be_counted_is_not_passed_over() -> None:
    """Redis keeps codes and counts, so nothing goes on without it (PKCE-07)."""
    with pytest.raises(Unavailable):
        await ChallengeReuse(AwayUses(), FakeAudit()).notice(REQUEST)
