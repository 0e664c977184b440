"""A durable PostgreSQL with Forecourt's tables for one benchmark."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import psycopg.conninfo

from forecourt.storage.postgres import Database
from forecourt.storage.schema import Schema, SchemaAction
from local.postgres import EmbeddedPostgres

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@contextmanager
def migrated_server() -> Iterator[str]:
    """Lend a server whose commits reach the disk; yields its URL."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as server:
        Schema(lambda: psycopg.connect(server.url), MIGRATIONS).run(SchemaAction.UPGRADE)
        yield server.url


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """Open the connection a function would have."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    database = Database.from_settings(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        name=str(parts["dbname"]),
        username=str(parts["user"]),
        password=str(parts["password"]),
        sslmode="disable",
    )
    try:
        yield database
    finally:
        database.close()


def describe(database: Database) -> str:
    """Name version, compression and durability, without which no number means anything."""
    row = (
        database.connection()
        .execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " (SELECT CASE attcompression WHEN 'l' THEN 'lz4' ELSE"
            " current_setting('default_toast_compression') END FROM pg_attribute"
            " WHERE attrelid = 'vehicle'::regclass AND attname = 'easycars_raw_data')"
        )
        .fetchone()
    )
    assert row is not None
    return f"PostgreSQL {row[0]}, fsync {row[1]}, jsonb compressed with {row[2]}"
