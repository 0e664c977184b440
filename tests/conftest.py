"""Fixtures every kind of test may use."""

from collections.abc import Iterator

import psycopg.conninfo
import pytest

from forecourt.storage.postgres import Database
from local.postgres import EmbeddedPostgres
from tests.support.postgres import PostgresForTests


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresForTests]:
    """A PostgreSQL server of this test process (each worker of pytest-xdist has its own)."""
    data = tmp_path_factory.mktemp("postgres")
    with EmbeddedPostgres(data, durable=False) as server:
        yield PostgresForTests(server)


@pytest.fixture
def database_url(postgres: PostgresForTests) -> Iterator[str]:
    """The libpq URL of a fresh database at the newest revision."""
    with postgres.migrated_database() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same database, through the connection the functions use."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    opened = Database.from_settings(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        name=str(parts["dbname"]),
        username=str(parts["user"]),
        password=str(parts["password"]),
        sslmode="disable",
    )
    yield opened
    opened.close()
