"""What a check found."""

from dataclasses import dataclass
from enum import StrEnum

from tallystick.cli.record import Record


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it (empty for nothing)."""

    check: str
    outcome: Outcome
    message: str
    advice: str = ""

    def record(self) -> Record:
        """Return the finding as plain values."""
        return {
            "check": self.check,
            "outcome": self.outcome.value,
            "message": self.message,
            "advice": self.advice or None,
        }


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, Outcome.OK, message)


def warn(check: str, message: str, advice: str) -> Finding:
    """It works, and may not for long."""
    return Finding(check, Outcome.WARN, message, advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check, Outcome.FAIL, message, advice)


def skipped(check: str, why: str) -> Finding:
    """It was not looked at."""
    return Finding(check, Outcome.SKIPPED, why)
