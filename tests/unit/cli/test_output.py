"""What is printed for people and for scripts."""

import json

import pytest

from tallystick.cli.escape import escaped
from tallystick.cli.output import Printer, as_json, cell, flattened, plain_table
from tallystick.cli.record import Value

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n\u202egnp.exe\u2066\u200b\x7f\x9b31m\U000e0041\ue000"


def test_nothing_that_a_terminal_obeys_gets_out() -> None:
    """Control, invisible and bidirectional characters are shown by their numbers."""
    shown = escaped(HOSTILE)
    assert shown.startswith("\\x1b]0;owned\\x07\\x1b[2J\\x0d\\x0a\\u202egnp.exe\\u2066\\u200b\\x7f\\x9b31m\\U000e0041")
    assert shown.isprintable()
    assert escaped("Ünïcode 写真 ✂ 'quoted' \\ <b>") == "Ünïcode 写真 ✂ 'quoted' \\ <b>"


def test_json_is_one_line_of_plain_ascii() -> None:
    """Every control character is escaped in JSON too, DEL included, and reads back as it was."""
    text = as_json({"name": HOSTILE})
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"name": HOSTILE}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (b"", "-"),
        (b"\x89PNG", "4 bytes"),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (600, "600"),
        ("a\nb", "a\\x0ab"),
        (["a", "b\x1b"], "a, b\\x1b"),
        ({"resource": "https://photos.example", "service": "POST /a/b"}, "https://photos.example#POST /a/b"),
        ({"resource": "r\x1b", "service": "s"}, "r\\x1b#s"),
        ({"title": "T", "logo": b""}, "title=T, logo=-"),
    ],
)
def test_a_value_has_a_form_for_people(value: Value, expected: str) -> None:
    """Nothing is a dash, yes and no are words, and a cover is written as it is given."""
    assert cell(value) == expected


def test_a_record_is_a_list_of_names_and_lines() -> None:
    """Lists take a line for each value and nested records a name with a dot."""
    record: dict[str, Value] = {"name": "x", "scopes": ["a", "b"], "none": [], "branding": {"title": "T"}}
    assert flattened(record) == [
        ("name", ["x"]),
        ("scopes", ["a", "b"]),
        ("none", ["-"]),
        ("branding.title", ["T"]),
    ]


def test_a_plain_table_cuts_nothing_off() -> None:
    """Columns are as wide as their widest cell, whatever the terminal, and lines end where their text ends."""
    wide = "x" * 300
    assert plain_table(("id", "name"), [(wide, "a"), ("1", "b")]) == f"id{' ' * 298}  name\n{wide}  a\n1{' ' * 299}  b"
    assert plain_table((), [("scopes", "a\nb"), ("name", "n")]) == "scopes  a\n        b\nname    n"


def test_scripts_get_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """A record, a list and a deletion are one JSON object each, without a word beside it."""
    printer = Printer(as_json=True)
    printer.record({"client_id": "c"})
    printer.records("clients", [{"client_id": "c"}], ("client_id",))
    printer.records("clients", [], ("client_id",))
    printer.done("deleted", "client_id", "c")
    printer.note("for people")
    output = capsys.readouterr()
    assert [json.loads(line) for line in output.out.splitlines()] == [
        {"client_id": "c"},
        {"clients": [{"client_id": "c"}]},
        {"clients": []},
        {"client_id": "c"},
    ]
    assert output.err == ""


def test_people_get_tables_and_notes(capsys: pytest.CaptureFixture[str]) -> None:
    """Some columns of a list, all of a record, and on standard error what is not part of the answer."""
    printer = Printer(as_json=False)
    printer.records("clients", [{"client_id": "c", "epoch": 3}], ("client_id",))
    printer.records("clients", [], ("client_id",))
    printer.done("deleted", "client_id", "c\x1b")
    output = capsys.readouterr()
    assert output.out == "client_id\nc\ndeleted c\\x1b\n"
    assert output.err == "there are no clients\n"
