"""The credential by which an operator is known, from a file that nobody else can read."""

import os
import stat
from pathlib import Path

from tallystick.cli.environment import PREFIX, left_behind
from tallystick.cli.usage import CommandFailed
from tallystick.oauth2.opaque_token import CredentialType, is_credential

_VARIABLE = f"{PREFIX}ADMIN_TOKEN_FILE"
_FILE = "admin-token"
_OTHERS = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


def read_operator_credential(file: Path | None) -> str:
    """Return the credential in a file, or where the environment or `tallystick up` keep one.

    Raise `CommandFailed` when there is none, it is not one of an operator, or others can read it.
    """
    path = file or _from_environment() or left_behind(_FILE)
    if path is None:
        raise CommandFailed(
            "there is no operator's credential: start `tallystick up` here, or name the file that holds one with "
            f"--admin-token-file or {_VARIABLE}"
        )
    credential = read_private_text(path).strip()
    if not is_credential(CredentialType.OPERATOR, credential):
        raise CommandFailed(f"{path} does not hold an operator's credential (tso_…): name another --admin-token-file")
    return credential


def _from_environment() -> Path | None:
    name = os.environ.get(_VARIABLE)
    return Path(name) if name else None


def read_private_text(path: Path) -> str:
    """Return the text of a file; raise `CommandFailed` when it cannot be read, or others can read it."""
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"cannot read {path}: {reason}: name another --admin-token-file") from None
    # Kubernetes mounts Secrets as root's and lets a group read them.
    open_to_group = bool(status.st_mode & stat.S_IRGRP) and status.st_uid != 0
    if status.st_mode & _OTHERS or open_to_group:
        raise CommandFailed(f"{path} can be read by others: chmod 600 {path}")
    return text
