"""What the doctor makes of what it measured."""

import pytest

from tallystick.cli.checks.clocks import examine_clocks
from tallystick.cli.checks.finding import Outcome, fail, ok
from tallystick.cli.commands.doctor import line


@pytest.mark.parametrize(
    ("ahead", "outcome"),
    [
        ({}, Outcome.SKIPPED),
        ({"Postgres": None, "Redis": None}, Outcome.SKIPPED),
        ({"Postgres": 0.1, "Redis": None}, Outcome.OK),
        ({"Postgres": 1.9, "Redis": 1.9}, Outcome.OK),
        ({"Postgres": 2.1, "Redis": 0.0}, Outcome.FAIL),
        ({"Postgres": -2.1, "Redis": None}, Outcome.FAIL),
        ({"Postgres": 1.2, "Redis": -1.2}, Outcome.FAIL),
    ],
)
def test_clocks_may_be_two_seconds_apart(ahead: dict[str, float | None], outcome: Outcome) -> None:
    """Any two of the three clocks count, and nothing is said of those that nobody could ask."""
    assert examine_clocks(ahead).outcome is outcome


def test_a_finding_is_one_line_with_advice() -> None:
    """What is wrong and what to do about it stand together, without anything that a terminal would obey."""
    assert line(fail("redis", "cannot be asked\x1b", "start it")) == "cannot be asked\\x1b: start it"
    assert line(ok("redis", "Valkey 9.1")) == "Valkey 9.1"
    assert ok("redis", "Valkey 9.1").record() == {
        "check": "redis",
        "outcome": "ok",
        "message": "Valkey 9.1",
        "advice": None,
    }
