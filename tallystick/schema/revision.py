"""Which revision of the schema a program needs, and which one a database has."""

from typing import LiteralString

REQUIRED = "0003"
"""The revision that this version of the services was written for. Revisions are numbered, so they compare as text."""

TABLE = "schema_revision"

READ_REVISION: LiteralString = "SELECT version_num FROM schema_revision"


class SchemaTooOld(Exception):
    """The database lacks migrations that this version needs."""

    def __init__(self, found: str | None) -> None:
        has = f"has schema {found}" if found else "has no schema"
        super().__init__(f"the database {has}, this version needs {REQUIRED}: run `tallystick migrate`")


def check(found: str | None) -> None:
    """Raise `SchemaTooOld` unless the database is at the required revision or a later one.

    A later one is fine: migrations only ever add what the version before can ignore.
    """
    if found is None or found < REQUIRED:
        raise SchemaTooOld(found)
