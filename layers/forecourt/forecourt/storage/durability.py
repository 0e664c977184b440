"""When a commit waits for the disk.

Waiting is what a small transaction mostly does. A delivery's commits need not wait one by one: the
write-ahead log is flushed in order, so one commit that waits carries all before it.
"""

from forecourt.storage.postgres import Database

RELAXED = """relaxed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true))"""
"""First part of a statement whose own commit does not wait for the disk; ``relaxed`` must be in
its FROM. Lasts for the one transaction."""

# An empty transaction writes nothing; one with a number of its own writes a commit record.
_FLUSH = "SELECT pg_current_xact_id()"


def make_durable(database: Database) -> None:
    """Return when everything this connection committed before is on disk."""
    database.connection().execute(_FLUSH)
