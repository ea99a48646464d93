"""The environment of the programs that tests start: nothing of the developer's settings leaks in."""

import os
from collections.abc import Mapping
from pathlib import Path

from tallystick.runtime.settings import PREFIX

ROOT = Path(__file__).parents[2]
"""The checkout, from which the services run."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def program_environment(settings: Mapping[str, object] | None = None) -> dict[str, str]:
    """Return an environment with these settings, named without `TALLYSTICK_`, and no others; None leaves one out."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    given = {PREFIX + name: str(value) for name, value in (settings or {}).items() if value is not None}
    return {**inherited, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **given}
