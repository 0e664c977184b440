"""Let time pass in a database: everything in it moves into the past."""

from psycopg import sql

from forecourt.storage.postgres import Database

_COLUMNS = """
SELECT c.table_name, array_agg(c.column_name::text ORDER BY c.ordinal_position)
FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
  AND c.data_type = 'timestamp with time zone' AND c.table_name <> 'audit_log'
GROUP BY c.table_name
ORDER BY c.table_name
"""


def let_pass(database: Database, seconds: float) -> None:
    """Move every time in every table back by so many seconds, as if they had passed.

    The server's own clock stays, so leases, waits and holds end as they would. ``audit_log`` takes
    no update and keeps its times.
    """
    with database.transaction() as connection:
        for table, columns in connection.execute(_COLUMNS).fetchall():
            moved = sql.SQL(", ").join(
                sql.SQL("{0} = {0} - make_interval(secs => {1})").format(
                    sql.Identifier(column), sql.Literal(seconds)
                )
                for column in columns
            )
            connection.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), moved))
