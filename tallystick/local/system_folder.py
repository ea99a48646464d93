"""A folder that only root can change and everybody can enter, for when the checkout cannot be entered."""

import stat
from pathlib import Path

from tallystick.local.errors import LocalServerError

PARENTS = (Path("/var/lib"), Path("/var/db"))
NAME = "tallystick-local"


def system_folder_path() -> Path:
    """Return where the folder lies, whether it exists or not."""
    parent = next((each for each in PARENTS if each.is_dir()), PARENTS[0])
    return parent / NAME


def make_system_folder(folder: Path) -> None:
    """Create the folder if needed, as root.

    Raises:
        LocalServerError: if something is there that another account could have made or could change.
    """
    try:
        folder.mkdir()
    except FileExistsError:
        pass
    else:
        folder.chmod(0o755)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or stat.S_IMODE(status.st_mode) & 0o022:
        raise LocalServerError(f"{folder} must be a folder of root's that nobody else can write: remove it")
