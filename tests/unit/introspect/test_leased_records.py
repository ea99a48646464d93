"""What introspect remembers, and when it reads again: real reads' place is taken by a store in memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

import pytest

from services.introspect.batched_reads import Batch, BatchedReads, Places, Read
from services.introspect.leased_records import LeasedRecords, Reading
from services.introspect.model import (
    LEASED,
    AccessTokenRecord,
    CallerLookup,
    Client,
    Freshness,
    Known,
    KnownRefreshToken,
    RefreshTokenRecord,
    ResourcePolicy,
    TokenKey,
)
from tallystick.oauth2.client import AuthenticatableClient, AuthMethod
from tallystick.oauth2.opaque_token import AccessToken, new_access_token
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, Unavailable
from tallystick.runtime.lease.records import Sending
from tallystick.runtime.lease.view import POLICY, Moment, Subject, View

ISSUER = "https://issuer.example"
PHOTOS = "https://photos.example"
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
READ_AGAIN = Freshness(read_again=True)
TIMELINE = "00000001"

own = AccessTokenRecord(
    client_id="app",
    client_epoch=0,
    scopes=("photos.read",),
    audience=PHOTOS,
    issued_at=NOON,
    expires_at=NOON + timedelta(hours=1),
    revoked=False,
    client=Client(enabled=True, epoch=0, scopes=frozenset({"photos.read"})),
    grant_id=None,
    grant=None,
    covering=frozenset(),
    groups=frozenset(),
    policy_version=1,
)
TOKEN = new_access_token(b"t" * 32, own.expires_at)
KEY = TokenKey(TOKEN.digest, TOKEN.bucket)
OF_THE_TOKEN: Subject = ("token", KEY.digest.hex())


@dataclass
class Recalled:
    """Implements `Recalls`: how many tokens memory could tell of, told of as old as was accepted, and could not."""

    remembered: int = 0
    stale: int = 0
    unknown: int = 0

    def recalled(self, *, remembered: int, stale: int, unknown: int) -> None:
        self.remembered += remembered
        self.stale += stale
        self.unknown += unknown


@dataclass
class Store:
    """Postgres and its log, as far as reads go; `asked` has every read in its order."""

    tokens: dict[TokenKey, AccessTokenRecord] = field(default_factory=lambda: {KEY: own})
    policy: ResourcePolicy = field(default_factory=lambda: ResourcePolicy(PHOTOS, 1, frozenset({"api"})))
    callers: dict[str, AuthenticatableClient] = field(default_factory=dict)
    timeline: str | None = TIMELINE
    fails: bool = False
    asked: list[str] = field(default_factory=list)
    view: View = field(default_factory=View)
    boot_seconds: float = 100.0

    def lease(self, seconds: float = 1.0) -> None:
        """Let a poll have reached the end of the log just now."""
        moment = Moment(NOON, self.boot_seconds)
        end = self.boot_seconds + seconds
        self.view = replace(
            self.view, generation=1, timeline=TIMELINE, position=5, floor=0, lease_end=end, moment=moment
        )

    def change(self, subject: Subject, position: int = 6) -> None:
        """Let a poll have found a change."""
        self.view = replace(self.view, position=position, changed={**self.view.changed, subject: position})

    def read_tokens(self, keys: Sequence[TokenKey], *, confirmed: bool) -> Batch[TokenKey, AccessTokenRecord]:
        self._asked("tokens", confirmed=confirmed)
        return Batch({key: self.tokens[key] for key in keys if key in self.tokens}, NOON, self.timeline)

    def read_refresh_tokens(self, keys: Sequence[UUID], *, confirmed: bool) -> Batch[UUID, RefreshTokenRecord]:
        self._asked("refresh tokens", confirmed=confirmed)
        assert keys
        return Batch({}, NOON, self.timeline)

    def read_policies(self, keys: Sequence[str], *, confirmed: bool) -> Batch[str, ResourcePolicy]:
        self._asked("policies", confirmed=confirmed)
        return Batch({key: replace(self.policy, resource=key) for key in keys}, NOON, self.timeline)

    def read_callers(self, keys: Sequence[str], *, confirmed: bool) -> Batch[str, AuthenticatableClient]:
        self._asked("callers", confirmed=confirmed)
        return Batch({key: self.callers[key] for key in keys if key in self.callers}, NOON, self.timeline)

    def _asked(self, what: str, *, confirmed: bool) -> None:
        self.asked.append(f"{what}, confirmed" if confirmed else what)
        if self.fails:
            raise Unavailable("not now")


@pytest.fixture
def store() -> Store:
    """A store with one token of PHOTOS."""
    return Store()


@pytest.fixture
def recalled() -> Recalled:
    return Recalled()


@pytest.fixture
def records(store: Store, recalled: Recalled) -> Iterator[LeasedRecords]:
    """The records of a replica that reads from the store."""
    with ExitStack() as resources:
        places = Places(BoundedSemaphore(4), BoundedSemaphore(4))
        reads = [
            BatchedReads(read, lambda: store.view, lambda: store.boot_seconds, places, lambda: None)
            for read in (store.read_tokens, store.read_refresh_tokens, store.read_policies, store.read_callers)
        ]
        for each in reads:
            each.start()
            resources.enter_context(closing(each))
        yield LeasedRecords(
            Reading(*reads), lambda: store.view, lambda: store.boot_seconds, recalled, issuer=ISSUER, room=10
        )


def ask(records: LeasedRecords, freshness: Freshness = LEASED, token: AccessToken = TOKEN) -> Known | Failure:
    [known] = records.access_tokens([(token, freshness)])
    return known


def test_what_is_remembered_is_not_read_again(store: Store, records: LeasedRecords) -> None:
    """While the lease holds a token is read once, and the answer says how long it holds (INTR-07)."""
    store.lease()
    first = ask(records)
    store.boot_seconds += 0.25
    second = ask(records)
    assert store.asked == ["tokens", "policies"]
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert (first.valid_for, second.valid_for) == (1.0, 0.75)
    assert second.now == NOON + timedelta(seconds=0.25)


def test_what_memory_could_tell_is_counted(store: Store, records: LeasedRecords, recalled: Recalled) -> None:
    """A token that is read, one that is remembered, and one that is told of although it may be stale differ."""
    store.lease()
    ask(records)
    assert recalled == Recalled(unknown=1)
    records.access_tokens([(TOKEN, LEASED)] * 3)
    assert recalled == Recalled(remembered=3, unknown=1)
    store.boot_seconds += 1.5
    ask(records, Freshness(staleness=2.0))
    assert recalled == Recalled(remembered=3, stale=1, unknown=1)
    assert records.remembered == {"tokens": 1, "policies": 1, "callers": 0}


@pytest.mark.parametrize(
    "subject", [OF_THE_TOKEN, ("client", "app"), POLICY], ids=["the token", "its client", "policy"]
)
def test_what_has_changed_is_read_again(store: Store, records: LeasedRecords, subject: Subject) -> None:
    """A change of the token, or of anything behind it, means that it is read again (INTR-07)."""
    store.lease()
    ask(records)
    store.change(subject)
    store.tokens[KEY] = replace(own, revoked=True)
    known = ask(records)
    assert isinstance(known, Known)
    assert known.record is not None
    assert known.record.revoked
    assert store.asked[2] == "tokens"


def test_what_others_have_changed_is_not_read_again(store: Store, records: LeasedRecords) -> None:
    """A change of something else costs nothing."""
    store.lease()
    ask(records)
    store.change(("token", "another"))
    store.change(("client", "another"), 7)
    ask(records)
    assert store.asked == ["tokens", "policies"]


def test_without_a_lease_each_question_is_a_confirmed_read(store: Store, records: LeasedRecords) -> None:
    """Without a lease nothing is answered from memory, and a deposed primary cannot answer (INTR-07)."""
    first, second = ask(records), ask(records)
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert (first.valid_for, second.valid_for) == (0.0, 0.0)
    assert store.asked.count("tokens, confirmed") == 2


def test_a_lease_that_has_run_out_is_none(store: Store, records: LeasedRecords) -> None:
    """At the moment at which the lease ends the token is read again (INTR-07)."""
    store.lease()
    ask(records)
    store.boot_seconds += 1.0
    ask(records)
    assert store.asked == ["tokens", "policies", "tokens, confirmed"]


def test_a_fresh_answer_is_read(store: Store, records: LeasedRecords) -> None:
    """Who wants a read of its own gets one, under a lease too."""
    store.lease()
    ask(records)
    ask(records, READ_AGAIN)
    assert store.asked == ["tokens", "policies", "tokens, confirmed"]


def test_an_outage_is_no_verdict(store: Store, records: LeasedRecords) -> None:
    """What cannot be read is neither active nor inactive (GRPC-03)."""
    store.fails = True
    assert isinstance(ask(records), Unavailable)


@pytest.mark.parametrize(("staleness", "answered"), [(2.0, True), (1.4, False), (0.0, False)], ids=str)
def test_accepted_staleness_outlives_the_lease(
    store: Store, records: LeasedRecords, staleness: float, *, answered: bool
) -> None:
    """Who accepts what was true a while ago gets it while nothing can be read, but may not go by it any further."""
    store.lease()
    ask(records)
    store.boot_seconds += 1.5
    store.fails = True
    known = ask(records, Freshness(staleness=staleness))
    assert isinstance(known, Known) is answered
    if isinstance(known, Known):
        assert (known.valid_for, known.now) == (0.0, NOON + timedelta(seconds=1.5))


def test_what_is_not_there_is_not_remembered(store: Store, records: LeasedRecords) -> None:
    """A token may be issued the next moment, so an unknown one is read each time (INTR-07)."""
    store.lease()
    later = store.tokens.pop(KEY)
    first = ask(records)
    store.tokens[KEY] = later
    second = ask(records)
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert (first.record, second.record) == (None, own)


def test_what_is_dead_is_not_remembered(store: Store, records: LeasedRecords) -> None:
    """A token that is not live may be the next moment, as when its client is enabled again (INTR-07)."""
    store.lease()
    client = Client(enabled=False, epoch=0, scopes=frozenset({"photos.read"}))
    store.tokens[KEY] = replace(own, client=client)
    first = ask(records)
    store.tokens[KEY] = own
    second = ask(records)
    assert isinstance(first, Known)
    assert isinstance(second, Known)
    assert first.record is not None
    assert (first.record.client, first.valid_for) == (client, 0.0)
    assert second.record == own


def test_a_token_and_its_policy_are_of_one_moment(store: Store, records: LeasedRecords) -> None:
    """Policy that is newer than the token's record sends the reader back to the token, so no answer mixes the two."""
    store.lease()
    store.policy = replace(store.policy, version=2)
    mixed = ask(records)
    assert isinstance(mixed, Unavailable)
    assert store.asked.count("tokens") == 3
    store.tokens[KEY] = replace(own, policy_version=2)
    known = ask(records)
    assert isinstance(known, Known)
    assert known.policy is not None
    assert known.policy.version == 2


def test_a_read_from_another_timeline_does_not_count(store: Store, records: LeasedRecords) -> None:
    """A read that a server of another history answered is repeated, confirmed, and not remembered."""
    store.lease()
    store.timeline = "00000002"
    known = ask(records)
    assert isinstance(known, Known)
    assert known.valid_for == 0.0
    assert store.asked[:2] == ["tokens", "tokens, confirmed"]


def test_a_token_for_the_issuer_has_no_policy(store: Store, records: LeasedRecords) -> None:
    """Whatever is registered under the issuer's name is not looked for (INTR-06)."""
    store.tokens[KEY] = replace(own, audience=ISSUER)
    known = ask(records)
    assert isinstance(known, Known)
    assert known.policy == ResourcePolicy(ISSUER, 1)
    assert store.asked == ["tokens, confirmed"]


def test_the_memory_is_bounded(store: Store, records: LeasedRecords) -> None:
    """What was used least recently is forgotten when there is no more room."""
    store.lease()
    others = [new_access_token(bytes([number]) * 32, own.expires_at) for number in range(10)]
    store.tokens |= {TokenKey(each.digest, each.bucket): own for each in others}
    ask(records)
    for each in others:
        ask(records, token=each)
    before = len(store.asked)
    ask(records, token=others[0])
    assert len(store.asked) == before
    ask(records)
    assert len(store.asked) == before + 1


def test_what_holds_many_names_takes_more_room(store: Store, records: LeasedRecords) -> None:
    """Scopes, those of the client too, and groups count: a token with many makes several others leave."""
    store.lease()
    ask(records)
    names = frozenset(f"name-{number}" for number in range(100))
    heavy = (
        replace(own, groups=names),
        replace(own, client=Client(enabled=True, epoch=0, scopes=names | {"photos.read"})),
    )
    tokens = [new_access_token(bytes([number]) * 32, own.expires_at) for number in range(len(heavy))]
    store.tokens |= {TokenKey(token.digest, token.bucket): record for token, record in zip(tokens, heavy, strict=True)}
    for token in tokens:
        ask(records, token=token)
    before = len(store.asked)
    ask(records, token=tokens[-1])
    assert len(store.asked) == before
    ask(records)
    assert len(store.asked) == before + 1


def test_a_resource_with_many_services_takes_more_room(store: Store, records: LeasedRecords) -> None:
    """Room for one resource is room for one of few names; two such leave in turn, and one alone stays."""
    store.lease()
    services = {f"GET /{number}": frozenset({"family"}) for number in range(40)}
    store.policy = replace(store.policy, services=services)
    for resource, asked in ((PHOTOS, 1), (PHOTOS, 1), ("https://music.example", 2), (PHOTOS, 3)):
        records.policy(resource, LEASED)
        assert len(store.asked) == asked


class SlowReads:
    """Reads that take a while of the store's clock, and give up when whoever asks does."""

    def __init__(self, store: Store, found: Callable[[], object], seconds: float) -> None:
        self._store = store
        self._found = found
        self._seconds = seconds
        self.untils: list[float] = []

    def find(self, keys: Sequence[object], *, until: float, confirmed: bool = False) -> Sequence[Read[Any] | Failure]:
        """Answer all keys alike."""
        del confirmed
        self.untils.append(until)
        self._store.boot_seconds += self._seconds
        sent = Sending(1, 5, self._store.boot_seconds)
        return [Read(self._found(), sent, Moment(NOON, self._store.boot_seconds), TIMELINE) for _ in keys]


def test_all_attempts_of_a_call_have_one_patience(store: Store) -> None:
    """However often policy changes under a question, it waits three seconds in all, so that a call ends in time."""
    store.lease()
    versions = iter(range(2, 100))
    tokens = SlowReads(store, lambda: own, 0.9)
    policies = SlowReads(store, lambda: replace(store.policy, version=next(versions)), 0.5)
    reading = Reading(tokens, tokens, policies, tokens)  # type: ignore[arg-type] # stand in their place
    records = LeasedRecords(reading, lambda: store.view, lambda: store.boot_seconds, Recalled(), issuer=ISSUER, room=10)
    began = store.boot_seconds
    assert isinstance(ask(records), Unavailable)
    assert {round(until - began, 6) for until in tokens.untils + policies.untils} == {3.0}
    assert len(tokens.untils) == 3


def test_a_wish_of_one_question_is_none_of_the_others(store: Store, records: LeasedRecords) -> None:
    """Of several questions those that shall be read again are read by themselves, confirmed, and the others are not."""
    store.lease()
    other = new_access_token(b"o" * 32, own.expires_at)
    records.access_tokens([(TOKEN, LEASED), (other, READ_AGAIN)])
    assert store.asked == ["tokens", "policies", "tokens, confirmed"]
    store.asked.clear()
    family = RefreshToken(family=UUID(int=1), generation=0, secret=b"s" * 32, mac=b"m" * 32, key_id="k1")
    other_family = replace(family, family=UUID(int=2))
    answers = records.refresh_tokens([(family, READ_AGAIN), (other_family, LEASED), (family, READ_AGAIN)])
    assert store.asked == ["refresh tokens", "refresh tokens, confirmed"]
    assert answers == [KnownRefreshToken(None, NOON)] * 3


def test_memory_alone_may_be_asked(store: Store, records: LeasedRecords) -> None:
    """Who wants what is remembered and no more is told so, or that it cannot be told, without a read."""
    store.lease()
    from_memory = Freshness(staleness=60.0, from_memory=True)
    assert isinstance(ask(records, from_memory), Unavailable)
    assert store.asked == []
    ask(records)
    store.boot_seconds += 30.0
    store.asked.clear()
    assert isinstance(ask(records, from_memory), Known)
    store.boot_seconds += 31.0
    assert isinstance(ask(records, from_memory), Unavailable)
    assert store.asked == []


def test_refresh_tokens_are_always_read(store: Store, records: LeasedRecords) -> None:
    """Rotation writes no invalidation, so nothing of a refresh family is remembered."""
    store.lease()
    token = RefreshToken(family=UUID(int=1), generation=0, secret=b"s" * 32, mac=b"m" * 32, key_id="k1")
    for _ in range(2):
        assert (
            records.refresh_tokens([(token, LEASED), (replace(token, family=UUID(int=2)), LEASED)])
            == [KnownRefreshToken(None, NOON)] * 2
        )
    assert store.asked == ["refresh tokens", "refresh tokens"]


def test_callers_are_remembered_under_the_lease(store: Store, records: LeasedRecords) -> None:
    """Who asks all the time is looked up once, and again when its client has changed; unknown ones each time."""
    store.lease()
    caller = AuthenticatableClient("api", AuthMethod.CLIENT_SECRET_BASIC, (), enabled=True)
    store.callers["api"] = caller
    assert records.client("api").client == caller
    assert records.client("api").client == caller
    assert store.asked == ["callers"]
    store.callers["api"] = replace(caller, enabled=False)
    store.change(("client", "api"))
    assert records.client("api").client == store.callers["api"]
    for _ in range(2):
        assert records.client("nobody").client is None
    assert store.asked == ["callers"] * 4


@pytest.mark.parametrize(("age", "known"), [(1.5, True), (60.0, True), (60.5, False)], ids=str)
def test_a_caller_is_known_by_what_was_true_a_while_ago(
    store: Store, records: LeasedRecords, age: float, *, known: bool
) -> None:
    """While nobody can be asked a caller is known for a minute, and the answer says for how long it has been."""
    store.lease()
    caller = AuthenticatableClient("api", AuthMethod.CLIENT_SECRET_BASIC, (), enabled=True)
    store.callers["api"] = caller
    records.client("api")
    store.boot_seconds += age
    store.fails = True
    if known:
        assert records.client("api") == CallerLookup(NOON + timedelta(seconds=age), caller, stale_by=age)
    else:
        with pytest.raises(Unavailable):
            records.client("api")


def test_a_database_that_is_away_is_tried_by_one_at_a_time(store: Store, records: LeasedRecords) -> None:
    """After a read that failed the next ones fail at once, until it is time to try again (GRPC-03)."""
    store.fails = True
    assert isinstance(ask(records), Unavailable)
    assert isinstance(ask(records), Unavailable)
    assert store.asked == ["tokens, confirmed"]
    store.boot_seconds += 0.5
    store.fails = False
    assert isinstance(ask(records), Known)
    assert isinstance(ask(records), Known)
