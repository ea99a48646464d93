"""Where and how a run takes place."""

from dataclasses import dataclass
from pathlib import Path

from tallystick.local.credentials import Credentials
from tallystick.local.ports import Ports

USUAL_FOLDER = ".tallystick"
"""Where, in the checkout, a run keeps everything unless told otherwise."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The checkout, the folder for everything that a run keeps, its ports, and whether the demo is wanted."""

    checkout: Path
    data: Path
    ports: Ports
    demo: bool

    @property
    def credentials(self) -> Credentials:
        """The key files and the services' own credentials."""
        return Credentials(self.data / "keys")

    @property
    def admin_token(self) -> Path:
        """The operator's credential."""
        return self.data / "admin-token"

    @property
    def demo_file(self) -> Path:
        """What the demo has to remember."""
        return self.data / "demo.json"

    @property
    def environment_file(self) -> Path:
        """The settings by which other commands find the run."""
        return self.data / "environment"

    @property
    def logs(self) -> Path:
        """What the programs say."""
        return self.data / "logs"
