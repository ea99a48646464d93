"""Who may use which service (groups), and by what replicas answer from memory (leases)."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run the SQL beside this file."""
    connection = op.get_bind().connection.driver_connection
    if connection is None:
        raise RuntimeError("alembic holds no connection")
    connection.execute(Path(__file__).with_name("0003_access_and_leases.sql").read_bytes())
