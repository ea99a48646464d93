"""What a run tells the person who started it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

STEP_WIDTH = 34


class Progress:
    """Prints a line a step and a box at the end; on a terminal with colours and a sign of life, else plainly."""

    def __init__(self, output: TextIO) -> None:
        self._console = Console(file=output, highlight=False, soft_wrap=True, markup=False)

    @contextmanager
    def step(self, what: str, done: str = "") -> Iterator[None]:
        """Show that something is being done, and how long it took; a failure is told by whoever catches it."""
        began = time.monotonic()
        with self._console.status(Text(f"{what} …")):
            yield
        took = f"{time.monotonic() - began:5.1f} s"
        self._console.print(Text.assemble(("✓ ", "green"), (done or what).ljust(STEP_WIDTH), (took, "dim")))

    def abandon(self) -> None:
        """Leave the terminal as it was found, in the middle of a step."""
        self._console.show_cursor()

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(Text(line))

    def box(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Print names and what they stand for, in one box."""
        if not self._console.is_terminal:
            self.say("\n".join([f"\n{title}", *(f"  {name.ljust(10)}  {text}" for name, text in rows)]))
            return
        table = Table.grid(padding=(0, 2))
        for name, text in rows:
            table.add_row(Text(name, "dim"), Text(text))
        self._console.print()
        self._console.print(Panel.fit(table, title=Text(title, "bold green"), title_align="left", padding=(1, 2)))
