"""The first operator: the admin by whose credential all others are made.

The file may be there before the database knows of it, as when a Secret was prepared beforehand, or a run ended between
the two; then the operator is made of what the file holds.
"""

import secrets
from pathlib import Path
from typing import LiteralString

import psycopg

from tallystick.oauth2.opaque_token import RANDOM_BYTES, CredentialType, digest, is_credential, new_credential
from tallystick.runtime.private_files import PrivateFileError, read_private, write_private

NAME = "first"

_CONNECT_SECONDS = 10
_LOCK = 7453886202

# One after another, so that of several that start at once one makes the operator and the others find it.
TAKE_TURNS: LiteralString = "SELECT pg_advisory_xact_lock(%(lock)s)"

# Whether the operator of a credential works; no row when it is nobody's.
FIND_CREDENTIAL: LiteralString = """
SELECT revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS works
FROM operators WHERE digest = %(digest)s
"""

# The first operator, unless there was one before.
ADD_FIRST: LiteralString = """
INSERT INTO operators (name, digest, role) VALUES (%(name)s, %(digest)s, 'admin')
ON CONFLICT ON CONSTRAINT operators_pkey DO NOTHING RETURNING name
"""


class OperatorEnded(PrivateFileError):
    """The file holds the credential of an operator that was deleted or has expired."""


def ensure_first_operator(dsn: str, file: Path) -> bool:
    """See to it that a file holds the credential of a working operator; tell whether the operator was made just now.

    Raise `OperatorEnded` when that operator is no more, another `PrivateFileError` when the file holds something else,
    or the first operator was made before and the file is gone; `psycopg.Error` when the database refuses.
    """
    with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS) as connection:
        connection.execute(TAKE_TURNS, {"lock": _LOCK})
        kept = _kept(file)
        credential = kept or new_credential(CredentialType.OPERATOR, secrets.token_bytes(RANDOM_BYTES))
        known = connection.execute(FIND_CREDENTIAL, {"digest": digest(credential)}).fetchone()
        if known is not None:
            if not known[0]:
                raise OperatorEnded(f"{file} holds a credential that was deleted or has expired: name another file")
            return False
        added = connection.execute(ADD_FIRST, {"name": NAME, "digest": digest(credential)}).fetchone()
        if added is None:
            raise PrivateFileError(_made_before(file, is_kept=kept is not None))
        if kept is None:
            _write(file, credential)
    return True


def _kept(file: Path) -> str | None:
    if not file.exists() or not file.stat().st_size:
        return None
    credential = read_private(file).strip()
    if not is_credential(CredentialType.OPERATOR, credential):
        raise PrivateFileError(f"{file} holds something else than an operator's credential (tso_…): name another file")
    return credential


def _write(file: Path, credential: str) -> None:
    try:
        write_private(file, f"{credential}\n")
    except OSError as error:
        raise PrivateFileError(f"cannot write {file}: {error.strerror}: name a file in a folder of yours") from None


def _made_before(file: Path, *, is_kept: bool) -> str:
    state = "holds another credential than its own" if is_kept else "does not hold its credential"
    return (
        f"the operator {NAME} was made before and {file} {state}, which cannot be shown again: bring back the file, or "
        "as an admin run `tallystick operator create`"
    )
