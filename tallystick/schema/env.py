"""Where alembic starts: `migrate` hands it an open connection, and nothing else is configured anywhere."""

from alembic import context

from tallystick.schema.revision import TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=TABLE, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
