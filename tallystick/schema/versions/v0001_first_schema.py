"""The first schema: clients, scopes, resources, people, grants, access tokens, invalidations, roles."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("alembic holds no connection")
    connection.execute(Path(__file__).with_name("0001_first_schema.sql").read_bytes())
