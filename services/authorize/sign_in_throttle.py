"""How often passwords may be tried (RFC 6749 §10.10): counted by account and source, by source, and by account.

An attempt is counted before its password is verified and taken back when it was right, so guesses in parallel get no
further than others. Beyond a limit the right password is refused like a wrong one. Accounts that do not exist are
counted like those that do.

Strangers cannot lock out an account's owner: attempts from a browser that has signed in to the account are counted by
themselves alone, and those from a network that has are counted with the account's others and not held up by them. Both
hold after a new password too; but browsers and networks that have not signed in since then share a limit, as whoever
knew the password before may have any number of them.

What this does not prevent: a user who has never signed in anywhere is known nowhere, so attempts from two addresses can
make that user wait, for as long as they go on. Whoever knew the former password can do the same to an owner who has not
signed in since it was changed. And whoever is in a network from which an account was signed in to can find out that it
was, from not being held up there.

All of it is counted in Redis, without which nobody can sign in anyway.
"""

from dataclasses import dataclass

from services.authorize.model import UNLIMITED, AttemptCounter, Familiarity, Place
from services.authorize.ports import AttemptCounts
from tallystick.oauth2.opaque_token import digest

WINDOW_SECONDS = 300
"""How long a counter lives, from its first attempt on: nobody waits longer."""

_PER_ACCOUNT_AND_SOURCE = 5
_PER_DEVICE = 5
# At most 91 in any hour: OWASP ASVS 2.2.1 wants no more than 100 for one account.
_PER_ACCOUNT = 7
_PER_ACCOUNT_FROM_FORMER_PLACES = 10


class TooManyAttempts(Exception):
    """A password is not even looked at for so many seconds; `counter` says what was counted, for the audit."""

    def __init__(self, counter: str, *, wait_seconds: int) -> None:
        super().__init__(counter)
        self.counter = counter
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has been counted."""

    counters: tuple[AttemptCounter, ...]


class SignInThrottle:
    """Counts attempts. Everything raises `Unavailable` when they cannot be counted."""

    def __init__(self, counts: AttemptCounts, *, failures_per_source: int) -> None:
        self._counts = counts
        self._failures_per_source = failures_per_source

    async def begin(self, username: str, place: Place, familiarity: Familiarity) -> Attempt:
        """Count an attempt before it is judged; raise `TooManyAttempts` when it may not be.

        All networks whose address is not known count as one.
        """
        counters = self._counters(username, place, familiarity)
        exhausted = await self._counts.add(counters, seconds=WINDOW_SECONDS)
        if exhausted is not None:
            raise TooManyAttempts(exhausted.counter.name, wait_seconds=exhausted.wait_seconds)
        return Attempt(counters)

    async def take_back(self, attempt: Attempt) -> None:
        """Count an attempt no more, since its password was right or nobody looked at it."""
        await self._counts.take_back(attempt.counters)

    def _counters(self, username: str, place: Place, familiarity: Familiarity) -> tuple[AttemptCounter, ...]:
        if familiarity.device:
            counters = [_counter("account and device", _PER_DEVICE, username, place.device)]
        else:
            counters = [
                _counter("account and source", _PER_ACCOUNT_AND_SOURCE, username, place.network),
                _counter("source", self._failures_per_source, place.network),
                _counter("account", UNLIMITED if familiarity.network else _PER_ACCOUNT, username),
            ]
        if familiarity.former:
            counters.append(_counter("account and former places", _PER_ACCOUNT_FROM_FORMER_PLACES, username))
        return tuple(counters)


def _counter(name: str, limit: int, *counted: str) -> AttemptCounter:
    # A digest, as people type their password where the name belongs. No form has a NUL.
    return AttemptCounter(name, digest("\0".join((name, *counted))), limit)
