"""docs/high-availability.md says of every fail-over what may be lost, and who shows it."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "high-availability.md"
TEST = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
UNSHOWN = {"as above", "What the standby had."}
"""Cells that say nothing of their own."""


def rows() -> list[list[str]]:
    """Return the rows of the table of losses, without its heading."""
    table = PAGE.read_text().partition("## What may be lost\n\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_cell_names_tests() -> None:
    """How long, what is lost and what never is: each cell says who shows it."""
    assert len(rows()) >= 5
    unshown = {cell for _, *cells in rows() for cell in cells if not TEST.search(cell)}
    assert unshown == UNSHOWN


def test_every_test_that_is_named_exists() -> None:
    """What the page names can be found and run."""
    missing = [
        f"{name} in {path}"
        for name, path in TEST.findall(PAGE.read_text())
        if not re.search(rf"^(async )?def {name}\(", (PAGE.parent / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
