"""Leads that a person changes: a new version, wanted by the deliveries, in one commit."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.admin.lead_changes import FindVehicle, LeadChange
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage.audit_log import write_audit
from forecourt.storage.deliveries import NOT_OVERTAKING
from forecourt.storage.postgres import Connection, Database

# A create that was sent and not recorded yet may have made the lead, number or none.
_LOCK = """
SELECT l.id, l.external_id, l.dealership_id, l.version, l.status, l.name, l.email, l.phone,
       l.message, l.vehicle_id, l.requested_stock_number, l.vehicle_interest_type,
       l.finance_status, l.finance_interested, l.rating, l.address_line, l.address_city,
       l.address_state, l.address_post_code, l.delivery_notes, l.erased_at,
       l.easycars_lead_number IS NOT NULL OR EXISTS (
           SELECT FROM lead_delivery d
           WHERE d.lead_id = l.id AND d.target = 'EasyCars'
             AND d.state IN ('in_progress', 'unconfirmed')) AS may_be_at_easycars
FROM lead l
WHERE l.external_id = %(lead_id)s
  AND (%(scope)s::integer IS NULL OR l.dealership_id = %(scope)s)
FOR UPDATE OF l
"""

_VEHICLE = """
SELECT id, make, model, year, easycars_stock_number FROM vehicle
WHERE dealership_id = %(dealership_id)s
  AND (id = %(vehicle_id)s OR easycars_stock_number = %(stock_number)s)
"""

# For what these wait for a new version is no help: credentials, or a person's word.
_REVIVED = """(d.state = 'delivered' OR (d.state = 'failed' AND coalesce(d.last_error_code NOT IN
    ('SCOPE_CHANGED', 'NO_CONNECTION', 'CREDENTIALS_UNREADABLE',
     'DELETED_IN_DYNAMICS'), true)))"""

# The row alone decides: whoever records at this moment sees the wanted version, or we see theirs.
_WANT = f"""
UPDATE lead_delivery d
SET wanted_version = l.version,
    state = CASE WHEN {_REVIVED} THEN 'pending' ELSE d.state END,
    attempts = CASE WHEN {_REVIVED} THEN 0 ELSE d.attempts END,
    next_attempt_at = CASE WHEN {_REVIVED} THEN {NOT_OVERTAKING} ELSE d.next_attempt_at END,
    woken_until = CASE WHEN {_REVIVED} THEN NULL ELSE d.woken_until END,
    updated_at = now()
FROM lead l
WHERE l.id = %(lead_id)s AND d.lead_id = l.id
RETURNING d.id, l.external_id, d.dealership_id, d.target,
          d.state = 'pending' AND d.next_attempt_at <= now() AS is_due
"""  # noqa: S608 - the interpolated parts are constants

# A status a person chose is pushed, whatever the CRM was found to have.
_SUPERSEDE = """
WITH closed AS (
    UPDATE lead_status_conflicts
    SET is_resolved = true, resolved_at = now(), resolved_by = left(%(actor)s, 255),
        resolution = 'superseded'
    WHERE lead_id = %(lead_id)s AND NOT is_resolved
    RETURNING lead_id, remote_status
)
UPDATE lead_delivery d
SET delivered_fields = coalesce(d.delivered_fields, '{}')
                       || jsonb_build_object('LeadStatus', closed.remote_status)
FROM closed
WHERE d.lead_id = closed.lead_id AND d.target = 'EasyCars'
"""


class PostgresLeadEdits:
    """Adapter of :class:`forecourt.admin.lead_ports.LeadEdits`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(
        self,
        lead_id: UUID,
        scope: int | None,
        plan: Callable[[Mapping[str, Any], FindVehicle], LeadChange],
        *,
        actor: Actor,
    ) -> tuple[LeadChange, Sequence[WakeUp]] | None:
        """Change a lead as `plan` says, while nobody else changes it; None where there is none."""
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            lead = cursor.execute(_LOCK, {"lead_id": lead_id, "scope": scope}).fetchone()
            if lead is None:
                return None
            change = plan(lead, _vehicles_of(connection, lead["dealership_id"]))
            if not change.columns:
                return change, ()
            _write(connection, lead["id"], change.columns)
            if change.status is not None:
                connection.execute(_SUPERSEDE, {"lead_id": lead["id"], "actor": actor.name})
            wake_ups = want_present_version(connection, lead["id"])
            write_audit(connection, actor, _entry(lead, change))
        return change, wake_ups


def want_present_version(connection: Connection, lead_id: int) -> Sequence[WakeUp]:
    """Let a lead's deliveries want its present version; gives those that are due for it now.

    To be called in the transaction that made the version. What is under way or unconfirmed keeps
    its state: recording and adopting compare the versions.
    """
    rows = connection.execute(_WANT, {"lead_id": lead_id}).fetchall()
    return [
        WakeUp(
            delivery_id=delivery_id,
            external_id=external_id,
            dealership_id=dealership_id,
            target=target,
        )
        for delivery_id, external_id, dealership_id, target, is_due in rows
        if is_due
    ]


def _write(connection: Connection, lead_id: int, columns: Mapping[str, Any]) -> None:
    values = {
        name: Jsonb(value) if isinstance(value, list) else value for name, value in columns.items()
    }
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values
    )
    statement = sql.SQL(
        "UPDATE lead SET {}, version = version + 1, updated_at = now() WHERE id = %(row_id)s"
    ).format(assignments)
    connection.execute(statement, {**values, "row_id": lead_id})


def _vehicles_of(connection: Connection, dealership_id: int) -> FindVehicle:
    def find(vehicle_id: int | None, stock_number: str | None) -> Mapping[str, Any] | None:
        cursor = connection.cursor(row_factory=dict_row)
        return cursor.execute(
            _VEHICLE,
            {
                "dealership_id": dealership_id,
                "vehicle_id": vehicle_id,
                "stock_number": stock_number,
            },
        ).fetchone()

    return find


def _entry(lead: Mapping[str, Any], change: LeadChange) -> AuditEntry:
    detail: dict[str, Any] = {"fields": list(change.fields), "version": lead["version"] + 1}
    if change.status is not None:
        detail["status"] = {"from": lead["status"], "to": change.status}
    return AuditEntry(
        action="lead.changed",
        subject_type="lead",
        subject_id=str(lead["external_id"]),
        dealership_id=lead["dealership_id"],
        detail=detail,
    )
