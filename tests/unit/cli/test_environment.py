"""Settings that `tallystick up` left behind, and values from files."""

from pathlib import Path

import click
import pytest

from tallystick.cli.environment import parse_environment
from tallystick.cli.operator_credential import read_operator_credential
from tallystick.cli.options import read_bytes, read_secret, values
from tallystick.cli.usage import CommandFailed
from tallystick.oauth2.opaque_token import CredentialType, new_credential

CREDENTIAL = new_credential(CredentialType.OPERATOR, bytes(32))


def test_only_our_own_settings_are_read() -> None:
    """A line is a name and a value, which may hold anything; what is not ours is left out."""
    text = "TALLYSTICK_REDIS_URL=redis://:a=b@h/0\n\n# words\nPATH=/evil\nTALLYSTICK_X\nTALLYSTICK_EMPTY=\n"
    assert parse_environment(text) == {"TALLYSTICK_REDIS_URL": "redis://:a=b@h/0", "TALLYSTICK_EMPTY": ""}


@pytest.mark.parametrize(("content", "secret"), [("s e c", "s e c"), ("secret\n", "secret"), ("secret\r\n", "secret")])
def test_a_secret_is_a_file_without_its_line_break(tmp_path: Path, content: str, secret: str) -> None:
    """An editor's line break at the end is no part of the secret, a space is."""
    file = tmp_path / "secret"
    file.write_bytes(content.encode())
    assert read_secret(str(file)) == secret


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * (1024 * 1024 + 1)])
def test_a_file_without_a_usable_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, one that is no text, and one far too long are the caller's mistake."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(click.UsageError):
        read_secret(str(file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(click.UsageError, match="nothing-here"):
        read_bytes(str(tmp_path / "nothing-here"))


def test_one_empty_value_stands_for_none() -> None:
    """An option given once and empty takes all values away; among others an empty one is a mistake for the server."""
    assert values(("",)) == ()
    assert values(("", "a")) == ("", "a")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_credential_is_read(tmp_path: Path, mode: int) -> None:
    """Only its owner can read the file, and the line break at its end does not matter."""
    file = tmp_path / "admin-token"
    file.write_text(f"{CREDENTIAL}\n")
    file.chmod(mode)
    assert read_operator_credential(file) == CREDENTIAL


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_credential_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that others can read or write is not used, and the message says how to close it."""
    file = tmp_path / "admin-token"
    file.write_text(CREDENTIAL)
    file.chmod(mode)
    with pytest.raises(CommandFailed, match="chmod 600"):
        read_operator_credential(file)


@pytest.mark.parametrize("content", ["", "tso_x", CREDENTIAL[:-1], new_credential(CredentialType.SERVICE, bytes(32))])
def test_something_else_is_no_credential(tmp_path: Path, content: str) -> None:
    """A file without an operator's credential is refused, and what it holds is not shown."""
    file = tmp_path / "admin-token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(CommandFailed) as caught:
        read_operator_credential(file)
    assert not content or content not in caught.value.format_message()
