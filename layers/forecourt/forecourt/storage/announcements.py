"""Which leads were announced, in the column ``lead.announced_at``."""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg.rows import class_row

from forecourt.leads.announcements import AcceptedLead
from forecourt.leads.ledger import LEASE_SECONDS
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Database

_AT_ONCE = 100

_NOTE_ANNOUNCED = f"""
WITH {RELAXED}
UPDATE lead SET announced_at = now() FROM relaxed
WHERE external_id = ANY(%(external_ids)s) AND announced_at IS NULL
"""  # noqa: S608 - the interpolated part is a constant

# The batch that stored a lead announces it at its end; no batch lasts as long as a lease.
_UNANNOUNCED = """
SELECT external_id, dealership_id, received_at FROM lead
WHERE announced_at IS NULL AND NOT spam AND data_source = 'WebForm'
  AND created_at < now() - make_interval(secs => %(batch)s)
ORDER BY id
LIMIT %(most)s
"""


def note_announced(database: Database, external_ids: Collection[UUID]) -> None:
    """Note that leads were announced."""
    database.connection().execute(_NOTE_ANNOUNCED, {"external_ids": list(external_ids)})


def unannounced_leads(database: Database) -> Sequence[AcceptedLead]:
    """Show leads, the oldest first, whose announcement a crash or an absent topic swallowed."""
    cursor = database.connection().cursor(row_factory=class_row(AcceptedLead))
    return cursor.execute(_UNANNOUNCED, {"batch": LEASE_SECONDS, "most": _AT_ONCE}).fetchall()
