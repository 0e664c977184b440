"""When a commit waits for the disk.

Waiting is what a small transaction mostly does. A delivery's commits need not wait one by one: the
write-ahead log is flushed in order, so one commit that waits carries all before it.
"""

from forecourt.errors import RetryableError
from forecourt.storage.postgres import TARGET, Connection, Database

RELAXED = """relaxed AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true))"""
"""First part of a statement whose own commit does not wait for the disk; ``relaxed`` must be in
its FROM. Lasts for the one transaction."""

# A commit waits only if its transaction wrote to the log itself; this writes a note nobody reads.
_FLUSH = "SELECT pg_logical_emit_message(true, 'forecourt', '')"


class Durability:
    """Knows whether what was committed without waiting can still be made durable.

    A server that died takes such commits with it, and the connection shows it: what was written
    over one that is gone may be gone too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written_over: Connection | None = None
        self._in_doubt = False

    def wrote_relaxed(self) -> None:
        """Note a commit that did not wait for the disk."""
        connection = self._database.connection()
        self._in_doubt |= self._written_over not in (None, connection)
        self._written_over = connection

    def wrote_durably(self) -> None:
        """Note a commit that did wait, and so carried those before it on the same connection."""
        if self._written_over is self._database.connection():
            self._written_over = None

    def make_durable(self) -> None:
        """Return when everything committed before is on disk.

        Raises
        ------
        RetryableError
            ``DATABASE_AWAY``: the connection was lost, and with it perhaps commits.
        """
        connection = self._database.connection()
        lost = self._in_doubt or self._written_over not in (None, connection)
        self._written_over, self._in_doubt = None, False
        connection.execute(_FLUSH)
        if lost:
            raise RetryableError(
                code="DATABASE_AWAY",
                detail="The connection was lost before the last commits were on disk.",
                target=TARGET,
            )
