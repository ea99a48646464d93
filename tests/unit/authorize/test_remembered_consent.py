"""`remembered_consent` and `navigation`: when nobody is asked."""

import asyncio
from dataclasses import replace

import pytest
from fastapi import Request

from services.authorize.challenge_reuse import ChallengeReuse
from services.authorize.endpoints.navigation import is_navigation
from services.authorize.errors import ShownHere
from services.authorize.interaction import Interactions
from services.authorize.issue_code import IssueCode
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.remembered_consent import RememberedConsent, identity_is_assured
from tallystick.runtime.audit_event import EventKind
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import APPROVAL, BOB, REQUEST, Countdown, InMemoryConsents, InMemoryInteractions
from tests.fakes.challenge_uses import InMemoryChallengeUses
from tests.fakes.clock import StandingClock
from tests.fakes.code_store import InMemoryCodes

ASKED = replace(REQUEST, scopes=("photos.read",))


class Desk:
    """Remembered consent over stores in memory, with an interaction that waits."""

    def __init__(self) -> None:
        randomness = Countdown()
        self.codes, self.consents = InMemoryCodes(StandingClock()), InMemoryConsents(APPROVAL)
        self.interactions = Interactions(InMemoryInteractions(), randomness)
        reuse = ChallengeReuse(InMemoryChallengeUses(), FakeAudit())
        issue_code = IssueCode(self.codes, reuse, randomness, FakeAudit(), lifetime_seconds=60)
        self.audit = FakeAudit()
        self.remembered_consent = RememberedConsent(self.consents, self.interactions, issue_code, self.audit)


async def test_what_is_remembered_gives_a_code_and_ends_the_interaction() -> None:
    """The code stands on the epochs of the approval, and the interaction is good for one (AUTHZ-18)."""
    desk = Desk()
    interaction_id = await desk.interactions.begin(ASKED, browser="b")
    code = await desk.remembered_consent.approve(ASKED, BOB, interaction_id)
    assert code is not None
    issued = await desk.codes.find(code.code_id)
    assert issued is not None
    assert issued.approval == APPROVAL
    with pytest.raises(ShownHere) as refusal:
        await desk.remembered_consent.approve(ASKED, BOB, interaction_id)
    assert refusal.value.kind is ErrorKind.EXPIRED


async def test_of_many_who_ask_at_once_one_gets_a_code_and_is_told_of() -> None:
    """There is one event for one code, and none for those who came too late (AUTHZ-18, OPS-04)."""
    desk = Desk()
    interaction_id = await desk.interactions.begin(ASKED, browser="b")
    answers = await asyncio.gather(
        *(desk.remembered_consent.approve(ASKED, BOB, interaction_id) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(answer, ShownHere) for answer in answers) == 7
    [event] = desk.audit.events
    assert (event.kind, event.actor, event.user_id) == (
        EventKind.CONSENT_REMEMBERED,
        f"user:{BOB.user_id}",
        BOB.user_id,
    )
    assert (event.client_id, event.attributes) == (ASKED.client_id, {"scope": "photos.read"})


async def test_what_is_not_remembered_leaves_the_interaction_for_the_page() -> None:
    """Without a code nothing is ended (AUTHZ-18)."""
    desk = Desk()
    interaction_id = await desk.interactions.begin(REQUEST, browser="b")
    assert await desk.remembered_consent.approve(REQUEST, BOB, interaction_id) is None
    assert (await desk.interactions.find(interaction_id, browser="b")).request == REQUEST


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:8090/cb",
        "http://[::1]:8090/cb",
        "http://localhost/cb",
        "http://photoprint.example/cb",
        "com.example.app:/cb",
        "https://localhost/cb",
        "https://127.0.0.1:8443/cb",
        "https://127.0.0.53/cb",
        "https://[::1]/cb",
    ],
)
async def test_nobody_vouches_for_what_is_on_the_device(redirect_uri: str) -> None:
    """Loopback, private schemes and plain http are asked about every time, without even a look-up (AUTHZ-12)."""
    desk = Desk()
    request = replace(ASKED, redirect_uri=redirect_uri)
    interaction_id = await desk.interactions.begin(request, browser="b")
    assert not identity_is_assured(redirect_uri)
    assert await desk.remembered_consent.approve(request, BOB, interaction_id) is None
    assert desk.consents.looked_up == []


@pytest.mark.parametrize("redirect_uri", ["https://photoprint.example/cb", "https://photoprint.example:8443/cb?x=1"])
def test_tls_vouches_for_a_web_site(redirect_uri: str) -> None:
    """Whoever answers at an https address has its certificate (AUTHZ-12)."""
    assert identity_is_assured(redirect_uri)


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        ("GET", [], True),
        ("GET", [("sec-fetch-dest", "document")], True),
        ("GET", [("sec-fetch-dest", "iframe")], False),
        ("GET", [("sec-fetch-dest", "empty")], False),
        ("GET", [("sec-fetch-dest", "")], False),
        ("GET", [("sec-fetch-dest", "document"), ("sec-fetch-dest", "document")], False),
        ("GET", [("sec-purpose", "prefetch")], False),
        ("GET", [("sec-purpose", "prefetch;prerender"), ("sec-fetch-dest", "document")], False),
        ("GET", [("purpose", "prefetch")], False),
        ("HEAD", [], False),
        ("HEAD", [("sec-fetch-dest", "document")], False),
    ],
)
def test_only_a_person_on_the_way_is_sent_on(method: str, headers: list[tuple[str, str]], *, expected: bool) -> None:
    """HEAD, prefetching, prerendering and frames never approve anything (AUTHZ-18)."""
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert is_navigation(Request({"type": "http", "method": method, "headers": raw})) is expected
