"""Why a token is good for a request or is not: every check that can fail, and that the verdict is the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.introspect.access import AccessRules, decide
from services.introspect.explanation import ExplainAccess, explain
from services.introspect.model import (
    AccessTokenRecord,
    Client,
    Denial,
    Explanation,
    Freshness,
    Grant,
    Known,
    KnownRefreshToken,
    ResourceOwner,
    ResourcePolicy,
)
from tallystick.oauth2.opaque_token import AccessToken, new_access_token
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, Unavailable
from tests.support.fuzz import examples
from tests.unit.introspect.photos import (
    ADD,
    API,
    APP,
    BOB,
    GET,
    ISSUER,
    LIST,
    MUSIC,
    NOW,
    OTHER,
    PHOTOS,
    grant,
    of_bob,
    of_the_app,
    policy,
)

CHECKS = ["token", "client", "grant", "owner", "audience", "service", "scope", "group"]
DENIED = {
    **dict.fromkeys(("token", "client", "grant", "owner", "audience"), Denial.TOKEN_INACTIVE),
    "service": Denial.SERVICE_UNKNOWN,
    "scope": Denial.INSUFFICIENT_SCOPE,
    "group": Denial.OWNER_NOT_AUTHORIZED,
}
client = Client(enabled=True, epoch=0, scopes=frozenset({"photos.read", "photos.all"}))
owner = ResourceOwner(BOB, "bob", enabled=True, epoch=0)
nobody_s = replace(policy, callers=frozenset())


def explained(
    record: AccessTokenRecord | None,
    requested: bytes = GET,
    *,
    of: ResourcePolicy | None = policy,
    resource: str = PHOTOS,
) -> Explanation:
    return explain(Known(record, of, NOW), resource, requested, issuer=ISSUER)


@pytest.mark.parametrize(
    ("record", "findings"),
    [
        pytest.param(
            of_bob,
            [
                "issued at 2026-11-01T11:59:00Z, expires at 2026-11-01T12:09:00Z, for the scopes photos.read",
                "client app is enabled and may still have photos.read",
                f"grant {UUID(int=1)} has not ended",
                "user bob is enabled, and the consent stands",
                "the token is for https://photos.example",
                "the request is for POST /photos.v1.Albums/Get",
                "photos.read covers it",
                "user bob is in family",
            ],
            id="of bob",
        ),
        pytest.param(
            of_the_app,
            [
                "issued at 2026-11-01T11:59:00Z, expires at 2026-11-01T12:09:00Z, for the scopes photos.read",
                "client app is enabled and may still have photos.read",
                "there is none: the client acts for itself",
                "client app itself",
                "the token is for https://photos.example",
                "the request is for POST /photos.v1.Albums/Get",
                "photos.read covers it",
                "client app is in friends",
            ],
            id="of a client that acts for itself",
        ),
    ],
)
def test_a_call_that_is_allowed(record: AccessTokenRecord, findings: list[str]) -> None:
    """All eight checks are told, each with what was found."""
    explanation = explained(record)
    assert explanation.decision.allowed
    assert [step.check for step in explanation.steps] == CHECKS
    assert all(step.passed for step in explanation.steps)
    assert [step.finding for step in explanation.steps] == findings


@pytest.mark.parametrize(
    ("record", "check", "finding"),
    [
        (None, "token", "it was never issued here, or ended so long ago that it is forgotten"),
        (replace(of_bob, expires_at=NOW), "token", "it expired at 2026-11-01T12:00:00Z"),
        (replace(of_bob, revoked=True), "token", "it was revoked"),
        (replace(of_bob, client=None), "client", "client app has been deleted"),
        (replace(of_bob, client=replace(client, enabled=False)), "client", "client app is disabled"),
        (
            replace(of_bob, client=replace(client, epoch=1)),
            "client",
            "all that was issued to client app has been revoked since",
        ),
        (
            replace(of_bob, client=replace(client, scopes=frozenset())),
            "client",
            "client app may have none of its scopes any more",
        ),
        (replace(of_bob, grant=None), "grant", f"grant {UUID(int=1)} has been removed"),
        (
            replace(of_bob, grant=replace(grant, end_reason="refresh_reused")),
            "grant",
            f"grant {UUID(int=1)} has ended: refresh_reused",
        ),
        (replace(of_bob, grant=replace(grant, client_id=OTHER)), "grant", f"grant {UUID(int=1)} is another client's"),
        (
            replace(of_bob, grant=replace(grant, client_epoch=1)),
            "grant",
            "all that was granted to client app has been revoked since",
        ),
        (replace(of_bob, grant=replace(grant, owner=None)), "owner", f"user {BOB} has been deleted"),
        (
            replace(of_bob, grant=replace(grant, owner=replace(owner, enabled=False))),
            "owner",
            "user bob is disabled",
        ),
        (
            replace(of_bob, grant=replace(grant, owner=replace(owner, epoch=1))),
            "owner",
            "all that user bob granted has been revoked since, as by a new password",
        ),
        (
            replace(of_bob, grant=replace(grant, consent_epoch_now=1)),
            "owner",
            "user bob has withdrawn the consent since",
        ),
        (
            replace(of_bob, grant=replace(grant, consent_epoch_now=None)),
            "owner",
            "user bob has withdrawn the consent since",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_token_that_is_not_live(record: AccessTokenRecord | None, check: str, finding: str) -> None:
    """The first check that fails is the last that is told, with the reason."""
    explanation = explained(record)
    assert explanation.decision.denial is Denial.TOKEN_INACTIVE
    assert [step.check for step in explanation.steps] == CHECKS[: CHECKS.index(check) + 1]
    assert (explanation.steps[-1].passed, explanation.steps[-1].finding) == (False, finding)


@pytest.mark.parametrize(
    ("record", "of", "resource", "finding"),
    [
        (of_bob, policy, MUSIC, "the token is for https://photos.example"),
        (replace(of_bob, audience=ISSUER), ResourcePolicy(ISSUER, 3), PHOTOS, "the token is for the issuer itself"),
        (replace(of_bob, audience=ISSUER), ResourcePolicy(ISSUER, 3), ISSUER, "the token is for the issuer itself"),
        (of_bob, ResourcePolicy(PHOTOS, 3), PHOTOS, "nobody may ask: https://photos.example is not registered"),
        (of_bob, nobody_s, PHOTOS, "nobody may ask"),
        (of_bob, replace(policy, covers={}), PHOTOS, "none of its scopes photos.read is for https://photos.example"),
    ],
)
def test_a_token_that_is_not_for_the_resource(
    record: AccessTokenRecord, of: ResourcePolicy, resource: str, finding: str
) -> None:
    """A token for another resource, or for one that nobody may ask about, fails at its audience (RS-05)."""
    explanation = explained(record, of=of, resource=resource)
    assert explanation.decision.denial is Denial.TOKEN_INACTIVE
    assert [step.check for step in explanation.steps] == CHECKS[:5]
    assert finding in explanation.steps[-1].finding


ALL = replace(of_bob, scopes=("photos.all",))


@pytest.mark.parametrize(
    ("record", "requested", "check", "finding"),
    [
        (ALL, b"GET /nowhere", "service", "no registered service fits, or the request could be read in two ways"),
        (ALL, b"GET /albums/../x", "service", "no registered service fits, or the request could be read in two ways"),
        (
            of_bob,
            ADD,
            "scope",
            "photos.read does not cover POST /photos.v1.Albums/Add: a.photos.all photos.all would",
        ),
        (ALL, b"GET /albums/7", "scope", "photos.all does not cover GET /albums/{id}: photos.read would"),
        (
            replace(ALL, groups=frozenset({"work", "friends"})),
            ADD,
            "group",
            "user bob is in friends work: family may use POST /photos.v1.Albums/Add",
        ),
        (
            replace(ALL, groups=frozenset()),
            GET,
            "group",
            "user bob is in no group: family friends may use POST /photos.v1.Albums/Get",
        ),
        (
            replace(of_the_app, scopes=("photos.all",), groups=frozenset()),
            ADD,
            "group",
            "client app is in no group: family may use POST /photos.v1.Albums/Add",
        ),
        (
            ALL,
            b"/photos.v1.Albums/Burn",
            "group",
            "POST /photos.v1.Albums/Burn has no group, so nobody may use it",
        ),
    ],
)
def test_a_live_token_that_is_not_enough(record: AccessTokenRecord, requested: bytes, check: str, finding: str) -> None:
    """Service, scope and group are told apart, and what would help is named."""
    explanation = explained(record, requested)
    assert explanation.decision.denial is DENIED[check]
    assert [step.check for step in explanation.steps] == CHECKS[: CHECKS.index(check) + 1]
    assert explanation.steps[-1].finding == finding


def test_a_service_that_no_scope_covers() -> None:
    """Where no scope would do, that is said."""
    explanation = explained(
        of_bob, LIST, of=replace(policy, covers={"photos.read": frozenset({"/photos.v1.Albums/*"})})
    )
    assert explanation.steps[-1].finding == "photos.read does not cover GET /albums: no scope does"


EPOCHS = st.integers(0, 1)
SCOPES = st.sets(st.sampled_from(["photos.read", "photos.all", "a.photos.all", "x"]))
GROUPS = st.frozensets(st.sampled_from(["family", "friends", "work"]))
OWNERS = st.none() | st.builds(ResourceOwner, st.just(BOB), st.just("bob"), st.booleans(), EPOCHS)
GRANTS = st.none() | st.builds(
    Grant,
    client_id=st.sampled_from([APP, APP, OTHER]),
    user_id=st.just(BOB),
    end_reason=st.none() | st.just("code_replayed"),
    client_epoch=EPOCHS,
    user_epoch=EPOCHS,
    consent_epoch=EPOCHS,
    owner=OWNERS,
    consent_epoch_now=st.none() | EPOCHS,
)
RECORDS = st.builds(
    AccessTokenRecord,
    client_id=st.sampled_from([APP, API]),
    client_epoch=EPOCHS,
    scopes=SCOPES.map(lambda scopes: tuple(sorted(scopes))),
    audience=st.sampled_from([PHOTOS, PHOTOS, MUSIC, ISSUER]),
    issued_at=st.just(NOW),
    expires_at=st.sampled_from([NOW, NOW + timedelta(seconds=1)]),
    revoked=st.booleans(),
    client=st.none() | st.builds(Client, st.booleans(), EPOCHS, SCOPES.map(frozenset)),
    grant_id=st.none() | st.just(UUID(int=1)),
    grant=GRANTS,
    covering=SCOPES.map(frozenset),
    groups=GROUPS,
    policy_version=st.just(3),
)
# Nearly good ones, so that the later checks are reached as well.
NEARLY = st.builds(
    lambda changed, scopes, groups, covering: replace(
        changed, scopes=tuple(sorted(scopes)), groups=groups, covering=frozenset(covering)
    ),
    st.sampled_from([of_bob, of_the_app]),
    SCOPES,
    GROUPS,
    SCOPES,
)
POLICIES = st.builds(
    lambda callers, covers: replace(policy, callers=callers, covers={name: policy.covers[name] for name in covers}),
    st.sampled_from([frozenset({API}), frozenset({APP}), frozenset({API, APP}), frozenset()]),
    st.sets(st.sampled_from(sorted(policy.covers))),
)


@examples(120)
@given(RECORDS | NEARLY, POLICIES, st.sampled_from([GET, ADD, LIST, b"/photos.v1.Albums/Burn", b"GET /nowhere", b""]))
def test_the_explanation_is_of_the_verdict(record: AccessTokenRecord, of: ResourcePolicy, requested: bytes) -> None:
    """Whatever the records, the checks end where the verdict says, and it is what the resource's callers are told."""
    known = Known(record, of if record.audience == PHOTOS else ResourcePolicy(record.audience, 3), NOW)
    explanation = explain(known, PHOTOS, requested, issuer=ISSUER)
    *before, last = explanation.steps
    assert all(step.passed for step in before)
    assert last.passed is explanation.decision.allowed
    assert explanation.decision.denial is (None if last.passed else DENIED[last.check])
    assert len(explanation.steps) == len(CHECKS) or not last.passed
    for caller in of.callers - {record.client_id}:
        assert decide(known, AccessRules(of), requested, caller=caller, issuer=ISSUER) == explanation.decision


class Store:
    """Knows one token."""

    def __init__(self, known: Known | Failure) -> None:
        self._known = known
        self.wished: list[Freshness] = []

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> list[Known | Failure]:
        self.wished += [freshness for _, freshness in asked]
        return [self._known]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        raise AssertionError(asked)


TOKEN = new_access_token(b"t" * 32, NOW + timedelta(minutes=9)).text
REFRESH = str(RefreshToken(UUID(int=3), 0, b"s" * 32, b"m" * 32, "k1"))


def test_an_explanation_is_read_again_and_holds_for_no_time() -> None:
    """Memory has no part in it, and nobody may go by it later."""
    store = Store(Known(of_bob, policy, NOW, 0.7))
    explanation = ExplainAccess(store, ISSUER)(TOKEN, PHOTOS, GET)
    assert explanation.decision.allowed
    assert (explanation.decision.valid_for, explanation.decision.token.valid_for) == (0.0, 0.0)
    assert store.wished == [Freshness(read_again=True)]


@pytest.mark.parametrize(
    ("token", "finding"),
    [
        (TOKEN[:-1], "it is no access token of this server: it was cut off, or comes from elsewhere"),
        ("\ufffd" * 9, "it is no access token of this server: it was cut off, or comes from elsewhere"),
        (REFRESH, "it is a refresh token, which no resource server accepts"),
    ],
    ids=["cut off", "garbage", "refresh token"],
)
def test_what_is_no_access_token_is_not_looked_for(token: str, finding: str) -> None:
    """What cannot be one of ours is said to be none, and what it is instead; the text is not repeated (GRPC-05)."""
    store = Store(Known(of_bob, policy, NOW))
    explanation = ExplainAccess(store, ISSUER)(token, PHOTOS, GET)
    assert explanation.decision.denial is Denial.TOKEN_INACTIVE
    [step] = explanation.steps
    assert (step.check, step.passed, step.finding) == ("token", False, finding)
    assert token not in step.finding
    assert store.wished == []


def test_what_cannot_be_known_is_not_explained() -> None:
    """A store that fails is no verdict for operators either (GRPC-03)."""
    with pytest.raises(Unavailable):
        ExplainAccess(Store(Unavailable("not now")), ISSUER)(TOKEN, PHOTOS, GET)
