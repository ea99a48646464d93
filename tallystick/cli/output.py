"""What a command prints: one JSON object for scripts, records and tables for people.

Everything that comes from a server may have been written by somebody who wishes us ill, so no character gets out that a
terminal would obey or hide.
"""

import json
import sys
from base64 import b64encode
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tallystick.cli.escape import escaped
from tallystick.cli.record import Record, Value

_NOTHING = "-"

_UNBOUNDED = 100_000


class Printer:
    """Prints to standard output, and notes for people to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def record(self, record: Record) -> None:
        """Print one record."""
        if self._as_json:
            print(as_json(record))
        else:
            print_table((), [(name, "\n".join(lines)) for name, lines in flattened(record)])

    def records(self, name: str, records: Sequence[Record], columns: Sequence[str]) -> None:
        """Print a list: for scripts one object that holds it under its name, for people some columns of it."""
        if self._as_json:
            print(as_json({name: list(records)}))
        elif records:
            print_table(columns, [tuple(cell(record.get(column)) for column in columns) for record in records])
        else:
            self.note(f"there are no {name}")

    def record_with(
        self,
        record: Record,
        name: str,
        records: Sequence[Record],
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
    ) -> None:
        """Print a record and a list that belongs to it: for scripts one object, for people rows below the record."""
        if self._as_json:
            print(as_json({**record, name: list(records)}))
            return
        self.record(record)
        print()
        if rows:
            print_table(columns, rows)
        else:
            self.note(f"there are no {name}")

    def lines(self, name: str, records: Sequence[Record], lines: Sequence[str]) -> None:
        """Print a list: for scripts one object that holds it under its name, for people a line for each."""
        if self._as_json:
            print(as_json({name: list(records)}))
        elif records:
            print("\n".join(lines))
        else:
            self.note(f"there are no {name}")

    def explanation(self, record: Record, lines: Sequence[str]) -> None:
        """Print what led to something: for scripts one record, for people lines."""
        print(as_json(record) if self._as_json else "\n".join(lines))

    def one_of_many(self, record: Record, line: str) -> None:
        """Print what there is of a list without end, at once: for scripts one object in one line, for people a line."""
        print(as_json(record) if self._as_json else line, flush=True)

    def done(self, verb: str, key: str, value: str) -> None:
        """Say that something is done which leaves no record."""
        print(as_json({key: value}) if self._as_json else f"{verb} {escaped(value)}")

    def note(self, text: str) -> None:
        """Tell a person something beside the output; scripts are not told."""
        if not self._as_json:
            print(text, file=sys.stderr)


def as_json(value: Record) -> str:
    """Return one line of JSON in ASCII, with bytes in base64, in which DEL is escaped too, as JSON does not ask."""
    return json.dumps(value, default=lambda octets: b64encode(octets).decode("ascii")).replace("\x7f", "\\u007f")


def flattened(record: Record, prefix: str = "") -> list[tuple[str, list[str]]]:
    """Return a record as names, those of nested records joined by a dot, each with its lines of text."""
    found: list[tuple[str, list[str]]] = []
    for name, value in record.items():
        if isinstance(value, dict):
            found += flattened(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            found.append((prefix + name, [cell(item) for item in value] or [_NOTHING]))
        else:
            found.append((prefix + name, [cell(value)]))
    return found


def cell(value: Value) -> str:
    """Return a value for people, in one line."""
    match value:
        case None | "" | b"" | []:
            return _NOTHING
        case bool():
            return "yes" if value else "no"
        case bytes():
            return f"{len(value)} bytes"
        case list():
            return ", ".join(cell(item) for item in value)
        case {"resource": str(resource), "service": str(service)}:
            return escaped(f"{resource}#{service}")
        case dict():
            return ", ".join(f"{name}={cell(item)}" for name, item in value.items())
        case _:
            return escaped(str(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows, cells of several lines among them, below their columns if these have names."""
    if not sys.stdout.isatty():
        print(plain_table(columns, rows))
        return
    table = Table(box=box.SIMPLE_HEAD if columns else None, show_header=bool(columns), show_edge=False)
    for number, column in enumerate(columns or ("", "")):
        words = [word for row in rows for word in row[number].split()]
        # So that an identifier is never broken, and can be copied even where the terminal has to wrap.
        table.add_column(column, min_width=max((cell_len(word) for word in words), default=0))
    for row in rows:
        table.add_row(*(Text(text, style="bold" if not (columns or number) else "") for number, text in enumerate(row)))
    console = Console()
    needed = console.measure(table, options=console.options.update(max_width=_UNBOUNDED)).minimum
    Console(width=max(console.width, needed)).print(table)


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows as text in columns, as wide as they need to be, so that nothing is cut off."""
    lines = [list(columns)] if columns else []
    for row in rows:
        cells = [text.split("\n") for text in row]
        height = max(len(text) for text in cells)
        lines += [[text[number] if number < len(text) else "" for text in cells] for number in range(height)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
