"""Where a run finds its programs, and how a program's end is told."""

import sys
from pathlib import Path

import pytest

from tallystick.local.checkout import MARKS, find_checkout
from tallystick.local.children import Child, Program
from tallystick.local.errors import LocalServerError


def test_a_checkout_is_found_from_below(tmp_path: Path) -> None:
    """The nearest folder with the services and the demo is the checkout; a folder with one of them is not."""
    for mark in MARKS:
        (tmp_path / mark).mkdir(parents=True)
    below = tmp_path / "docs" / "decisions"
    below.mkdir(parents=True)
    (below / MARKS[0]).mkdir(parents=True)
    assert find_checkout(below) == tmp_path


def test_elsewhere_is_no_checkout(tmp_path: Path) -> None:
    """Where there is none, the folder is named with what to look for."""
    with pytest.raises(LocalServerError, match="go to the folder that holds services/"):
        find_checkout(tmp_path)


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("import sys; print('{}'); sys.exit('program: the reason')", "ended with status 1: program: the reason (see"),
        ("print('program: was started'); print('{}')", "ended with status 0 (see"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL (see"),
        ("", "ended with status 0 (see"),
    ],
)
def test_an_end_is_one_line(code: str, end: str, tmp_path: Path) -> None:
    """How a program ended, and what it last said to people, is told in one line; its log before stays beside."""
    (tmp_path / "program.py").write_text(code)
    (tmp_path / "program.log").write_text("before\n")
    program = Program("program", "program", (1,))
    child = Child(program, checkout=tmp_path, logs=tmp_path, environment={"PATH": str(Path(sys.executable).parent)})
    assert not child.is_ready()
    child.wait()
    assert child.obituary() == f"program {end} {tmp_path}/program.log)"
    assert (tmp_path / "program.log.1").read_text() == "before\n"
    child.stop()
