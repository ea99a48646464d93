"""The credential by which an operator is known, from a file that nobody else can read."""

import os
from pathlib import Path

from tallystick.cli.environment import PREFIX, left_behind
from tallystick.cli.usage import CommandFailed
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.runtime.private_files import PrivateFileError, read_private

_VARIABLE = f"{PREFIX}ADMIN_TOKEN_FILE"
_FILE = "admin-token"


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
    try:
        credential = read_private(path).strip()
    except PrivateFileError as error:
        raise CommandFailed(f"{error}: or name another --admin-token-file") from None
    if not is_credential(CredentialType.OPERATOR, credential):
        raise CommandFailed(f"{path} does not hold an operator's credential (tso_…): name another --admin-token-file")
    return credential


def _from_environment() -> Path | None:
    name = os.environ.get(_VARIABLE)
    return Path(name) if name else None
