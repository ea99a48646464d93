"""What there is to know of tokens, what was reported dead, and what nobody may say then."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tallystick.runtime.lease.view import POLICY, Subject

BRIEFLY = 0.1
"""How many seconds an expiry may be judged late, as clocks run differently fast."""

SOON = 1.5
"""After how many seconds what lives is called alive by everybody who can ask."""

NEVER = float("inf")


class Violation(Exception):
    """A promise was broken."""


@dataclass(slots=True, eq=False)
class Death:
    """The end of something, until it is enabled again; `reported_at` is when somebody was first told.

    It is `over` once that which died was enabled, or the database was restored.
    """

    subject: Subject
    reported_at: float | None = None
    over: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token, what its record says that it rests on, and what it rests on in truth."""

    name: str
    expires_at: float
    subjects: frozenset[Subject]
    rests_on: tuple[Subject, ...]


def tokens() -> tuple[Token, ...]:
    """Return the tokens that everything is about, and of the last one only when all is calm."""
    behind = {
        "g1": (("grant", "g1"), ("client", "c1"), ("user", "u1"), ("consent", "u1/c1")),
        "g2": (("grant", "g2"), ("client", "c1"), ("user", "u2"), ("consent", "u2/c1")),
        "g3": (("grant", "g3"), ("client", "c2"), ("user", "u2"), ("consent", "u2/c2")),
        "g4": (("grant", "g4"), ("client", "c3"), ("user", "u3"), ("consent", "u3/c3")),
    }
    # What a later version knows to end tokens by, and this one does not.
    later = {"g1": ("device", "d1"), "g2": ("device", "d1"), "g3": ("device", "d2"), "g4": ("device", "d3")}
    lives = {"t1": 60.0, "t2": 60.0, "t3": 60.0, "t4": 2.0, "t5": 3.5, "t6": 60.0, "t7": 60.0}
    grant_of = {"t1": "g1", "t2": "g2", "t3": "g3", "t4": "g1", "t5": "g2", "t6": "g3", "t7": "g4"}
    found: list[Token] = []
    for name, expires_at in lives.items():
        known = (("token", name), *behind[grant_of[name]], POLICY)
        found.append(Token(name, expires_at, frozenset(known), (*known, later[grant_of[name]])))
    return tuple(found)


@dataclass(slots=True)
class History:
    """Is told what happens, in the order in which it does, and raises `Violation`."""

    tokens: tuple[Token, ...] = field(default_factory=tokens)
    deaths: dict[Subject, Death] = field(default_factory=dict)
    alive_since: dict[str, float] = field(default_factory=dict)
    divided_until: float = 0.0

    def issued(self, token: Token, now: float) -> None:
        """There is a token."""
        self.alive_since[token.name] = NEVER
        self._look(token, now)

    def ended(self, death: Death, now: float) -> None:
        """Something has been ended; nobody was told yet."""
        self.deaths[death.subject] = death
        for token in self.tokens:
            self._look(token, now)

    def enabled(self, subject: Subject, now: float) -> None:
        """Something lives again."""
        death = self.deaths.pop(subject, None)
        if death is not None:
            death.over = True
            for token in self.tokens:
                self._look(token, now)

    def committed_alone(self, now: float) -> None:
        """A deposed server shows what its standby never heard of, so for a while some may take for dead what lives."""
        self.divided_until = now + SOON

    def reported(self, death: Death, now: float) -> None:
        """Somebody was told that something is dead."""
        if death.over:
            return
        if death.reported_at is None:
            death.reported_at = now
        # What only a server knew that was deposed is believed by whoever was told.
        self.deaths.setdefault(death.subject, death)

    def restored(self, deaths: Sequence[Death], issued: frozenset[str], now: float) -> None:
        """The database is as it was some time ago, and whatever was promised is void."""
        for death in self.deaths.values():
            death.over = True
        self.deaths = {death.subject: death for death in deaths}
        self.alive_since = dict.fromkeys(sorted(issued), NEVER)
        for token in self.tokens:
            self._look(token, now)

    def said_active(self, token: Token, *, asked_at: float, staleness: float, how: str) -> None:
        """A question that began at `asked_at` was answered: active."""
        if asked_at > token.expires_at + staleness + BRIEFLY:
            raise Violation(f"{how}: {token.name} had expired")
        for subject in token.rests_on:
            death = self.deaths.get(subject)
            if death is not None and death.reported_at is not None and death.reported_at < asked_at - staleness:
                late = asked_at - death.reported_at
                raise Violation(f"{how}: {token.name} is active {late:.3f} s after {subject} was reported dead")

    def said_inactive(self, token: Token, *, asked_at: float, how: str) -> None:
        """A question that began at `asked_at` was answered: inactive."""
        since = self.alive_since.get(token.name, NEVER)
        if max(since + SOON, self.divided_until) < asked_at < token.expires_at - 2 * SOON:
            raise Violation(f"{how}: {token.name} is called inactive, alive for {asked_at - since:.3f} s")

    def said_nothing(self, how: str) -> None:
        """A question was not answered although nothing was wrong."""
        raise Violation(f"{how}: no answer")

    def _look(self, token: Token, now: float) -> None:
        since = self.alive_since.get(token.name)
        if since is None:
            return
        if any(subject in self.deaths for subject in token.rests_on):
            self.alive_since[token.name] = NEVER
        elif since == NEVER:
            self.alive_since[token.name] = now
