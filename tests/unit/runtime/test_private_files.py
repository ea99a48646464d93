"""Files of a run that nobody else can read."""

import stat
from pathlib import Path

from tallystick.local.credentials import SERVICES, Credentials
from tallystick.runtime.callers import CallerKind, ServiceCredentials, read_service_credential
from tallystick.runtime.keys import read_key_ring
from tallystick.runtime.private_files import make_private_folder, write_private


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_private_whatever_was_there(tmp_path: Path) -> None:
    """A file that others could read is replaced by one that they cannot, and so is a remnant of an attempt."""
    file, remnant = tmp_path / "secret", tmp_path / "secret.new"
    for each in (file, remnant):
        each.write_text("old and much longer")
        each.chmod(0o644)
    write_private(file, "new")
    assert file.read_text() == "new"
    assert mode(file) == 0o600
    assert not remnant.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in the place of a file is replaced; what it led to stays."""
    (tmp_path / "theirs").write_text("theirs")
    for name in ("secret", "secret.new"):
        (tmp_path / name).symlink_to(tmp_path / "theirs")
    write_private(tmp_path / "secret", "ours")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert not (tmp_path / "secret").is_symlink()


def test_a_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    """A new folder is private; one that exists is left alone."""
    assert mode(make_private_folder(tmp_path / "new")) == 0o700
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)
    assert mode(make_private_folder(tmp_path / "old")) == 0o755


def test_credentials_are_what_the_services_read(tmp_path: Path) -> None:
    """The services' own readers accept the files, each credential is its own service's, and all are private."""
    credentials = Credentials(tmp_path / "keys")
    credentials.ensure()
    assert read_key_ring("REFRESH_KEY_FILE", credentials.refresh_key).current.key_id == "k1"
    callers = ServiceCredentials.read("SERVICE_CALLERS_FILE", credentials.service_callers)
    for service in SERVICES:
        own = read_service_credential("SERVICE_TOKEN_FILE", credentials.service_token(service))
        caller = callers.identify(own)
        assert caller is not None
        assert caller.kind is CallerKind(service)
    assert {mode(file) for file in credentials.folder.iterdir()} == {0o600}


def test_credentials_are_made_once(tmp_path: Path) -> None:
    """What is there stays; what is missing is made, and its digest is known at once."""
    credentials = Credentials(tmp_path)
    credentials.ensure()
    before = {file.name: file.read_text() for file in tmp_path.iterdir()}
    credentials.ensure()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == before
    credentials.service_token("token").unlink()
    credentials.ensure()
    after = {file.name: file.read_text() for file in tmp_path.iterdir()}
    changed = {name for name, text in after.items() if text != before[name]}
    assert changed == {"token-credential", "service-callers"}
