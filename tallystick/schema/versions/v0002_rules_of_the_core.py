"""What the rules of the core keep: audit events, ended sessions, revoked access tokens, labels, more ways to end."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("alembic holds no connection")
    connection.execute(Path(__file__).with_name("0002_rules_of_the_core.sql").read_bytes())
