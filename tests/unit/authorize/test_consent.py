"""`consent`, `asking_client` and `issue_code`: from an answer to a code."""

from dataclasses import replace

import pytest

from services.authorize.asking_client import AskingClient
from services.authorize.challenge_reuse import ChallengeReuse
from services.authorize.consent import Consent, consent_view
from services.authorize.errors import ShownHere
from services.authorize.issue_code import IssueCode
from services.authorize.model import Client
from services.authorize.pages.consent_view import RequestedScope
from services.authorize.pages.error_kind import ErrorKind
from tallystick.oauth2.authorization_code import parse_authorization_code
from tallystick.oauth2.errors import AccessDenied
from tallystick.runtime.audit_event import EventKind, Outcome
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import BOB, NATIVE, PUBLIC, REQUEST, Countdown, InMemoryClients, InMemoryConsents
from tests.fakes.challenge_uses import InMemoryChallengeUses
from tests.fakes.clock import StandingClock
from tests.fakes.code_store import InMemoryCodes


class Desk:
    """Consent over stores in memory."""

    def __init__(self, consents: InMemoryConsents | None = None) -> None:
        self.clock = StandingClock()
        self.codes = InMemoryCodes(self.clock)
        self.consents = consents or InMemoryConsents()
        self.audit = FakeAudit()
        reuse = ChallengeReuse(InMemoryChallengeUses(), self.audit)
        issue_code = IssueCode(self.codes, reuse, Countdown(), self.audit, lifetime_seconds=60)
        self.consent = Consent(self.consents, issue_code, self.audit)


async def test_an_approval_becomes_a_code() -> None:
    """The code stands for request, approved scopes and epochs, and is kept as a digest (RESP-05, GEN-11)."""
    desk = Desk()
    code = await desk.consent.approve(REQUEST, BOB, ["photos.read"])
    issued = await desk.codes.find(code.code_id)
    assert issued is not None
    assert parse_authorization_code(code.text) == code
    assert (code.digest, REQUEST.client_id, REQUEST.redirect_uri, True, REQUEST.code_challenge) == (
        issued.digest,
        issued.client_id,
        issued.redirect_uri,
        issued.redirect_uri_sent,
        issued.code_challenge,
    )
    assert (BOB.user_id, ("photos.read",), 2, 3, 5) == (
        issued.approval.user_id,
        issued.approval.scopes,
        issued.approval.client_epoch,
        issued.approval.user_epoch,
        issued.approval.consent_epoch,
    )
    assert issued.grant_id.version == 4


async def test_two_approvals_share_nothing() -> None:
    """Each code has an id, a secret and a grant of its own (GEN-07)."""
    desk = Desk()
    first = await desk.consent.approve(REQUEST, BOB, ["photos.read"])
    second = await desk.consent.approve(REQUEST, BOB, ["photos.read"])
    issued = [await desk.codes.find(code.code_id) for code in (first, second)]
    assert len({first.code_id, second.code_id}) == 2
    assert len({each.grant_id for each in issued if each is not None}) == 2


async def test_a_code_has_an_end() -> None:
    """After its lifetime a code is not known (RESP-04)."""
    desk = Desk()
    code = await desk.consent.approve(REQUEST, BOB, ["photos.read"])
    desk.clock.advance(60)
    assert await desk.codes.find(code.code_id) is None


@pytest.mark.parametrize("ticked", [["photos.read", "admin"], ["admin", "photos.read", "photos.read"]])
async def test_what_was_not_asked_for_cannot_be_approved(ticked: list[str]) -> None:
    """A form can only narrow (AUTHZ-17, UI-07)."""
    desk = Desk()
    await desk.consent.approve(REQUEST, BOB, ticked)
    assert desk.consents.recorded == [("photos.read",)]


@pytest.mark.parametrize("ticked", [[], ["admin"], ["photos.rea"], [""]])
async def test_approving_nothing_is_a_denial(ticked: list[str]) -> None:
    """With no scope ticked nothing is recorded (AUTHZ-13)."""
    desk = Desk()
    with pytest.raises(AccessDenied):
        await desk.consent.approve(REQUEST, BOB, ticked)
    assert desk.consents.recorded == []
    assert desk.audit.kinds == [EventKind.CONSENT_DENIED]


async def test_an_approval_that_cannot_be_recorded_gives_no_code() -> None:
    """When user, client or scopes have changed meanwhile, the answer is a denial (TOK-09)."""
    desk = Desk(InMemoryConsents(approval=None))
    with pytest.raises(AccessDenied):
        await desk.consent.approve(REQUEST, BOB, ["photos.read"])
    assert desk.audit.kinds == [EventKind.CONSENT_DENIED]


async def test_a_denial_is_told_to_the_audit() -> None:
    """Who said no, to whom and to what (OPS-04)."""
    desk = Desk()
    with pytest.raises(AccessDenied):
        await desk.consent.deny(REQUEST, BOB)
    [event] = desk.audit.events
    assert (event.kind, event.outcome, event.error) == (
        EventKind.CONSENT_DENIED,
        Outcome.REFUSED,
        "access_denied",
    )
    assert (event.actor, event.client_id, event.user_id) == (f"user:{BOB.user_id}", REQUEST.client_id, BOB.user_id)
    assert event.attributes == {"scope": "photos.read photos.print"}


@pytest.mark.parametrize(
    "changed",
    [
        None,
        replace(PUBLIC, enabled=False),
        replace(PUBLIC, redirect_uris=()),
        replace(PUBLIC, redirect_uris=("https://a/",)),
    ],
)
async def test_a_client_that_is_trusted_no_more_is_shown_here(changed: Client | None) -> None:
    """Nothing goes to a client or a URI that was withdrawn while the page was open (AUTHZ-02, AUTHZ-03)."""
    clients = InMemoryClients(*(() if changed is None else (changed,)))
    with pytest.raises(ShownHere) as refusal:
        await AskingClient(clients).find(REQUEST)
    assert ErrorKind.UNTRUSTED_REQUEST is refusal.value.kind


async def test_a_native_client_is_still_trusted_at_its_port() -> None:
    """The loopback exception holds for the second look too (AUTHZ-04)."""
    request = replace(REQUEST, client_id=NATIVE.client_id, redirect_uri="http://127.0.0.1:51004/cb")
    assert await AskingClient(InMemoryClients(NATIVE)).find(request) == NATIVE


def test_the_page_shows_who_asks_for_what() -> None:
    """Scopes stand in the order asked, with their descriptions, and where the answer goes is said (UI-07)."""
    view = consent_view(REQUEST, PUBLIC, BOB)
    shown = (view.client_name, view.client_version, view.redirect_uri, view.username, view.offline)
    assert ("PhotoPrint", "1", REQUEST.redirect_uri, "bob", True) == shown
    expected = (RequestedScope("photos.read", "See your photos"), RequestedScope("photos.print", "Print your photos"))
    assert expected == view.scopes


def test_a_scope_that_was_taken_away_is_not_shown() -> None:
    """What the client may not ask for any more is not offered (AUTHZ-08)."""
    view = consent_view(REQUEST, replace(PUBLIC, scopes={"photos.read": "See your photos"}), BOB)
    assert tuple(scope.name for scope in view.scopes) == ("photos.read",)
