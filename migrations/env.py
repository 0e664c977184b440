"""How Alembic runs these revisions: all of them in one transaction, one migration at a time.

The ``migrate`` function hands over its own connection in ``config.attributes["connection"]``.
By hand (``alembic upgrade head`` from a bastion) the address comes from ``DATABASE_URL``, a
libpq URL of a direct connection, never of a proxy: a proxy may break session state.
"""

import os

import psycopg
from alembic import context
from sqlalchemy import Connection, create_engine, pool

# Any constant will do, as long as every migration of this database asks for the same one.
MIGRATION_LOCK = 4_612_337_021


def run_on(connection: Connection) -> None:
    """Run the revisions in one transaction that holds the migration lock.

    The lock is taken after ``begin``, so it ends with the transaction, whatever ends that.
    """
    context.configure(
        connection=connection,
        transaction_per_migration=False,
        on_version_apply=context.config.attributes.get("on_version_apply"),
    )
    with context.begin_transaction():
        # A role may carry the short time-outs of the functions; a migration may take longer.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout = '60s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        context.run_migrations()


def run_by_hand() -> None:
    """Connect to ``DATABASE_URL`` and run."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        message = "Set DATABASE_URL to a direct (not proxied) postgresql:// address."
        raise SystemExit(message)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=pool.NullPool
    )
    with engine.connect() as connection:
        run_on(connection)


if context.is_offline_mode():
    # The default style of parameters would double every percent sign in the text.
    context.configure(
        dialect_name="postgresql", literal_binds=True, dialect_opts={"paramstyle": "named"}
    )
    with context.begin_transaction():
        context.run_migrations()
elif (handed_over := context.config.attributes.get("connection")) is not None:
    run_on(handed_over)
else:
    run_by_hand()
