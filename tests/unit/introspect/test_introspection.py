"""The decision: what a caller is told of one record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.introspect.introspection import Introspect, about_access_token, about_refresh_token
from services.introspect.model import (
    INACTIVE,
    AccessTokenRecord,
    Client,
    Freshness,
    Grant,
    Introspection,
    Known,
    KnownRefreshToken,
    Question,
    RefreshTokenRecord,
    ResourceOwner,
    ResourcePolicy,
)
from tallystick.oauth2.opaque_token import AccessToken, new_access_token, with_checksum
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, Unavailable

ISSUER = "https://issuer.example"
PHOTOS = "https://photos.example"
APP, API, OTHER = "app", "api", "other"
BOB = UUID(int=7)
GRANT_ID = UUID(int=1)
ISSUED, EXPIRES = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 1, 0, 10, tzinfo=UTC)

client = Client(enabled=True, epoch=3, scopes=frozenset({"photos.read", "photos.print"}))
owner = ResourceOwner(BOB, "bob", enabled=True, epoch=5)
grant = Grant(
    client_id=APP,
    user_id=BOB,
    end_reason=None,
    client_epoch=3,
    user_epoch=5,
    consent_epoch=2,
    owner=owner,
    consent_epoch_now=2,
)
of_bob = AccessTokenRecord(
    client_id=APP,
    client_epoch=3,
    scopes=("photos.read", "photos.print"),
    audience=PHOTOS,
    issued_at=ISSUED,
    expires_at=EXPIRES,
    revoked=False,
    client=client,
    grant_id=GRANT_ID,
    grant=grant,
    covering=frozenset({"photos.read"}),
    groups=frozenset(),
    policy_version=1,
)
of_the_app = replace(of_bob, grant_id=None, grant=None)
photos = ResourcePolicy(PHOTOS, 1, callers=frozenset({API}), covers={"photos.read": frozenset({"/photos/*"})})
NOW = ISSUED + timedelta(minutes=1)


def known(record: AccessTokenRecord | None, policy: ResourcePolicy = photos, valid_for: float = 0.0) -> Known:
    return Known(record, policy, NOW, valid_for)


def issued(record: AccessTokenRecord) -> Known:
    """What is known of a token for whatever it is for."""
    return known(record, replace(photos, resource=record.audience))


presented = RefreshToken(family=GRANT_ID, generation=4, secret=b"s" * 32, mac=b"m" * 32, key_id="k1")
refresh = RefreshTokenRecord(
    grant=grant,
    scopes=("photos.read", "photos.print"),
    client=client,
    generation=4,
    digest=presented.digest,
    may_refresh=True,
    issued_at=ISSUED,
    expires_at=EXPIRES,
)


def test_a_live_token_of_a_user() -> None:
    """The resource server of the audience learns everything that it needs (INTR-04)."""
    assert about_access_token(known(of_bob), API, ISSUER) == Introspection(
        active=True,
        scopes=("photos.read", "photos.print"),
        client_id=APP,
        username="bob",
        token_type="Bearer",
        exp=int(EXPIRES.timestamp()),
        iat=int(ISSUED.timestamp()),
        sub=f"user:{BOB}",
        aud=(PHOTOS,),
        iss=ISSUER,
    )


def test_a_live_token_of_a_client() -> None:
    """A client that acts for itself is its own subject and has no username (RFC 6749 §4.4)."""
    answer = about_access_token(known(of_the_app), API, ISSUER)
    assert (answer.active, answer.sub, answer.username) == (True, "client:app", "")


@pytest.mark.parametrize("audience", [PHOTOS, ISSUER, "https://elsewhere.example"])
def test_a_client_sees_what_was_issued_to_it(audience: str) -> None:
    """A client may ask about its own tokens, whatever they are for (INTR-06)."""
    assert about_access_token(issued(replace(of_bob, audience=audience)), APP, ISSUER).active


def test_scopes_follow_what_the_client_may_ask_for_now() -> None:
    """A scope that was taken from the client, or deleted, drops out of the answer."""
    record = replace(of_bob, client=replace(client, scopes=frozenset({"photos.print", "never.granted"})))
    assert about_access_token(known(record), API, ISSUER).scopes == ("photos.print",)


ACCESS_TOKEN_DOUBTS: dict[str, AccessTokenRecord] = {
    "expired": replace(of_bob, expires_at=NOW),
    "revoked": replace(of_bob, revoked=True),
    "revoked, of a client": replace(of_the_app, revoked=True),
    "client deleted": replace(of_bob, client=None),
    "client disabled": replace(of_bob, client=replace(client, enabled=False)),
    "client's tokens revoked": replace(of_bob, client=replace(client, epoch=4)),
    "client's epoch behind the token's": replace(of_bob, client=replace(client, epoch=2)),
    "token's epoch apart from the grant's": replace(of_bob, grant=replace(grant, client_epoch=2)),
    "no scope of it left": replace(of_bob, client=replace(client, scopes=frozenset({"other.scope"}))),
    "client without any scope": replace(of_bob, client=replace(client, scopes=frozenset())),
    "token without any scope": replace(of_bob, scopes=()),
    "grant removed": replace(of_bob, grant=None),
    "grant ended": replace(of_bob, grant=replace(grant, end_reason="withdrawn")),
    "grant of another client": replace(of_bob, grant=replace(grant, client_id=OTHER)),
    "grant that the token does not name": replace(of_bob, grant_id=None, grant=replace(grant, end_reason="withdrawn")),
    "user deleted": replace(of_bob, grant=replace(grant, owner=None)),
    "user disabled": replace(of_bob, grant=replace(grant, owner=replace(owner, enabled=False))),
    "user's epoch risen": replace(of_bob, grant=replace(grant, owner=replace(owner, epoch=6))),
    "consent deleted": replace(of_bob, grant=replace(grant, consent_epoch_now=None)),
    "consent withdrawn": replace(of_bob, grant=replace(grant, consent_epoch_now=3)),
    "token of a client that acts for itself, disabled": replace(of_the_app, client=replace(client, enabled=False)),
    "token of a client that acts for itself, revoked": replace(of_the_app, client=replace(client, epoch=4)),
    "token of a client that acts for itself, expired": replace(of_the_app, expires_at=NOW),
}


@pytest.mark.parametrize("caller", [API, APP])
@pytest.mark.parametrize("record", ACCESS_TOKEN_DOUBTS.values(), ids=ACCESS_TOKEN_DOUBTS.keys())
def test_every_doubt_about_an_access_token_is_inactive(record: AccessTokenRecord, caller: str) -> None:
    """Whatever is wrong, the answer is the same and gives no reason (INTR-03)."""
    assert about_access_token(known(record), caller, ISSUER) is INACTIVE


@pytest.mark.parametrize(
    ("record", "caller"),
    [
        pytest.param(of_bob, OTHER, id="a client that serves another resource"),
        pytest.param(of_bob, "", id="a nameless caller"),
        pytest.param(of_bob, f"{API} ", id="a caller whose name only resembles"),
    ],
)
def test_a_token_is_not_everybodys_business(record: AccessTokenRecord, caller: str) -> None:
    """A caller learns nothing of tokens for resources that it does not serve (INTR-06, RS-05)."""
    assert about_access_token(known(record), caller, ISSUER) is INACTIVE


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        pytest.param(of_bob, replace(photos, callers=frozenset()), id="a resource that nobody serves"),
        pytest.param(of_bob, replace(photos, callers=frozenset({OTHER})), id="another's resource"),
        pytest.param(of_bob, replace(photos, resource="https://other.example"), id="policy of another resource"),
        pytest.param(
            replace(of_bob, audience=ISSUER), replace(photos, resource=ISSUER), id="the issuer registered as a resource"
        ),
    ],
)
def test_only_who_serves_the_audience_may_know(record: AccessTokenRecord, policy: ResourcePolicy) -> None:
    """A caller learns nothing of tokens whose resource it does not serve now (INTR-06)."""
    assert about_access_token(known(record, policy), API, ISSUER) is INACTIVE


def test_a_resource_server_sees_its_own_share_of_the_scopes() -> None:
    """Scopes that cover another resource only are none of this one's business (INTR-06)."""
    record = replace(of_bob, covering=frozenset({"photos.read", "photos.print"}))
    assert about_access_token(known(record), API, ISSUER).scopes == ("photos.read",)
    assert about_access_token(known(record), APP, ISSUER).scopes == ("photos.read", "photos.print")


def test_a_token_without_a_share_is_inactive() -> None:
    """When all scopes of a token have come to cover other resources, nothing of it is left here (INTR-06)."""
    record = replace(of_bob, covering=frozenset({"photos.read", "photos.print"}))
    assert about_access_token(known(record, replace(photos, covers={})), API, ISSUER) is INACTIVE


@pytest.mark.parametrize(
    ("lease", "left", "valid_for"), [(0.0, 60.0, 0.0), (0.7, 60.0, 0.7), (0.7, 0.25, 0.25)], ids=str
)
def test_an_answer_holds_no_longer_than_its_token(lease: float, left: float, valid_for: float) -> None:
    """`valid_for` is what is left of the lease, and never beyond the token's expiry (INTR-07)."""
    record = replace(of_bob, expires_at=NOW + timedelta(seconds=left))
    assert about_access_token(known(record, valid_for=lease), API, ISSUER).valid_for == valid_for


def test_a_live_refresh_token() -> None:
    """The client that holds it learns everything but a token type, as no resource server takes it (INTR-06)."""
    assert about_refresh_token(KnownRefreshToken(refresh, NOW), presented, APP, ISSUER) == Introspection(
        active=True,
        scopes=("photos.read", "photos.print"),
        client_id=APP,
        username="bob",
        exp=int(EXPIRES.timestamp()),
        iat=int(ISSUED.timestamp()),
        sub=f"user:{BOB}",
        aud=(ISSUER,),
        iss=ISSUER,
    )


REFRESH_TOKEN_DOUBTS: dict[str, tuple[RefreshTokenRecord, RefreshToken]] = {
    "older generation": (refresh, replace(presented, generation=3)),
    "later generation": (refresh, replace(presented, generation=5)),
    "other secret": (refresh, replace(presented, secret=b"x" * 32)),
    "secret of the next generation": (replace(refresh, digest=b"d" * 32), presented),
    "expired": (replace(refresh, expires_at=NOW), presented),
    "no refresh left": (replace(refresh, may_refresh=False), presented),
    "client deleted": (replace(refresh, client=None), presented),
    "client disabled": (replace(refresh, client=replace(client, enabled=False)), presented),
    "client's tokens revoked": (replace(refresh, client=replace(client, epoch=4)), presented),
    "no scope of it left": (replace(refresh, client=replace(client, scopes=frozenset())), presented),
    "grant ended": (replace(refresh, grant=replace(grant, end_reason="withdrawn")), presented),
    "user deleted": (replace(refresh, grant=replace(grant, owner=None)), presented),
    "user disabled": (replace(refresh, grant=replace(grant, owner=replace(owner, enabled=False))), presented),
    "user's epoch risen": (replace(refresh, grant=replace(grant, owner=replace(owner, epoch=6))), presented),
    "consent deleted": (replace(refresh, grant=replace(grant, consent_epoch_now=None)), presented),
    "consent withdrawn": (replace(refresh, grant=replace(grant, consent_epoch_now=3)), presented),
}


@pytest.mark.parametrize(("record", "token"), REFRESH_TOKEN_DOUBTS.values(), ids=REFRESH_TOKEN_DOUBTS.keys())
def test_every_doubt_about_a_refresh_token_is_inactive(record: RefreshTokenRecord, token: RefreshToken) -> None:
    """Whatever is wrong, the answer is the same and gives no reason (INTR-03)."""
    assert about_refresh_token(KnownRefreshToken(record, NOW), token, APP, ISSUER) is INACTIVE


@pytest.mark.parametrize("caller", [API, OTHER, ""])
def test_a_refresh_token_is_its_clients_business_only(caller: str) -> None:
    """A resource server learns nothing of a refresh token, not even one of a resource that it serves (INTR-06)."""
    assert about_refresh_token(KnownRefreshToken(refresh, NOW), presented, caller, ISSUER) is INACTIVE


class OneRecord:
    """Holds one access token's record and one refresh token's, and counts the questions."""

    def __init__(self, access: AccessTokenRecord | None = None, refresh: RefreshTokenRecord | None = None) -> None:
        self._access = access
        self._refresh = refresh
        self.asked = 0

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        self.asked += len(asked)
        return [known(self._access) for _ in asked]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        self.asked += len(asked)
        return [KnownRefreshToken(self._refresh, NOW) for _ in asked]


class NoAnswer:
    """A store that cannot be asked."""

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        return [Unavailable("not now") for _ in asked]

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        return [Unavailable("not now") for _ in asked]


ACCESS_TOKEN = new_access_token(b"r" * 32, EXPIRES).text


@pytest.mark.parametrize("token", [ACCESS_TOKEN, str(presented)])
def test_one_question_is_one_read(token: str) -> None:
    """A token tells its own type, so only one record is looked for (INTR-05)."""
    records = OneRecord(of_bob, refresh)
    assert Introspect(records, ISSUER)(Question(token), APP).active
    assert records.asked == 1


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "tsa_",
        "\x00",
        "￿\udcff",
        ACCESS_TOKEN[:-1],
        f"{ACCESS_TOKEN} ",
        f" {ACCESS_TOKEN}",
        ACCESS_TOKEN.upper(),
        ACCESS_TOKEN.replace("tsa_", "tsr_"),
        f"{ACCESS_TOKEN}\n",
        f"{ACCESS_TOKEN[:-8]}00000000",
        with_checksum("tss_" + "a" * 43),
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJib2IifQ.",
        "AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "Bearer " + ACCESS_TOKEN,
        "a" * 200_000,
    ],
    ids=lambda token: repr(token[:12]),
)
def test_what_we_cannot_have_issued_is_not_looked_for(token: str) -> None:
    """Codes, secrets, JWTs, cut and padded tokens are inactive without a read (INTR-03, INTR-06)."""
    records = OneRecord(of_bob, refresh)
    assert Introspect(records, ISSUER)(Question(token), APP) is INACTIVE
    assert records.asked == 0


@pytest.mark.parametrize("token", [ACCESS_TOKEN, str(presented)])
def test_an_unknown_token_is_inactive(token: str) -> None:
    """A token without a record is inactive (INTR-03)."""
    assert Introspect(OneRecord(), ISSUER)(Question(token), APP) is INACTIVE


@pytest.mark.parametrize("token", [ACCESS_TOKEN, str(presented)])
def test_a_store_that_cannot_be_asked_is_not_a_bad_token(token: str) -> None:
    """What cannot be known is neither active nor inactive (GRPC-03)."""
    introspect = Introspect(NoAnswer(), ISSUER)
    with pytest.raises(Unavailable):
        introspect(Question(token), APP)


def test_each_of_several_is_judged_by_itself() -> None:
    """Answers come in the order of the questions, and one that cannot be had harms no other (GRPC-06)."""
    questions = [Question("garbage"), Question(ACCESS_TOKEN), Question(str(presented)), Question("")]
    garbage, access, refreshed, empty = Introspect(OneRecord(of_bob, refresh), ISSUER).many(questions, APP)
    assert isinstance(access, Introspection)
    assert isinstance(refreshed, Introspection)
    assert (garbage, access.token_type, refreshed.token_type, empty) == (INACTIVE, "Bearer", "", INACTIVE)
    garbage, access, refreshed, empty = Introspect(NoAnswer(), ISSUER).many(questions, APP)
    assert isinstance(access, Unavailable)
    assert isinstance(refreshed, Unavailable)
    assert (garbage, empty) == (INACTIVE, INACTIVE)
