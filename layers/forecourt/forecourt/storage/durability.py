"""When a commit waits for the disk.

Waiting is what a small transaction mostly does. A delivery's commits need not wait one by one: the
write-ahead log is flushed in order, so one commit that waits carries all before it.
"""

from forecourt.storage.postgres import Database

RELAXED = """relaxed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true))"""
"""First part of a statement whose own commit does not wait for the disk; ``relaxed`` must be in
its FROM. Lasts for the one transaction."""

# A commit waits only if its transaction wrote to the log itself; this writes a note nobody reads.
_FLUSH = "SELECT pg_logical_emit_message(true, 'forecourt', '')"


def make_durable(database: Database) -> None:
    """Return when everything this connection committed before is on disk."""
    database.connection().execute(_FLUSH)
