"""What a deployment keeps secret, as files: a folder for each service, which nobody else needs."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from tallystick.oauth2.opaque_token import RANDOM_BYTES, CredentialType, base64url, new_credential
from tallystick.runtime.callers import caller_line
from tallystick.runtime.keys import KEY_BYTES, key_line
from tallystick.runtime.private_files import make_private_folder, write_private

# Which file holds the connection URL of which role.
_ROLES = {
    "authorize/postgres-dsn": "tallystick_authorize",
    "token/postgres-dsn": "tallystick_token",
    "token/partition-dsn": "tallystick_partitions",
    "introspect/postgres-dsn": "tallystick_introspect",
}
_REFRESH_KEY = "token/refresh-key"
_SERVICE_TOKEN = "token/service-token"
_SERVICE_CALLERS = "authorize/service-callers"
# The first operator's, which `tallystick migrate --operator-file` makes known to the database.
_ADMIN_TOKEN = "operator/admin-token"
_CREDENTIALS = {_SERVICE_TOKEN: CredentialType.SERVICE, _ADMIN_TOKEN: CredentialType.OPERATOR}


class NoDatabase(ValueError):
    """A text is no URL of a database without credentials; it says what to write instead."""


@dataclass(frozen=True, slots=True)
class DeploymentSecrets:
    """Makes the files. `database` is where the services find Postgres: `postgresql://host:5432/name?sslmode=…`."""

    folder: Path
    database: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.database)
        if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or parts.path in {"", "/"}:
            raise NoDatabase("must read like postgresql://host:5432/database")
        if "@" in parts.netloc:
            raise NoDatabase("must hold neither user nor password: each service is given its own")

    def ensure(self) -> list[str]:
        """Make what is missing and return its names; what is there stays, as tokens that are out depend on it."""
        missing = [name for name in (*_ROLES, *_CREDENTIALS, _REFRESH_KEY) if not (self.folder / name).exists()]
        for name in missing:
            self._write(name, self._new(name))
        # A credential that was replaced stays known, for as long as replicas show it.
        caller = caller_line("token", (self.folder / _SERVICE_TOKEN).read_text("utf-8").strip())
        path = self.folder / _SERVICE_CALLERS
        known = path.read_text("utf-8") if path.exists() else ""
        if caller not in known.splitlines(keepends=True):
            self._write(_SERVICE_CALLERS, caller + known)
            missing.append(_SERVICE_CALLERS)
        return sorted(missing)

    def _new(self, name: str) -> str:
        if name == _REFRESH_KEY:
            return key_line("k1", secrets.token_bytes(KEY_BYTES))
        if name in _CREDENTIALS:
            return f"{new_credential(_CREDENTIALS[name], secrets.token_bytes(RANDOM_BYTES))}\n"
        password = base64url(secrets.token_bytes(RANDOM_BYTES))
        parts = urlsplit(self.database)
        return f"{parts._replace(netloc=f'{_ROLES[name]}:{quote(password)}@{parts.netloc}').geturl()}\n"

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        make_private_folder(path.parent)
        write_private(path, text)
