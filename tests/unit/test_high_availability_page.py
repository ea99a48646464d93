"""docs/high-availability.md says of every fail-over what may be lost, and who shows it."""

from tests.unit.test_outages_page import FAIL_OVERS, TEST

UNSHOWN = {"as above", "What the standby had."}
"""Cells that say nothing of their own."""


def rows() -> list[list[str]]:
    """Return the rows of the table of losses, without its heading."""
    table = FAIL_OVERS.read_text().partition("## What may be lost\n\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_cell_names_tests() -> None:
    """How long, what is lost and what never is: each cell says who shows it."""
    assert len(rows()) >= 5
    unshown = {cell for _, *cells in rows() for cell in cells if not TEST.search(cell)}
    assert unshown == UNSHOWN
