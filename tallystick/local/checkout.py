"""The checkout that `tallystick up` runs: the services and the demo are not part of the installed distribution."""

from pathlib import Path

from tallystick.local.errors import LocalServerError

MARKS = ("services/authorize", "examples/photoprint")


def find_checkout(start: Path) -> Path:
    """Return the nearest folder, from `start` upwards, that holds the services and the demo.

    Raises:
        LocalServerError: if there is none.
    """
    for folder in (start, *start.parents):
        if all((folder / mark).is_dir() for mark in MARKS):
            return folder
    raise LocalServerError(f"{start} is not in a checkout of Tallystick: go to the folder that holds services/")
