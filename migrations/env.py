"""How alembic reaches the database: over the connection `app/migrate.py` opened, in one transaction per run."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="alembic_version", version_table_schema="public")
with context.begin_transaction():
    context.run_migrations()
