"""Registered resources, from Postgres."""

from collections.abc import Collection
from typing import LiteralString

from tallystick.runtime.postgres import AsyncPostgres

# Those of some identifiers that are registered.
FIND_RESOURCES: LiteralString = "SELECT identifier FROM resources WHERE identifier = ANY (%(identifiers)s)"


class PostgresResources:
    """Implements `ResourceDirectory`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def known(self, identifiers: Collection[str]) -> frozenset[str]:
        """Return those identifiers that are registered."""
        rows = await self._postgres.all(FIND_RESOURCES, {"identifiers": list(identifiers)})
        return frozenset(row["identifier"] for row in rows)
