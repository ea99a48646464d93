"""Registered clients, from Postgres, as an authorization request needs them."""

from typing import LiteralString

from psycopg.rows import DictRow

from services.authorize.model import Client
from services.authorize.pages.branding import Branding
from tallystick.oauth2.client import ApplicationType, ClientType, GrantType
from tallystick.runtime.lease.leased_reads import Read
from tallystick.runtime.lease.log import CONFIRMED_READ, READ
from tallystick.runtime.postgres import AsyncPostgres

# Whether a client can get refresh tokens; `c` is its row.
MAY_REFRESH: LiteralString = "('refresh_token' = ANY (c.grant_types) AND c.refresh_limit IS DISTINCT FROM 0)"

# A client with the scopes that it may ask for, Postgres's time and timeline; one row, whether there is one or not.
# Names and descriptions are two arrays in the same order.
_OF_CLIENT: LiteralString = """
    c.client_id, c.name, c.version, c.client_type, c.application_type, c.redirect_uris, c.grant_types,
    c.allow_plain_pkce, c.enabled,
    """
_WITH_SCOPES: LiteralString = """ AS may_refresh,
    c.branding_title, c.branding_logo, c.branding_header, c.branding_footer,
    coalesce(array_agg(s.name ORDER BY s.name) FILTER (WHERE s.name IS NOT NULL), '{}') AS scope_names,
    coalesce(array_agg(s.description ORDER BY s.name) FILTER (WHERE s.name IS NOT NULL), '{}') AS scope_descriptions
FROM (SELECT %(client_id)s::text AS client_id) AS asked
LEFT JOIN clients c ON c.client_id = asked.client_id
LEFT JOIN client_scopes cs ON cs.client_id = c.client_id
LEFT JOIN scopes s ON s.name = cs.scope
GROUP BY c.client_id
"""
FIND_CLIENT: LiteralString = READ + _OF_CLIENT + MAY_REFRESH + _WITH_SCOPES

# The same, by a server that is the primary beyond doubt.
FIND_CLIENT_CONFIRMED: LiteralString = CONFIRMED_READ + _OF_CLIENT + MAY_REFRESH + _WITH_SCOPES


class PostgresClients:
    """Reads clients."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def read(self, client_id: str, *, confirmed: bool) -> Read[Client]:
        """Read a client, enabled or not, in one statement."""
        statement = FIND_CLIENT_CONFIRMED if confirmed else FIND_CLIENT
        [row] = await self._postgres.all(statement, {"client_id": client_id})
        return Read(None if row["client_id"] is None else _client(row), row["now"], row["timeline"])


def _client(row: DictRow) -> Client:
    return Client(
        client_id=row["client_id"],
        name=row["name"],
        version=row["version"],
        client_type=ClientType(row["client_type"]),
        application_type=ApplicationType(row["application_type"]),
        redirect_uris=tuple(row["redirect_uris"]),
        grant_types=frozenset(map(GrantType, row["grant_types"])),
        scopes=dict(zip(row["scope_names"], row["scope_descriptions"], strict=True)),
        allow_plain_pkce=row["allow_plain_pkce"],
        may_refresh=row["may_refresh"],
        enabled=row["enabled"],
        # What a client leaves empty looks as everywhere.
        branding=Branding(
            title=row["branding_title"] or None,
            logo=row["branding_logo"] or None,
            header=row["branding_header"] or None,
            footer=row["branding_footer"] or None,
        ),
    )
