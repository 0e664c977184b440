"""Leads on their way to Dynamics 365 that a person sets in motion."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.admin.dynamics_ports import Pushed, PushStatus
from forecourt.leads.wake_ups import (
    DYNAMICS,
    MOST_WOKEN_PER_DEALERSHIP,
    ON_ITS_WAY_SECONDS,
    WakeUp,
)
from forecourt.storage.audit_log import write_audit
from forecourt.storage.deliveries import NOT_OVERTAKING
from forecourt.storage.postgres import Connection, Database

# Leads before their deliveries and by id, as recording does, so that the two do not wait for each
# other.
_LOCK_LEADS = """
SELECT l.id, l.external_id, l.dealership_id, l.spam, l.erased_at IS NOT NULL AS is_erased,
       c.is_active
FROM lead l
LEFT JOIN dynamics_connection c ON c.dealership_id = l.dealership_id
WHERE l.external_id = ANY(%(lead_ids)s)
  AND (%(scope)s::integer IS NULL OR l.dealership_id = %(scope)s)
ORDER BY l.id
FOR NO KEY UPDATE OF l
"""

# What a worker has right now stays its, and what may still arrive is waited for. Where a lead is
# delivered and unchanged the payload's hash saves the call. A record that was deleted in Dynamics
# is created again when a person retries.
_MAKE_DUE = f"""
INSERT INTO lead_delivery AS d
    (lead_id, dealership_id, target, state, wanted_version, next_attempt_at, push_job_id)
SELECT l.id, l.dealership_id, 'Dynamics', 'pending', l.version, now(), %(job_id)s
FROM lead l WHERE l.id = ANY(%(ids)s) ORDER BY l.id
ON CONFLICT (lead_id, target) DO UPDATE
SET push_job_id = excluded.push_job_id, updated_at = now(),
    state = CASE d.state WHEN 'in_progress' THEN d.state ELSE 'pending' END,
    attempts = CASE d.state WHEN 'in_progress' THEN d.attempts ELSE 0 END,
    next_attempt_at = CASE d.state WHEN 'in_progress' THEN d.next_attempt_at
                                   ELSE {NOT_OVERTAKING} END,
    remote_id = CASE WHEN %(is_retry)s AND d.last_error_code = 'DELETED_IN_DYNAMICS'
                     THEN NULL ELSE d.remote_id END,
    delivered_fields = CASE WHEN %(is_retry)s AND d.last_error_code = 'DELETED_IN_DYNAMICS'
                            THEN NULL ELSE d.delivered_fields END,
    payload_hash = CASE WHEN %(is_retry)s AND d.last_error_code = 'DELETED_IN_DYNAMICS'
                        THEN NULL ELSE d.payload_hash END,
    last_error_code = CASE d.state WHEN 'in_progress' THEN d.last_error_code END,
    last_error = CASE d.state WHEN 'in_progress' THEN d.last_error END
RETURNING d.id, d.lead_id, d.state
"""  # noqa: S608 - the interpolated part is a constant

_NOTE_WOKEN = """
UPDATE lead_delivery
SET woken_until = CASE WHEN id = ANY(%(first)s)
                       THEN now() + make_interval(secs => %(on_its_way)s) END
WHERE id = ANY(%(ids)s) AND state = 'pending'
"""

_COUNTS = """
SELECT state, last_error_code, count(*)
FROM lead_delivery
WHERE target = 'Dynamics' AND (%(scope)s::integer IS NULL OR dealership_id = %(scope)s)
  AND (%(job_id)s::uuid IS NULL OR push_job_id = %(job_id)s)
GROUP BY state, last_error_code
ORDER BY state, last_error_code
"""

_FIRST_DUE = """
UPDATE lead_delivery d
SET woken_until = now() + make_interval(secs => %(on_its_way)s)
FROM lead l
WHERE l.id = d.lead_id AND d.id IN (
    SELECT f.id FROM lead_delivery f
    WHERE f.dealership_id = %(dealership_id)s AND f.target = 'Dynamics' AND f.state = 'pending'
      AND f.next_attempt_at <= now()
    ORDER BY f.next_attempt_at, f.id LIMIT %(most)s)
RETURNING d.id, l.external_id
"""


class PostgresDynamicsPushes:
    """Adapter of :class:`forecourt.admin.dynamics_ports.DynamicsPushes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def push(
        self, lead_ids: Collection[UUID], scope: int | None, job_id: UUID, *, actor: Actor
    ) -> Pushed:
        """Make leads due, also those that were never pushed."""
        with self._database.transaction() as connection:
            pushed = _push(connection, lead_ids, scope, job_id, is_retry=False)
            detail = {"leads": len(lead_ids), "queued": _queued(pushed)}
            entry = AuditEntry(
                action="dynamics.pushed",
                subject_type="push_job",
                subject_id=str(job_id),
                dealership_id=scope,
                detail=detail,
            )
            write_audit(connection, actor, entry)
        return pushed

    def retry(self, lead_id: UUID, scope: int | None, job_id: UUID, *, actor: Actor) -> Pushed:
        """Make one lead due; what was deleted in Dynamics is created there again."""
        with self._database.transaction() as connection:
            pushed = _push(connection, [lead_id], scope, job_id, is_retry=True)
            if _queued(pushed):
                entry = AuditEntry(
                    action="dynamics.retried",
                    subject_type="lead",
                    subject_id=str(lead_id),
                    dealership_id=pushed.wake_ups[0].dealership_id,
                )
                write_audit(connection, actor, entry)
        return pushed

    def counts(
        self, scope: int | None, job_id: UUID | None
    ) -> Sequence[tuple[str, str | None, int]]:
        """Return how many deliveries have a state and a last error's code."""
        values = {"scope": scope, "job_id": job_id}
        rows: list[Any] = self._database.connection().execute(_COUNTS, values).fetchall()
        return rows

    def wake_waiting(self, dealership_id: int) -> Sequence[WakeUp]:
        """Wake the oldest ten of what is due to a dealership's connection."""
        values = {
            "dealership_id": dealership_id,
            "most": MOST_WOKEN_PER_DEALERSHIP,
            "on_its_way": ON_ITS_WAY_SECONDS,
        }
        rows = self._database.connection().execute(_FIRST_DUE, values).fetchall()
        return [
            WakeUp(
                delivery_id=delivery_id,
                external_id=lead_id,
                dealership_id=dealership_id,
                target=DYNAMICS,
            )
            for delivery_id, lead_id in rows
        ]


def _push(
    connection: Connection,
    lead_ids: Collection[UUID],
    scope: int | None,
    job_id: UUID,
    *,
    is_retry: bool,
) -> Pushed:
    cursor = connection.cursor(row_factory=dict_row)
    values = {"lead_ids": list(lead_ids), "scope": scope}
    leads = {row["id"]: row for row in cursor.execute(_LOCK_LEADS, values).fetchall()}
    statuses = {row["external_id"]: _standing(row) for row in leads.values()}
    ready = [key for key, row in leads.items() if statuses[row["external_id"]] is PushStatus.QUEUED]
    made = cursor.execute(
        _MAKE_DUE, {"ids": ready, "job_id": job_id, "is_retry": is_retry}
    ).fetchall()
    wake_ups: dict[int, list[WakeUp]] = {}
    for row in sorted(made, key=lambda row: int(row["id"])):
        lead = leads[row["lead_id"]]
        if row["state"] == "in_progress":
            statuses[lead["external_id"]] = PushStatus.IN_PROGRESS
            continue
        of_dealership = wake_ups.setdefault(lead["dealership_id"], [])
        if len(of_dealership) < MOST_WOKEN_PER_DEALERSHIP:
            of_dealership.append(
                WakeUp(
                    delivery_id=row["id"],
                    external_id=lead["external_id"],
                    dealership_id=lead["dealership_id"],
                    target=DYNAMICS,
                )
            )
    first = [wake_up for some in wake_ups.values() for wake_up in some]
    connection.execute(
        _NOTE_WOKEN,
        {
            "ids": [row["id"] for row in made],
            "first": [wake_up.delivery_id for wake_up in first],
            "on_its_way": ON_ITS_WAY_SECONDS,
        },
    )
    return Pushed(
        statuses={one: statuses.get(one, PushStatus.NOT_FOUND) for one in lead_ids},
        wake_ups=first,
    )


def _standing(lead: Mapping[str, Any]) -> PushStatus:
    if lead["spam"]:
        return PushStatus.SPAM
    if lead["is_erased"]:
        return PushStatus.ERASED
    if lead["is_active"] is None:
        return PushStatus.NOT_CONNECTED
    return PushStatus.QUEUED if lead["is_active"] else PushStatus.SWITCHED_OFF


def _queued(pushed: Pushed) -> int:
    return sum(status is PushStatus.QUEUED for status in pushed.statuses.values())
