"""What a database looks like and holds, as values a test can compare."""

import re
from typing import Any

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
       is_identity
FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
_OTHERS = """
SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT viewname FROM pg_views WHERE schemaname = 'public'
UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal
"""
# PostgreSQL writes the same CHECK with more or fewer casts and brackets, by how it was entered.
_CASTS = re.compile(r"::(text|character varying)(\[\])?|[()]")


def shape_of(url: str) -> set[tuple[Any, ...]]:
    """List columns, constraints, indexes, functions, views and triggers, Alembic's table apart."""
    with psycopg.connect(url) as connection:
        found = [
            ("column", *row) for row in connection.execute(_COLUMNS) if row[0] != "alembic_version"
        ]
        for table, name, definition in connection.execute(_CONSTRAINTS):
            found.append(("constraint", table, name, _CASTS.sub("", definition)))
        found += [("index", *row) for row in connection.execute(_INDEXES)]
        found += [("other", *row) for row in connection.execute(_OTHERS)]
    return {row for row in found if row[1] != "alembic_version"}


def tables_of(url: str) -> set[str]:
    """Name the tables and views, Alembic's own apart."""
    return {row[1] for row in shape_of(url) if row[0] == "column"}


def rows_of(url: str, table: str, columns: list[str] | None = None) -> list[tuple[Any, ...]]:
    """Read a table, ordered by its first column."""
    chosen = sql.SQL(", ").join(map(sql.Identifier, columns)) if columns else sql.SQL("*")
    query = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(chosen, sql.Identifier(table))
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def columns_of(url: str, table: str) -> list[str]:
    """Name a table's columns in their order."""
    with psycopg.connect(url) as connection:
        query = sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table))
        return [column.name for column in connection.execute(query).description or ()]
