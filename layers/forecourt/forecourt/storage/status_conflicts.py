"""The ``lead_status_conflicts`` table as people see and settle it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.admin.request import Page
from forecourt.admin.status_resolution import Resolution, Settled
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage.audit_log import write_audit
from forecourt.storage.lead_edits import want_present_version
from forecourt.storage.postgres import Connection, Database

# Of an open one the lead's status as it is now, of a settled one what it was then.
_CONFLICTS = """
SELECT c.id, c.dealership_id, l.external_id AS lead_id,
       c.easycars_lead_number AS easy_cars_lead_number,
       CASE WHEN c.is_resolved THEN c.local_status ELSE l.status END AS local_status,
       c.remote_status, c.detected_at, c.is_resolved, c.resolution, c.resolved_at, c.resolved_by
FROM lead_status_conflicts c JOIN lead l ON l.id = c.lead_id
WHERE (%(scope)s::integer IS NULL OR c.dealership_id = %(scope)s)
"""

_LIST = f"""{_CONFLICTS} AND c.is_resolved = %(resolved)s
ORDER BY c.detected_at DESC, c.id DESC
LIMIT %(size)s OFFSET %(offset)s
"""

_COUNT = """
SELECT count(*) AS total FROM lead_status_conflicts c
WHERE (%(scope)s::integer IS NULL OR c.dealership_id = %(scope)s) AND c.is_resolved = %(resolved)s
"""

_LOCK_LEAD = """
SELECT l.id FROM lead l
WHERE l.id = (SELECT c.lead_id FROM lead_status_conflicts c WHERE c.id = %(id)s
              AND (%(scope)s::integer IS NULL OR c.dealership_id = %(scope)s))
FOR UPDATE
"""

_ONE = f"""{_CONFLICTS} AND c.id = %(id)s"""

_CLOSE = """
UPDATE lead_status_conflicts
SET is_resolved = true, resolved_at = now(), resolved_by = left(%(actor)s, 255),
    resolution = %(resolution)s, local_status = %(local_status)s
WHERE id = %(id)s
"""

_SETTLE = """
UPDATE lead
SET status = %(status)s, version = version + 1, updated_at = now(),
    last_known_easycars_status = %(remote_status)s,
    status_synced_at = CASE WHEN %(is_remote)s THEN now() ELSE status_synced_at END
WHERE id = %(lead_id)s
"""

# What EasyCars has is known now: the next difference is to that.
_CONFIRM = """
UPDATE lead_delivery
SET delivered_fields = coalesce(delivered_fields, '{}')
                       || jsonb_build_object('LeadStatus', %(remote_status)s::integer)
WHERE lead_id = %(lead_id)s AND target = 'EasyCars'
"""


class PostgresStatusConflicts:
    """Adapter of :class:`forecourt.admin.lead_ports.StatusConflicts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, scope: int | None, page: Page, *, resolved: bool
    ) -> tuple[Sequence[Mapping[str, Any]], int]:
        """Return conflicts, newest first, and how many there are."""
        values = {"scope": scope, "resolved": resolved, "size": page.size, "offset": page.offset}
        cursor = self._database.connection().cursor(row_factory=dict_row)
        rows = cursor.execute(_LIST, values).fetchall()
        total = cursor.execute(_COUNT, values).fetchone() or {"total": 0}
        return rows, int(total["total"])

    def resolve(
        self,
        conflict_id: int,
        scope: int | None,
        decide: Callable[[Mapping[str, Any]], Settled],
        *,
        actor: Actor,
    ) -> tuple[Mapping[str, Any], Sequence[WakeUp]] | None:
        """Settle a conflict as `decide` says, while nobody else changes its lead."""
        with self._database.transaction() as connection:
            wanted = {"id": conflict_id, "scope": scope}
            lead = connection.execute(_LOCK_LEAD, wanted).fetchone()
            row = _one(connection, wanted)
            if lead is None or row is None:
                return None
            settled = decide(row)
            values = {
                **wanted,
                "lead_id": lead[0],
                "actor": actor.name,
                "resolution": settled.resolution.value,
                "is_remote": settled.resolution is Resolution.REMOTE,
                "status": settled.status,
                "local_status": row["local_status"],
                "remote_status": row["remote_status"],
            }
            for statement in (_CLOSE, _SETTLE, _CONFIRM):
                connection.execute(statement, values)
            wake_ups = want_present_version(connection, lead[0])
            write_audit(connection, actor, _entry(row, settled))
            return _one(connection, wanted) or row, wake_ups


def _one(connection: Connection, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return connection.cursor(row_factory=dict_row).execute(_ONE, wanted).fetchone()


def _entry(row: Mapping[str, Any], settled: Settled) -> AuditEntry:
    return AuditEntry(
        action="lead.status_conflict_resolved",
        subject_type="lead",
        subject_id=str(row["lead_id"]),
        dealership_id=row["dealership_id"],
        detail={
            "conflict": row["id"],
            "resolution": settled.resolution.value,
            "status": settled.status,
        },
    )
