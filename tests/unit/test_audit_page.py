"""docs/audit.md tells of every kind of event, and of no other."""

import re
from pathlib import Path

from tallystick.runtime.audit_event import EventKind

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
ROW = re.compile(r"^\| `([a-z_]+)` \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)


def test_the_page_has_every_kind_of_event_once() -> None:
    """Whoever adds a kind of event says in the page when it is written (OPS-04)."""
    _, _, tables = PAGE.read_text().partition("## Kinds of events")
    told = [name for name, when, _ in ROW.findall(tables) if when.strip()]
    assert sorted(told) == sorted(EventKind)
