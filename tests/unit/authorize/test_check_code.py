"""`check_code`: every doubt is a no, and nothing is changed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.authorize.check_code import CODE_MISMATCH, CODE_UNKNOWN, CheckCode, PresentedCode
from services.authorize.model import IssuedCode, Standing
from tallystick.oauth2.authorization_code import new_authorization_code
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import NotFound, Refused
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import (
    CHALLENGE,
    CODE,
    REDIRECT_URI,
    REQUEST,
    STANDING,
    VERIFIER,
    InMemoryConsents,
    issued_code,
)
from tests.fakes.clock import StandingClock
from tests.fakes.code_store import InMemoryCodes

PRESENTED = PresentedCode(CODE.text.encode(), REQUEST.client_id, REDIRECT_URI.encode(), VERIFIER.encode())
WITHOUT_CHALLENGE = replace(PRESENTED, code_verifier=None)


async def check(
    presented: PresentedCode,
    issued: IssuedCode | None = None,
    standing: Standing | None = STANDING,
    *,
    audit: FakeAudit | None = None,
) -> IssuedCode:
    """Check a code against what was issued."""
    codes = InMemoryCodes(StandingClock())
    await codes.put(issued or issued_code(), seconds=60)
    return await CheckCode(codes, InMemoryConsents(standing=standing), audit or FakeAudit()).check(presented)


async def mismatch(
    presented: PresentedCode, issued: IssuedCode | None = None, standing: Standing | None = STANDING
) -> str:
    """Return the detail, for the log, with which a code is refused."""
    audit = FakeAudit()
    with pytest.raises(Refused) as refusal:
        await check(presented, issued, standing, audit=audit)
    assert refusal.value.reason == CODE_MISMATCH
    assert audit.kinds == [EventKind.CODE_MISMATCHED]
    assert refusal.value.message == "the code was not issued for this"
    assert not {CODE.text, VERIFIER, CHALLENGE} & set(refusal.value.detail.split())
    return refusal.value.detail


async def test_every_valid_presentation_gets_the_same_answer() -> None:
    """Checking changes nothing, so a repeated redemption can be told from a replay by token alone (TOK-05)."""
    codes = InMemoryCodes(StandingClock())
    await codes.put(issued_code(), seconds=60)
    checking = CheckCode(codes, InMemoryConsents(), FakeAudit())
    assert [issued_code()] * 3 == [await checking.check(PRESENTED) for _ in range(3)]


async def test_a_mismatch_changes_nothing() -> None:
    """After somebody else's attempts the client still redeems its code (TOK-03, TOK-06)."""
    codes = InMemoryCodes(StandingClock())
    await codes.put(issued_code(), seconds=60)
    checking = CheckCode(codes, InMemoryConsents(), FakeAudit())
    for attempt in (replace(PRESENTED, client_id="thief"), replace(PRESENTED, code_verifier=b"x" * 43)):
        with pytest.raises(Refused):
            await checking.check(attempt)
    assert issued_code() == await checking.check(PRESENTED)


@pytest.mark.parametrize(
    "code",
    [
        b"",
        b"x",
        CODE.text[:-1].encode(),
        CODE.text.encode() + b"A",
        CODE.text.encode() + b"\n",
        CODE.text.replace(".", "").encode(),
        b"\xff" * 66,
        "é".encode() * 33,
        new_authorization_code(b"j" * 16, b"s" * 32).text.encode(),
    ],
)
async def test_what_was_never_issued_is_unknown(code: bytes) -> None:
    """Any other bytes are not known (TOK-02)."""
    with pytest.raises(NotFound) as refusal:
        await check(replace(PRESENTED, code=code))
    assert refusal.value.reason == CODE_UNKNOWN


async def test_an_expired_code_is_unknown() -> None:
    """A code's time is over after its lifetime (RESP-04)."""
    clock = StandingClock()
    codes = InMemoryCodes(clock)
    await codes.put(issued_code(), seconds=60)
    clock.advance(60)
    with pytest.raises(NotFound):
        await CheckCode(codes, InMemoryConsents(), FakeAudit()).check(PRESENTED)


async def test_the_id_alone_is_not_the_code() -> None:
    """Whoever knows the id, which is in our logs, does not know the secret (GEN-07)."""
    guessed = new_authorization_code(b"i" * 16, b"g" * 32)
    assert "another secret" in await mismatch(replace(PRESENTED, code=guessed.text.encode()))


@pytest.mark.parametrize("client_id", ["", "confidential", "Public", "public ", "public\0"])
async def test_a_code_is_bound_to_its_client(client_id: str) -> None:
    """Another client gets nothing (TOK-03)."""
    assert "another client" in await mismatch(replace(PRESENTED, client_id=client_id))


@pytest.mark.parametrize(
    "redirect_uri", [b"", b"https://evil.example", REDIRECT_URI.encode() + b"/", REDIRECT_URI.upper().encode(), b"\xff"]
)
async def test_a_code_is_bound_to_its_redirect_uri(redirect_uri: bytes) -> None:
    """A presented redirect URI must be the very same (TOK-04)."""
    assert "redirect_uri" in await mismatch(replace(PRESENTED, redirect_uri=redirect_uri))


async def test_the_redirect_uri_may_be_left_out_with_a_challenge() -> None:
    """PKCE binds the code as well as its redirect URI would (TOK-04)."""
    assert issued_code() == await check(replace(PRESENTED, redirect_uri=None))


@pytest.mark.parametrize("sent", [True, False])
async def test_without_challenge_a_redirect_uri_that_was_sent_is_owed(sent: bool) -> None:  # noqa: FBT001 - a parameter
    """Without PKCE the redirect URI is all that binds the code (TOK-04)."""
    issued = replace(issued_code(), code_challenge=None, redirect_uri_sent=sent)
    assert issued == await check(WITHOUT_CHALLENGE, issued)
    left_out = replace(WITHOUT_CHALLENGE, redirect_uri=None)
    if sent:
        assert "redirect_uri" in await mismatch(left_out, issued)
    else:
        assert issued == await check(left_out, issued)


@pytest.mark.parametrize(
    "verifier",
    [
        None,
        b"",
        CHALLENGE.encode(),
        VERIFIER.lower().encode(),
        b"x" * 43,
        b"x" * 42,
        b"x" * 129,
        VERIFIER.encode() + b"\n",
        b"\xff" * 43,
    ],
)
async def test_a_challenge_is_owed_its_verifier(verifier: bytes | None) -> None:
    """A missing, wrong or malformed verifier, or the challenge itself, is refused (PKCE-02, PKCE-04, PKCE-05)."""
    assert "code_verifier" in await mismatch(replace(PRESENTED, code_verifier=verifier))


@pytest.mark.parametrize("verifier", [b"", VERIFIER.encode()])
async def test_a_verifier_without_challenge_is_refused(verifier: bytes) -> None:
    """A challenge that was stripped on the way is noticed (PKCE-03)."""
    issued = replace(issued_code(), code_challenge=None)
    assert "code_verifier" in await mismatch(replace(PRESENTED, code_verifier=verifier), issued)


async def test_plain_is_compared_as_it_is() -> None:
    """For a client that was exempted the verifier is the challenge (PKCE-01)."""
    issued = replace(issued_code(), code_challenge=CodeChallenge(VERIFIER, CodeChallengeMethod.PLAIN))
    assert issued == await check(PRESENTED, issued)
    assert "code_verifier" in await mismatch(replace(PRESENTED, code_verifier=CHALLENGE.encode()), issued)


@pytest.mark.parametrize(
    "now",
    [
        None,
        replace(STANDING, client_enabled=False),
        replace(STANDING, client_epoch=3),
        replace(STANDING, user_enabled=False),
        replace(STANDING, user_epoch=4),
        replace(STANDING, consent_epoch=6),
        replace(STANDING, consent_epoch=4),
    ],
)
async def test_a_code_ends_with_what_it_rests_on(now: Standing | None) -> None:
    """Whatever was disabled, deleted or withdrawn since takes the code with it (TOK-09)."""
    assert await mismatch(PRESENTED, standing=now)


@given(st.binary(max_size=150), st.binary(max_size=150), st.binary(max_size=150))
async def test_any_bytes_get_a_verdict(code: bytes, redirect_uri: bytes, verifier: bytes) -> None:
    """No bytes end in anything but a refusal (GRPC-03)."""
    with pytest.raises(NotFound):
        await check(PresentedCode(code, "public", redirect_uri, verifier))
    with pytest.raises(Refused):
        await check(replace(PRESENTED, code_verifier=verifier))


async def test_a_mismatch_is_told_with_the_grant_it_would_have_been() -> None:
    """The event names the client and the user of the code and who came with it, and no secret (OPS-04, GEN-11)."""
    audit = FakeAudit()
    with pytest.raises(Refused):
        await check(replace(PRESENTED, client_id="confidential"), audit=audit)
    issued = issued_code()
    assert audit.events == [
        AuditEvent(
            EventKind.CODE_MISMATCHED,
            Outcome.REFUSED,
            client_id="public",
            user_id=issued.approval.user_id,
            grant_id=issued.grant_id,
            detail="another client",
            attributes={"presented_by": "confidential"},
        )
    ]


async def test_what_fits_or_is_unknown_leaves_no_event() -> None:
    """A good code is told of by token, which spends it, and bytes that are no code are nobody's (OPS-04)."""
    audit = FakeAudit()
    await check(PRESENTED, audit=audit)
    with pytest.raises(NotFound):
        await check(replace(PRESENTED, code=b"x"), audit=audit)
    assert audit.events == []


def test_secrets_stay_out_of_repr() -> None:
    """What is presented can be logged by mistake without harm (GEN-11)."""
    assert not {CODE.text, VERIFIER} & set(repr(PRESENTED).replace("'", " ").split())
    assert CODE.text not in repr(PRESENTED)
    assert VERIFIER not in repr(PRESENTED)
