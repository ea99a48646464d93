"""`sign_in`: who is there, what is said of it, and what is not."""

from dataclasses import replace

import pytest

from services.authorize.errors import ShownHere
from services.authorize.known_device import KnownDevices
from services.authorize.model import Place, User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.sign_in import Credentials, Recognised, SignIn
from services.authorize.sign_in_throttle import WINDOW_SECONDS, SignInThrottle, TooManyAttempts
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import Unavailable
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import BOB, Countdown, InMemoryUsers
from tests.fakes.clock import StandingClock
from tests.fakes.sign_in import InMemoryAttempts, InMemoryKnownPlaces

PASSWORD, SOURCE, DEVICE = "secret", "192.0.2.1", "d" * 43
DISABLED = replace(BOB, enabled=False)


class OnePassword:
    """`Passwords` that know one, and remember which hashes they were asked about."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    async def hash(self, password: str) -> str:
        return password

    async def verify(self, hashed: str | None, password: str) -> bool:
        self.asked.append(hashed)
        if password == "flood":
            raise Unavailable("too many passwords are being checked")
        return hashed is not None and password == PASSWORD


class Door:
    """Where people sign in, over stores in memory."""

    def __init__(self, *users: User, failures_per_source: int = 50) -> None:
        self.users, self.passwords, self.audit = InMemoryUsers(*users), OnePassword(), FakeAudit()
        self.clock, self.places = StandingClock(), InMemoryKnownPlaces()
        throttle = SignInThrottle(InMemoryAttempts(self.clock), failures_per_source=failures_per_source)
        known_devices = KnownDevices(self.places, Countdown())
        self._sign_in = SignIn(self.users, self.passwords, throttle, known_devices, self.audit)

    async def enter(
        self, username: str = "bob", password: str = PASSWORD, *, device: str = "", source: str = SOURCE
    ) -> Recognised | None:
        """Enter a name and a password."""
        credentials = Credentials(username, password, Place(device, source))
        return await self._sign_in.authenticate(credentials, client_id="client")

    async def is_admitted(
        self, username: str = "bob", password: str = PASSWORD, *, device: str = "", source: str = SOURCE
    ) -> bool | None:
        """Tell whether somebody is let in; None when the password is not looked at."""
        try:
            return await self.enter(username, password, device=device, source=source) is not None
        except TooManyAttempts:
            return None

    async def besiege(self, *, sources: int = 100, username: str = "bob") -> None:
        """Let strangers guess until they are refused, from so many addresses."""
        for number in range(sources):
            await self.is_admitted(username, "wrong", source=f"198.51.100.{number}")


async def test_the_right_password_gives_the_user() -> None:
    """Username and password together tell who is there, and the browser is given a name to keep (UI-08)."""
    recognised = await Door(BOB).enter()
    assert recognised is not None
    assert (recognised.user, len(recognised.device)) == (BOB, 43)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("bob", "wrong"),
        ("bob", ""),
        ("Bob", "secret"),
        ("bob ", "secret"),
        ("alice", "secret"),
        ("", "secret"),
        ("", ""),
    ],
)
async def test_anything_else_gives_nobody(username: str, password: str) -> None:
    """A wrong password and an unknown user look alike, and a hash is verified for both (UI-08)."""
    door = Door(BOB)
    assert await door.enter(username, password) is None
    assert (len(door.passwords.asked), len(door.places.asked)) == (1, 2)


async def test_a_disabled_user_is_nobody() -> None:
    """The right password of a disabled user looks like a wrong one, and takes as long (UI-08)."""
    door = Door(DISABLED)
    assert await door.enter() is None
    assert door.passwords.asked == [BOB.password_hash]


@pytest.mark.parametrize(
    ("user", "username", "password", "detail"),
    [
        (BOB, "bob", "wrong", "wrong password"),
        (DISABLED, "bob", "wrong", "wrong password"),
        (DISABLED, "bob", "secret", "disabled user"),
    ],
)
async def test_a_refusal_is_told_with_its_reason(user: User, username: str, password: str, detail: str) -> None:
    """The audit tells whose account it was and why nobody was let in (OPS-04)."""
    door = Door(user)
    await door.enter(username, password)
    refusal = AuditEvent(
        EventKind.SIGN_IN_REFUSED, Outcome.REFUSED, user_id=BOB.user_id, client_id="client", detail=detail
    )
    assert door.audit.events == [refusal]


async def test_what_was_typed_is_not_told() -> None:
    """Of an unknown name nothing is kept, as it may be a password (OPS-04, GEN-11)."""
    door = Door(BOB)
    for _ in range(6):
        await door.is_admitted("hunter2", "wrong")
    assert door.audit.kinds == [EventKind.SIGN_IN_REFUSED] * 5 + [EventKind.SIGN_IN_THROTTLED]
    assert "hunter2" not in repr(door.audit.events)
    assert {event.user_id for event in door.audit.events} == {None}


async def test_a_flood_of_sign_ins_is_shown_here() -> None:
    """A person who has to wait can try again on the spot, and nobody's attempts are used up (AUTHZ-13, GEN-09)."""
    door = Door(BOB)
    for _ in range(10):
        with pytest.raises(ShownHere) as refusal:
            await door.enter(password="flood")
        assert refusal.value.kind is ErrorKind.UNAVAILABLE
    assert await door.is_admitted()


@pytest.mark.parametrize("username", ["bob", "nobody"])
async def test_the_sixth_guess_is_not_looked_at(username: str) -> None:
    """Five wrong passwords from one source, then a wait, for those who exist and for others (GEN-09, UI-08)."""
    door = Door(BOB)
    for _ in range(5):
        assert await door.is_admitted(username, "wrong") is False
    with pytest.raises(TooManyAttempts) as refusal:
        await door.enter(username, "wrong")
    assert (len(door.passwords.asked), refusal.value.wait_seconds) == (5, WINDOW_SECONDS)
    assert door.audit.events[-1].detail == "too many by account and source"


async def test_the_right_password_is_refused_like_a_wrong_one() -> None:
    """Beyond the limit nobody learns which guess was right, and after the window everybody begins anew (GEN-09)."""
    door = Door(BOB)
    for _ in range(5):
        await door.is_admitted(password="wrong")
    assert [await door.is_admitted(), await door.is_admitted(password="wrong")] == [None, None]
    door.clock.advance(WINDOW_SECONDS)
    assert await door.is_admitted()


async def test_right_passwords_cost_nothing() -> None:
    """Whoever signs in often is never held up (GEN-09)."""
    door = Door(BOB)
    assert [await door.is_admitted() for _ in range(100)] == [True] * 100


async def test_an_account_of_ones_own_gives_no_further_guesses() -> None:
    """Signing in as oneself in between takes nothing back of what was guessed about others (GEN-09)."""
    door = Door(BOB, User(DISABLED.user_id, "mallory", "$argon2id$", enabled=True, epoch=0), failures_per_source=9)
    guesses = 0
    for number in range(100):
        guesses += await door.is_admitted(f"user-{number}", "wrong") is False
        await door.is_admitted("mallory")
    assert guesses == 9


async def test_a_source_has_a_limit_over_all_accounts() -> None:
    """One password tried on many accounts is stopped at the source, and others go on (GEN-09)."""
    door = Door(BOB, failures_per_source=8)
    guesses = [await door.is_admitted(f"user-{number}", "wrong") for number in range(20)]
    assert guesses == [False] * 8 + [None] * 12
    assert await door.is_admitted() is None
    assert await door.is_admitted(source="192.0.2.2")


async def test_an_account_has_a_limit_over_all_sources() -> None:
    """Many sources together get fewer than a hundred guesses an hour at one account (GEN-09)."""
    door = Door(BOB)
    for _ in range(12):
        await door.besiege()
        door.clock.advance(WINDOW_SECONDS)
    assert len(door.passwords.asked) == 84


async def test_a_known_device_is_not_locked_out() -> None:
    """Whatever strangers do, from the same address too, the owner's browser gets in (GEN-09)."""
    door = Door(BOB)
    recognised = await door.enter(source="203.0.113.1")
    assert recognised is not None
    await door.besiege()
    for number in range(60):
        await door.is_admitted(f"user-{number}", "wrong")
    assert await door.is_admitted() is None
    assert await door.is_admitted(device=recognised.device)


async def test_a_known_network_is_not_locked_out() -> None:
    """At home the owner gets in with a new browser too, whatever strangers do elsewhere (GEN-09)."""
    door = Door(BOB)
    await door.enter()
    await door.besiege()
    assert await door.is_admitted(source="203.0.113.1") is None
    assert await door.is_admitted()


async def test_a_known_device_has_a_limit_of_its_own() -> None:
    """A stolen browser guesses no faster, and its owner gets in elsewhere (GEN-09)."""
    door = Door(BOB)
    recognised = await door.enter()
    assert recognised is not None
    device = recognised.device
    guesses = [
        await door.is_admitted(password="wrong", device=device, source=f"192.0.2.{number}") for number in range(9)
    ]
    assert guesses == [False] * 5 + [None] * 4
    assert await door.is_admitted(device=device) is None
    assert await door.is_admitted(source="192.0.2.77")


@pytest.mark.parametrize("device", ["", DEVICE])
async def test_a_cookie_that_we_never_gave_helps_nobody(device: str) -> None:
    """No cookie, and one that somebody made up, is a stranger's (GEN-09)."""
    door = Door(BOB)
    await door.besiege()
    assert await door.is_admitted(device=device) is None


async def test_a_device_is_known_to_one_account_only() -> None:
    """One's own browser is a stranger to every other account (GEN-09)."""
    mallory = User(DISABLED.user_id.__class__(int=9), "mallory", "$argon2id$", enabled=True, epoch=3)
    door = Door(BOB, mallory)
    recognised = await door.enter("mallory")
    assert recognised is not None
    await door.besiege()
    assert await door.is_admitted(device=recognised.device, source="203.0.113.1") is None
    again = await door.enter("mallory", device=recognised.device)
    assert again is not None
    assert again.device == recognised.device


async def test_a_new_password_makes_strangers_of_nobody() -> None:
    """The owner who chose a new password because of an attack gets in, from the own browser and at home (GEN-09)."""
    door = Door(BOB)
    recognised = await door.enter()
    assert recognised is not None
    door.users.users[BOB.user_id] = replace(BOB, epoch=BOB.epoch + 1)
    await door.besiege()
    assert await door.is_admitted(source="203.0.113.1") is None
    assert await door.is_admitted()
    assert await door.is_admitted(device=recognised.device, source="203.0.113.1")


async def test_whoever_knew_the_former_password_guesses_no_faster_from_many_places() -> None:
    """Browsers and networks from before a new password share a limit, those from after it do not (GEN-09)."""
    door = Door(BOB)
    owner = await door.enter(source="203.0.113.1")
    thief = [await door.enter(source=f"192.0.2.{number}") for number in range(20)]
    door.users.users[BOB.user_id] = replace(BOB, epoch=BOB.epoch + 1)
    assert owner is not None
    assert await door.is_admitted(device=owner.device, source="203.0.113.1")
    before = len(door.passwords.asked)
    for number, each in enumerate(thief):
        assert each is not None
        for device in (each.device, ""):
            for _ in range(5):
                await door.is_admitted(password="wrong", device=device, source=f"192.0.2.{number}")
    assert len(door.passwords.asked) - before == 10
    assert await door.is_admitted(device=owner.device, source="203.0.113.9")
    assert await door.is_admitted(source="203.0.113.1")


async def test_a_network_does_not_tell_whose_it_is() -> None:
    """Guesses from where an account was signed in to count against guesses from elsewhere, as for nobody (UI-08)."""
    door = Door(BOB)
    await door.enter()
    guesses = {}
    for name in ("bob", "nobody"):
        here = [await door.is_admitted(name, "wrong") for _ in range(6)]
        guesses[name] = here + [await door.is_admitted(name, "wrong", source="192.0.2.200") for _ in range(6)]
    assert guesses["bob"] == guesses["nobody"] == [False] * 5 + [None] + [False] * 2 + [None] * 4


async def test_nothing_that_was_entered_is_shown_or_kept() -> None:
    """Neither password nor name nor cookie is in what is printed or kept to know a device by (GEN-11)."""
    door = Door(BOB)
    recognised = await door.enter(device=DEVICE)
    assert recognised is not None
    shown = repr((Credentials("bob's name", "secret", Place(DEVICE, SOURCE)), recognised, door.places.kept))
    assert not [word for word in ("bob's name", "secret", DEVICE, SOURCE.encode().hex()) if word in shown]
