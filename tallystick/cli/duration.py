"""Durations as people write them: `500ms`, `1s`."""

import re

import click

_WRITTEN = re.compile(r"(0)|([0-9]{1,9})(ms|s)")
_MILLISECONDS = {"ms": 1, "s": 1000}


class Milliseconds(click.ParamType[int]):
    """A duration in milliseconds, up to a longest one."""

    name = "duration"

    def __init__(self, longest: int) -> None:
        self._longest = longest

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return how many milliseconds a duration has; refuse anything else."""
        written = _WRITTEN.fullmatch(str(value))
        if written is None:
            self.fail(f"{value!r} is no duration: write 500ms, 1s, or 0", param, ctx)
        milliseconds = 0 if written[1] else int(written[2]) * _MILLISECONDS[written[3]]
        if milliseconds > self._longest:
            self.fail(f"{value} is too long: {self._longest} ms at the most", param, ctx)
        return milliseconds
