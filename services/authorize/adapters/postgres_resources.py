"""Registered resources, from Postgres."""

from typing import LiteralString

from tallystick.runtime.lease.leased_reads import Read
from tallystick.runtime.lease.log import CONFIRMED_READ, READ
from tallystick.runtime.postgres import AsyncPostgres

# Those of some identifiers that are registered, Postgres's time and timeline; one row.
_OF_RESOURCES: LiteralString = (
    "ARRAY(SELECT identifier FROM resources WHERE identifier = ANY (%(identifiers)s)) AS identifiers"
)
FIND_RESOURCES: LiteralString = READ + _OF_RESOURCES

# The same, by a server that is the primary beyond doubt.
FIND_RESOURCES_CONFIRMED: LiteralString = CONFIRMED_READ + _OF_RESOURCES


class PostgresResources:
    """Reads which resources are registered."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def read(self, identifiers: frozenset[str], *, confirmed: bool) -> Read[frozenset[str]]:
        """Read which of some identifiers are registered, in one statement."""
        statement = FIND_RESOURCES_CONFIRMED if confirmed else FIND_RESOURCES
        [row] = await self._postgres.all(statement, {"identifiers": list(identifiers)})
        return Read(frozenset(row["identifiers"]), row["now"], row["timeline"])
