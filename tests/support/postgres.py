"""A migrated PostgreSQL for tests: one server per test process, one fresh database per test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from forecourt.storage.schema import Schema, SchemaAction
from local.postgres import EmbeddedPostgres

MIGRATIONS = Path(__file__).parents[2] / "migrations"
_TEMPLATE = "migrated"


def schema_at(url: str) -> Schema:
    """The schema of the database behind a URL."""
    return Schema(lambda: psycopg.connect(url), MIGRATIONS)


class PostgresForTests:
    """Hands out databases of one server; a clone of the migrated one takes some 0.02 s."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self._has_template = False

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """Lend a database without tables; yields its URL."""
        with self._database("template0") as url:
            yield url

    @contextmanager
    def migrated_database(self) -> Iterator[str]:
        """Lend a database at the newest revision; yields its URL."""
        if not self._has_template:
            self._create(_TEMPLATE, like="template0")
            schema_at(self.server.url_of(_TEMPLATE)).run(SchemaAction.UPGRADE)
            self._has_template = True
        with self._database(_TEMPLATE) as url:
            yield url

    @contextmanager
    def _database(self, like: str) -> Iterator[str]:
        name = f"test_{next(self._numbers)}"
        self._create(name, like=like)
        try:
            yield self.server.url_of(name)
        finally:
            self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self, name: str, *, like: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(like)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(statement)
