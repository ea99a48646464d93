"""Rules of this house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 350
SPEC = ROOT / "docs" / "spec.md"
DIVERGENCES = ROOT / "docs" / "divergences.md"
# How many lines each section of the checklist's first part has; the resource server's (RS) are to come.
CORE = {
    "GEN": 13,
    "META": 10,
    "AUTHZ": 18,
    "RESP": 8,
    "UI": 9,
    "CAUTH": 9,
    "TOK": 11,
    "PKCE": 7,
    "REFR": 10,
    "CC": 4,
    "INTR": 9,
    "REVO": 7,
}
ID = re.compile(r"\b[A-Z]{2,6}-[0-9]{2}\b")
TEST_FILE = re.compile(r"tests/[\w/]+\.py")
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")


def test_every_test_says_what_it_proves() -> None:
    """Every test function has a docstring of one sentence."""
    silent = [name for name, docstring in docstrings().items() if len(SENTENCE_END.findall(docstring)) != 1]
    unfinished = [name for name, docstring in docstrings().items() if not docstring.endswith((".", "!", "?"))]
    assert not silent + unfinished


def test_the_spec_names_tests_that_prove_it() -> None:
    """Every test file that a line of docs/spec.md names has a test whose docstring holds the line's id."""
    unproven = [
        f"{line} is not in {file}"
        for row in SPEC.read_text().splitlines()
        for line in ID.findall(row.partition("|")[2].partition("|")[0])
        for file in TEST_FILE.findall(row)
        if line not in ids_proven_in(ROOT / file)
    ]
    assert not unproven


def test_every_line_of_the_core_is_met_or_explained() -> None:
    """Each line of the checklist's core has a test in docs/spec.md, or stands in docs/divergences.md with a reason."""
    lines = {f"{group}-{number:02}" for group, count in CORE.items() for number in range(1, count + 1)}
    proven = {row.split(" | ")[0].strip("| ") for row in SPEC.read_text().splitlines() if TEST_FILE.search(row)}
    explained = set(ID.findall(DIVERGENCES.read_text()))
    assert lines - proven - explained == set()


def test_modules_have_one_subject() -> None:
    """No module of ours is longer than a reader can hold in mind, generated stubs aside."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for folder in ("tallystick", "services", "examples", "tests/support")
        for path in (ROOT / folder).rglob("*.py")
        if "_pb2" not in path.name
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_nothing_is_patched() -> None:
    """Tests hand substitutes in by constructor and patch nothing."""
    assert [place for path in python_files() for place in patches_in(path)] == []


def python_files() -> list[Path]:
    """Return every module under tests."""
    return [path for path in sorted((ROOT / "tests").rglob("*.py")) if "node_modules" not in path.parts]


@cache
def syntax_of(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(), path)


def functions_that_test(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the test functions of a module, those in classes too."""
    for node in ast.walk(syntax_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node


@cache
def docstrings() -> dict[str, str]:
    """Return the docstring of every test, empty where there is none."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": ast.get_docstring(node) or ""
        for path in python_files()
        if path.name.startswith("test_")
        for node in functions_that_test(path)
    }


@cache
def ids_proven_in(path: Path) -> frozenset[str]:
    """Return the checklist ids in the docstrings of a file's tests; none for a file that is not there."""
    if not path.exists():
        return frozenset()
    return frozenset(each for node in functions_that_test(path) for each in ID.findall(ast.get_docstring(node) or ""))


def patches_in(path: Path) -> Iterator[str]:
    """Return where a module imports a mock library or uses pytest's to replace attributes."""
    for node in ast.walk(syntax_of(path)):
        match node:
            case ast.Import(names=names) if any("mock" in name.name.split(".") for name in names):
                yield f"{path}:{node.lineno}"
            case ast.ImportFrom(module=module, names=names) if "mock" in (
                *(module or "").split("."),
                *(name.name for name in names),
            ):
                yield f"{path}:{node.lineno}"
            case ast.Attribute(value=ast.Name(id="monkeypatch"), attr="setattr" | "delattr" | "setitem"):
                yield f"{path}:{node.lineno}"
            case ast.arg(arg="mocker"):
                yield f"{path}:{node.lineno}"
