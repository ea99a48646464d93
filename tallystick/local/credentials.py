"""The key files and the services' own credentials of a run, made once."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from tallystick.oauth2.opaque_token import RANDOM_BYTES, CredentialType, new_credential
from tallystick.runtime.callers import caller_line
from tallystick.runtime.keys import KEY_BYTES, key_line
from tallystick.runtime.private_files import make_private_folder, write_private

SERVICES = ("authorize", "token", "introspect")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the files lie; `runtime.keys` and `runtime.callers` say what is in them."""

    folder: Path

    @property
    def refresh_key(self) -> Path:
        """The key of refresh tokens."""
        return self.folder / "refresh-key"

    @property
    def service_callers(self) -> Path:
        """The digests of the services' credentials."""
        return self.folder / "service-callers"

    def service_token(self, service: str) -> Path:
        """A service's own credential."""
        return self.folder / f"{service}-credential"

    def ensure(self) -> None:
        """Make what is missing; what is there stays, as tokens that are out depend on it."""
        make_private_folder(self.folder)
        if not self.refresh_key.exists():
            write_private(self.refresh_key, key_line("k1", secrets.token_bytes(KEY_BYTES)))
        for service in SERVICES:
            if not self.service_token(service).exists():
                credential = new_credential(CredentialType.SERVICE, secrets.token_bytes(RANDOM_BYTES))
                write_private(self.service_token(service), f"{credential}\n")
        lines = (caller_line(name, self.service_token(name).read_text().strip()) for name in SERVICES)
        write_private(self.service_callers, "".join(lines))
