"""How recent an answer must be."""

from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from tallystick.introspect.v1 import introspection_pb2

STALEST_SECONDS = 60.0
"""The most staleness that introspection lets anybody accept."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """A caller's wish. `read_again` wants a read of its own; `staleness` accepts, in seconds, what was true before."""

    read_again: bool = False
    staleness: float = 0.0


LEASED = Freshness()
"""Nothing that was over when the question was asked is called live. What everybody gets who wishes for nothing else."""

READ_AGAIN = Freshness(read_again=True)
"""The same, and the answer is read from the database for this very question."""


def accept_staleness(seconds: float) -> Freshness:
    """Accept what was true at most `seconds` ago, even where nobody hears of revocations now.

    Raise `ValueError` unless that is more than 0 and at most 60.
    """
    if not 0 < seconds <= STALEST_SECONDS:
        raise ValueError(f"accept more than 0 and at most {STALEST_SECONDS:.0f} seconds of staleness")
    return Freshness(staleness=seconds)


def to_message(freshness: Freshness) -> introspection_pb2.Freshness | None:
    """Return the wish as a message; None for the default."""
    if freshness.read_again:
        return introspection_pb2.Freshness(read_again=True)
    if freshness.staleness:
        accepted = Duration()
        accepted.FromTimedelta(timedelta(seconds=freshness.staleness))
        return introspection_pb2.Freshness(accept_staleness=accepted)
    return None


def seconds_of(duration: Duration) -> float:
    """Return a duration in seconds; never less than 0."""
    return max(0.0, duration.seconds + duration.nanos / 1e9)
