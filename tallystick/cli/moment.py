"""Times as people give them: how long ago, or when."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGE = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Moment(click.ParamType[datetime]):
    """An age such as 30m, 1h or 2d, or an ISO 8601 time, which is UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment; fail for anything else."""
        if isinstance(value, datetime):
            return value
        try:
            return moment(value, now=datetime.now(UTC))
        except (ValueError, OverflowError):
            problem = f"{value!r} is neither an age such as 30m, 1h or 2d nor a time such as 2026-01-31T12:00:00Z"
            self.fail(problem, param, ctx)


def moment(text: str, *, now: datetime) -> datetime:
    """Return the moment that a text names; raise `ValueError` or `OverflowError` when it names none."""
    age = _AGE.fullmatch(text)
    if age is not None:
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    given = datetime.fromisoformat(text)
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
