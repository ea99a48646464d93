"""The next version of the services: as they are, but for the adapters that know the new name of a column."""

import re
import shutil
from pathlib import Path

from tests.support.environment import ROOT

ADAPTERS = (
    "services/token/adapters/postgres_families.py",
    "services/token/adapters/postgres_grants.py",
    "services/introspect/adapters/postgres_records.py",
)
_OLD = re.compile(r"\brefresh_digest\b")
_NEW = "refresh_token_digest"


def next_version(folder: Path) -> Path:
    """Make a checkout of the next version in a folder, and return it."""
    for package in ("services", "tallystick"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ADAPTERS:
        file = folder / name
        text, changes = _OLD.subn(_NEW, file.read_text("utf-8"))
        assert changes, f"{name} does not know the column any more: choose another one for the test migrations"
        file.write_text(text, "utf-8")
    return folder
