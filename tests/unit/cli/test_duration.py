"""Durations on the command line (`tallystick.cli.duration`)."""

import click
import pytest

from tallystick.cli.duration import Milliseconds


@pytest.mark.parametrize(("written", "milliseconds"), [("0", 0), ("0s", 0), ("500ms", 500), ("1s", 1000), ("5s", 5000)])
def test_a_duration_has_a_unit(written: str, milliseconds: int) -> None:
    """Milliseconds and seconds are known, and 0 needs no unit."""
    assert Milliseconds(5000).convert(written, None, None) == milliseconds


@pytest.mark.parametrize(
    "written", ["", "5", "1.5s", "-1s", "1m", "1 s", "1s ", "ms", "1S", "\u0661s", "9999999999ms", "5001ms", "6s"]
)
def test_anything_else_is_refused(written: str) -> None:
    """What could be meant otherwise, or is too long, is no duration."""
    with pytest.raises(click.BadParameter):
        Milliseconds(5000).convert(written, None, None)
