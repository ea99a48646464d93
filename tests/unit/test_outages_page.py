"""docs/outages.md says of every service what it does without every other and without each store, and who shows it."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "outages.md"
FAIL_OVERS = PAGE.with_name("high-availability.md")
SERVICES = ("authorize", "token", "introspect")
STORES = ("Postgres", "Redis")
TEST = re.compile(r"\[`(test_\w+)`\]\(([^)]+)\)")
SELF = "-"


def cells() -> dict[tuple[str, str], str]:
    """Return the cells of the table, by what is away and by service."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text().splitlines()
        if line[:1] == "|"
    ]
    heading, _, *body = rows
    return {(row[0], service): cell for row in body for service, cell in zip(heading[1:], row[1:], strict=True)}


def test_every_outage_has_its_cell() -> None:
    """The table has every service without every neighbour and store, and nothing else (GRPC-08)."""
    assert cells().keys() == {(away, service) for away in (*STORES, *SERVICES) for service in SERVICES}


def test_every_cell_is_one_sentence_and_names_tests() -> None:
    """A cell says in one sentence what is still done, and nobody is without himself."""
    for (away, service), cell in cells().items():
        if away == service:
            assert cell == SELF
            continue
        sentence, *_ = TEST.split(cell)
        assert re.fullmatch(r"[A-Z][^.]+\.", sentence.strip()), f"{service} without {away}: {cell}"
        assert TEST.findall(cell), f"{service} without {away} names no test"


@pytest.mark.parametrize("page", [PAGE, FAIL_OVERS], ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    """What a page names can be found and run."""
    missing = [
        f"{name} in {path}"
        for name, path in TEST.findall(page.read_text())
        if not re.search(rf"^(async )?def {name}\(", (page.parent / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
