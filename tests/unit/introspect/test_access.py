"""The three checks: which fails first, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.introspect.access import AccessRules, CheckAccess, decide
from services.introspect.model import (
    INACTIVE,
    LEASED,
    AccessDecision,
    AccessTokenRecord,
    Client,
    Denial,
    Freshness,
    Known,
    KnownRefreshToken,
    ResourcePolicy,
)
from tallystick.oauth2.opaque_token import AccessToken, new_access_token
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, PermissionDenied, Unavailable
from tests.unit.introspect.hostile_paths import AMBIGUOUS, UNREGISTERED
from tests.unit.introspect.photos import (
    ADD,
    API,
    APP,
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

rules = AccessRules(policy)


def check(record: AccessTokenRecord | None, requested: bytes = GET, *, caller: str = API) -> AccessDecision:
    return decide(Known(record, policy, NOW, 0.7), rules, requested, caller=caller, issuer=ISSUER)


def test_bob_sees_his_photos() -> None:
    """A live token whose scope covers the service, of an owner who may use it, is good."""
    decision = check(of_bob)
    assert decision.allowed
    assert (decision.service, decision.http_status) == ("POST /photos.v1.Albums/Get", 200)
    assert (decision.error, decision.www_authenticate) == ("", "")
    assert (decision.token.username, decision.valid_for) == ("bob", 0.7)


def test_a_client_that_acts_for_itself_is_the_owner() -> None:
    """The groups of a client count for tokens of its own, not those of anybody else."""
    assert check(of_the_app).allowed
    assert check(replace(of_the_app, groups=frozenset())).denial is Denial.OWNER_NOT_AUTHORIZED


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(None, id="unknown"),
        pytest.param(replace(of_bob, expires_at=NOW), id="expired"),
        pytest.param(replace(of_bob, revoked=True), id="revoked"),
        pytest.param(replace(of_bob, grant=replace(grant, end_reason="withdrawn")), id="ended"),
        pytest.param(replace(of_bob, client=None), id="client deleted"),
        pytest.param(replace(of_bob, audience=MUSIC), id="for another resource"),
        pytest.param(replace(of_bob, audience=ISSUER), id="for the issuer"),
        pytest.param(replace(of_bob, audience=f"{PHOTOS}/"), id="for a resource that is spelled otherwise"),
    ],
)
@pytest.mark.parametrize("requested", [GET, b"GET /nowhere", b""], ids=repr)
def test_a_token_that_is_not_live_here_tells_nothing(record: AccessTokenRecord | None, requested: bytes) -> None:
    """A dead token, and one for another audience, is 401 invalid_token, whatever is requested (RS-03, RS-05)."""
    decision = check(record, requested)
    assert decision == AccessDecision(
        Denial.TOKEN_INACTIVE,
        "",
        401,
        "invalid_token",
        f'Bearer realm="{PHOTOS}", error="invalid_token"',
        INACTIVE,
    )


@pytest.mark.parametrize("requested", [*AMBIGUOUS[:20], *UNREGISTERED[:5], b"GET /albums/1/2"], ids=repr)
def test_unknown_services_are_denied(requested: bytes) -> None:
    """What is not registered is denied without an error code, as asking for another token would not help."""
    everywhere = replace(of_bob, scopes=("photos.all",))
    decision = check(everywhere, requested)
    assert (decision.denial, decision.service) == (Denial.SERVICE_UNKNOWN, "")
    assert (decision.http_status, decision.error) == (403, "")
    assert decision.www_authenticate == f'Bearer realm="{PHOTOS}"'


@pytest.mark.parametrize(
    ("record", "requested", "scope"),
    [
        pytest.param(of_bob, ADD, "photos.all", id="a scope that covers another service"),
        pytest.param(of_bob, LIST, "photos.all", id="the folder's own name is not in the folder"),
        pytest.param(replace(of_bob, scopes=("other",)), GET, "photos.all", id="a scope that covers nothing"),
        pytest.param(
            replace(of_bob, scopes=("photos.all", "x"), client=Client(True, 0, frozenset({"x"}))),
            GET,
            "a.photos.all",
            id="a scope taken from the client",
        ),
    ],
)
def test_a_scope_that_does_not_cover_the_service(record: AccessTokenRecord, requested: bytes, scope: str) -> None:
    """The denial names a scope that would do, rather one that the client may ask for (RS-03)."""
    record = replace(record, client=replace(record.client, scopes=record.client.scopes | {"other"}))  # type: ignore[type-var, union-attr]  # there is one
    decision = check(record, requested)
    assert (decision.denial, decision.http_status) == (Denial.INSUFFICIENT_SCOPE, 403)
    assert decision.error == "insufficient_scope"
    assert decision.www_authenticate == f'Bearer realm="{PHOTOS}", error="insufficient_scope", scope="{scope}"'
    assert decision.service != ""


@pytest.mark.parametrize(
    ("groups", "requested"),
    [
        pytest.param(frozenset(), GET, id="in no group"),
        pytest.param(frozenset({"friends"}), ADD, id="in a group for another service"),
        pytest.param(frozenset({"Family"}), ADD, id="in a group whose name only resembles"),
        pytest.param(frozenset({"family"}), b"/photos.v1.Albums/Burn", id="a service without any group"),
    ],
)
def test_alice_is_told_that_she_may_not(groups: frozenset[str], requested: bytes) -> None:
    """An owner in no group of the service gets 403 without an error code (RFC 6750 §3.1)."""
    decision = check(replace(of_bob, scopes=("photos.all",), groups=groups), requested)
    assert (decision.denial, decision.http_status, decision.error) == (Denial.OWNER_NOT_AUTHORIZED, 403, "")
    assert decision.www_authenticate == f'Bearer realm="{PHOTOS}"'


@pytest.mark.parametrize("unreadable", ["GET /caf%E9", "GET /a%3Bb", "GET /x/%C2%85"])
def test_a_service_that_only_an_earlier_version_took_is_for_nobody(unreadable: str) -> None:
    """What is registered and can be read in two ways selects and covers nothing, and all else is as it was."""
    services = {**policy.services, unreadable: frozenset({"family"})}
    covers = {scope: covered | {unreadable} for scope, covered in policy.covers.items()}
    with_it = AccessRules(replace(policy, services=services, covers=covers))
    for requested in (GET, ADD, LIST, unreadable.encode()):
        known = Known(of_bob, policy, NOW, 0.7)
        assert decide(known, with_it, requested, caller=API, issuer=ISSUER) == check(of_bob, requested)


def test_the_checks_have_an_order() -> None:
    """Of several checks that fail the first is told: token, service, scope, owner."""
    nobody = replace(of_bob, groups=frozenset(), scopes=("photos.read",))
    assert check(replace(nobody, revoked=True), b"GET /nowhere").denial is Denial.TOKEN_INACTIVE
    assert check(nobody, b"GET /nowhere").denial is Denial.SERVICE_UNKNOWN
    assert check(nobody, ADD).denial is Denial.INSUFFICIENT_SCOPE
    assert check(nobody, GET).denial is Denial.OWNER_NOT_AUTHORIZED


class Store:
    """Knows one token and one policy."""

    def __init__(self, known: Known | Failure, policy_before: ResourcePolicy = policy) -> None:
        self._known = known
        self._policy = policy_before
        self.asked = 0

    def access_tokens(self, asked: object) -> list[Known | Failure]:
        del asked
        self.asked += 1
        return [self._known]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        raise AssertionError(asked)

    def policy(self, resource: str, freshness: Freshness) -> ResourcePolicy:
        assert freshness == LEASED
        return self._policy if resource == PHOTOS else ResourcePolicy(resource, 3)


TOKEN: AccessToken = new_access_token(b"t" * 32, NOW + timedelta(minutes=9))


def asked(store: Store, resource: str = PHOTOS, *, caller: str = API, token: str = TOKEN.text) -> AccessDecision:
    return CheckAccess(store, store, ISSUER)(token, resource, GET, caller=caller, freshness=LEASED)


@pytest.mark.parametrize(
    ("resource", "caller"),
    [(PHOTOS, OTHER), (PHOTOS, APP), (MUSIC, API), (ISSUER, API)],
    ids=["another caller", "the token's client", "an unknown resource", "the issuer"],
)
def test_a_caller_asks_about_its_own_resources_only(resource: str, caller: str) -> None:
    """A resource that is not the caller's is refused before the token is looked at, registered or not (GRPC-05)."""
    store = Store(Known(of_bob, policy, NOW))
    with pytest.raises(PermissionDenied):
        asked(store, resource, caller=caller)
    assert store.asked == 0


def test_what_cannot_be_known_is_no_verdict() -> None:
    """A store that fails is neither allowed nor denied (GRPC-03)."""
    with pytest.raises(Unavailable):
        asked(Store(Unavailable("not now")))


@pytest.mark.parametrize("token", ["garbage", TOKEN.text[:-1], "tsr_" + TOKEN.text[4:], ""], ids=repr)
def test_what_is_no_access_token_of_ours_is_inactive(token: str) -> None:
    """Whatever is no access token of ours is not looked for, and not live (RS-03)."""
    store = Store(Known(of_bob, policy, NOW))
    assert asked(store, token=token).denial is Denial.TOKEN_INACTIVE
    assert store.asked == 0


def test_the_policy_is_that_of_the_tokens_own_moment() -> None:
    """A verdict never mixes a token with the policy of another moment."""
    closed = replace(policy, version=4, services=dict.fromkeys(policy.services, frozenset()))
    store = Store(Known(replace(of_bob, policy_version=4), closed, NOW))
    assert asked(store).denial is Denial.OWNER_NOT_AUTHORIZED


@pytest.mark.parametrize("caller", [API, APP])
def test_who_may_ask_is_that_of_the_tokens_own_moment(caller: str) -> None:
    """A caller that was taken away meanwhile is refused, and be it the token's own client (GRPC-05)."""
    before = replace(policy, callers=frozenset({API, APP}))
    after = replace(policy, version=4, callers=frozenset({OTHER}))
    store = Store(Known(replace(of_bob, policy_version=4), after, NOW), before)
    with pytest.raises(PermissionDenied):
        asked(store, caller=caller)
