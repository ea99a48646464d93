"""Options that several verbs have, and values that several options take."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from tallystick.cli.connection import Operator
from tallystick.cli.output import Printer

_MOST_BYTES = 1024 * 1024

P = ParamSpec("P")
R = TypeVar("R")


def for_operators(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command `--json` and `--admin-token-file`, and hand it an `Operator` and a `Printer` as its first two."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @click.option(
        "--admin-token-file",
        type=click.Path(path_type=Path),
        help="The file with the operator's credential.  [default: .tallystick/admin-token]",
    )
    @wraps(command)
    def with_operator(*, as_json: bool, admin_token_file: Path | None, **arguments: Any) -> R:
        return command(Operator(admin_token_file), Printer(as_json=as_json), **arguments)

    return with_operator


class NumberOr(click.ParamType[int | str]):
    """A number from some lowest one up, or a word that stands for there being none."""

    def __init__(self, lowest: int, word: str) -> None:
        self.name = f"number|{word}"
        self._lowest = lowest
        self._word = word

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return the number, or the word; fail for anything else."""
        if value == self._word or isinstance(value, int):
            chosen: int | str = value
            return chosen
        try:
            number = int(value)
        except ValueError:
            number = self._lowest - 1
        if not self._lowest <= number < 2**31:
            self.fail(f"{value!r} is neither a number from {self._lowest} up nor {self._word}", param, ctx)
        return number


def read_secret(file: str) -> str:
    """Return the text of a file, `-` for standard input, without the line break at its end; raise a usage error.

    So a secret stands in no list of processes and in no history of a shell.
    """
    text = read_bytes(file).decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
    if not text or "\ufffd" in text:
        raise click.UsageError(f"{_named(file)} must hold one line of text in UTF-8")
    return text


def read_bytes(file: str) -> bytes:
    """Return what is in a file, `-` for standard input; raise a usage error when it cannot be read or is too long."""
    try:
        if file == "-":
            content = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from None
    if len(content) > _MOST_BYTES:
        raise click.UsageError(f"{_named(file)} is longer than {_MOST_BYTES} bytes")
    return content


def _named(file: str) -> str:
    return "standard input" if file == "-" else file


def values(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of an option that may repeat; a single empty one stands for none at all."""
    return () if given == ("",) else given
