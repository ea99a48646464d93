import os
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

from tallystick.runtime.keys import read_key_ring
from tallystick.runtime.settings import SettingsError

LINES = [f"{name}:{urlsafe_b64encode(bytes([n] * 32)).decode().rstrip('=')}" for n, name in enumerate(("k2", "k1"), 1)]


def key_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "keys"
    file.write_text(text)
    file.chmod(mode)
    return file


def test_the_first_key_is_current_and_the_others_verify(tmp_path: Path) -> None:
    """A new key is put first, and what the old one made is still known."""
    ring = read_key_ring("K", key_file(tmp_path, "\n".join(LINES) + "\n\n"))
    assert ring.current.key_id == "k2"
    assert ring.by_id["k1"].octets == b"\x02" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        "k1",
        "k1:",
        LINES[0][:-1],
        LINES[0] + "A",
        LINES[0].replace("k2", "k 2"),
        LINES[0].replace("k2", "k" * 17),
        LINES[0] + "\n" + LINES[0],
        LINES[0] + "\nrubbish",
    ],
)
def test_files_that_hold_no_proper_keys(tmp_path: Path, text: str) -> None:
    """A key that is short, malformed or repeated stops the start, and the error holds none of it."""
    with pytest.raises(SettingsError) as refusal:
        read_key_ring("TALLYSTICK_K_FILE", key_file(tmp_path, text))
    assert "TALLYSTICK_K_FILE" in str(refusal.value)
    assert "AQEB" not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o644, 0o620])
def test_files_open_to_others(tmp_path: Path, mode: int) -> None:
    """A key file that others can read or write stops the start."""
    with pytest.raises(SettingsError, match="by others"):
        read_key_ring("K", key_file(tmp_path, LINES[0], mode))


def test_a_group_may_read_what_root_owns(tmp_path: Path) -> None:
    """Kubernetes mounts Secrets readable by a group, owned by root; anybody else's file must be private."""
    file = key_file(tmp_path, LINES[0], 0o640)
    if os.geteuid() == 0:
        assert read_key_ring("K", file).current.key_id == "k2"
        os.chown(file, 65532, -1)
    with pytest.raises(SettingsError, match="by others"):
        read_key_ring("K", file)


def test_a_missing_file(tmp_path: Path) -> None:
    """A key file that is not there stops the start."""
    with pytest.raises(SettingsError, match="cannot read"):
        read_key_ring("K", tmp_path / "none")
