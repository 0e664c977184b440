"""Leads as a refresh finds and leaves them: lead, delivery and conflict in one commit."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.errors import SkippableError
from forecourt.leads.inbound import Choices, HeldLead, InboundLead, Joined
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest
from forecourt.leads.outcome import PROBE_AFTER_SECONDS, DeliveryState
from forecourt.leads.refresh_ports import DueLead, DueLeads
from forecourt.leads.status import NEW, StatusVerdict
from forecourt.security.credentials import Environment
from forecourt.stock.run import Closing, Counts, SyncResult, SyncRun, SyncType
from forecourt.storage import sync_logs
from forecourt.storage.postgres import TARGET, Connection, Database
from forecourt.storage.settings import PostgresSettings

_WITHOUT_CONFLICT = frozenset({
    StatusVerdict.AGREED, StatusVerdict.KEEP_LOCAL, StatusVerdict.TAKE_REMOTE,
})  # fmt: skip

_VENDOR_AWAY = """
SELECT FROM circuit_breaker
WHERE target = 'EasyCars' AND environment = %s AND open_until > now()
"""

# A lead with an open conflict is looked at whatever its status: the two sides may agree by now.
# Whom nobody may know any more is left alone, and so is what is being delivered at this moment.
_DUE = """
SELECT l.id AS lead_id, l.external_id, l.easycars_lead_number AS lead_number, d.claimed_at,
       count(*) OVER () AS waiting
FROM lead l
JOIN lead_delivery d ON d.lead_id = l.id AND d.target = 'EasyCars'
WHERE l.dealership_id = %(dealership_id)s
  AND l.easycars_lead_number IS NOT NULL
  AND l.received_at > now() - interval '90 days'
  AND (l.status IN ('received', 'in progress')
       OR EXISTS (SELECT FROM lead_status_conflicts c
                  WHERE c.lead_id = l.id AND NOT c.is_resolved))
  AND l.erased_at IS NULL
  AND d.remote_scope = %(account_scope)s
  AND d.state <> 'in_progress'
  AND (l.refresh_tried_at IS NULL OR l.refresh_tried_at < %(started_at)s)
ORDER BY coalesce(l.refresh_tried_at, l.last_synced_from_easycars) NULLS FIRST, l.id
LIMIT %(limit)s
"""

# On its own, because a statement that had to wait for a row sees other tables as before the wait.
_LOCK_LEAD = """
SELECT FROM lead WHERE id = %(lead_id)s FOR NO KEY UPDATE
"""

# The base of the status is what was last confirmed; an absent LeadStatus means "as a create leaves
# it". A person who closed a conflict has seen EasyCars' status of then, so it is the base until
# that decision has reached EasyCars.
_LOCK = """
SELECT l.status, l.vehicle_interest_type, l.finance_status, l.rating, l.vehicle_id,
       l.easycars_customer_no, d.state, d.delivered_fields,
       d.state = 'delivered'
           OR coalesce(d.claimed_at, '-infinity') < now() - make_interval(secs => %(late)s)
           AS is_settled,
       coalesce(
           (SELECT c.remote_status FROM lead_status_conflicts c
            WHERE c.lead_id = l.id AND c.is_resolved AND c.resolved_by IS NOT NULL
              AND c.resolved_at > coalesce(l.status_synced_at, '-infinity')
            ORDER BY c.resolved_at DESC LIMIT 1),
           l.last_known_easycars_status,
           CASE WHEN d.delivered_fields IS NOT NULL AND NOT d.delivered_fields ? 'LeadStatus'
                THEN %(new)s END) AS base_status,
       l.easycars_raw_data IS NOT NULL AS was_refreshed,
       btrim(l.easycars_raw_data ->> 'StockNumber') AS seen_stock_number,
       (SELECT v.id FROM vehicle v
        WHERE v.dealership_id = l.dealership_id
          AND v.easycars_stock_number = %(stock_number)s) AS matched_vehicle_id
FROM lead l
JOIN lead_delivery d ON d.lead_id = l.id AND d.target = 'EasyCars'
WHERE l.id = %(lead_id)s AND l.erased_at IS NULL
  AND d.state <> 'in_progress' AND d.claimed_at IS NOT DISTINCT FROM %(claimed_at)s
FOR NO KEY UPDATE OF l, d
"""

_WRITE_LEAD = """
UPDATE lead
SET easycars_raw_data = %(raw_data)s::jsonb,
    easycars_customer_no = %(customer_no)s,
    vehicle_interest_type = coalesce(%(vehicle_interest)s, vehicle_interest_type),
    finance_status = coalesce(%(finance_status)s, finance_status),
    finance_interested = coalesce(%(finance_interested)s, finance_interested),
    rating = coalesce(%(rating)s, rating),
    vehicle_id = %(vehicle_id)s,
    status = %(status)s,
    last_known_easycars_status = %(base_status)s,
    status_synced_at = CASE WHEN %(status_settled)s THEN now() ELSE status_synced_at END,
    last_synced_from_easycars = now(),
    refresh_tried_at = now(),
    version = version + CASE WHEN %(new_version)s THEN 1 ELSE 0 END,
    updated_at = CASE WHEN %(new_version)s THEN now() ELSE updated_at END
WHERE id = %(lead_id)s
RETURNING version
"""

# EasyCars itself has the new version already, unless it has to be told our status, or had not the
# one before; another CRM has to be told whatever EasyCars changed.
_WRITE_DELIVERIES = """
UPDATE lead_delivery d
SET wanted_version = CASE WHEN %(new_version)s THEN %(version)s ELSE d.wanted_version END,
    delivered_version = CASE
        WHEN d.target = 'EasyCars' AND d.state = 'delivered' AND %(new_version)s AND NOT tells.it
        THEN %(version)s ELSE d.delivered_version END,
    delivered_fields = CASE WHEN d.target = 'EasyCars' THEN d.delivered_fields || %(confirmed)s
                            ELSE d.delivered_fields END,
    state = CASE WHEN tells.it THEN 'pending' ELSE d.state END,
    attempts = CASE WHEN tells.it THEN 0 ELSE d.attempts END,
    next_attempt_at = CASE WHEN tells.it THEN now() ELSE d.next_attempt_at END,
    woken_until = CASE WHEN tells.it THEN NULL ELSE d.woken_until END,
    updated_at = now()
FROM (SELECT o.id, o.state = 'delivered' AND %(new_version)s
                   AND (o.target <> 'EasyCars' OR %(push)s
                        OR o.delivered_version IS DISTINCT FROM %(version)s - 1) AS it
      FROM lead_delivery o WHERE o.lead_id = %(lead_id)s) tells
WHERE d.id = tells.id AND (d.target = 'EasyCars' OR %(new_version)s)
"""

_CONFLICT = """
INSERT INTO lead_status_conflicts AS c
    (dealership_id, lead_id, easycars_lead_number, local_status, remote_status)
SELECT l.dealership_id, l.id, l.easycars_lead_number, %(local_status)s, %(remote_status)s
FROM lead l WHERE l.id = %(lead_id)s
ON CONFLICT (lead_id) WHERE NOT is_resolved DO UPDATE
SET local_status = excluded.local_status, remote_status = excluded.remote_status
RETURNING c.xmax = 0 AS is_new
"""

_NO_CONFLICT = """
UPDATE lead_status_conflicts
SET is_resolved = true, resolved_at = now(), resolution = 'superseded'
WHERE lead_id = %s AND NOT is_resolved
"""

# One that may be asked for again in this job goes behind all that wait, but counts as not asked.
_TRIED = """
UPDATE lead
SET refresh_tried_at = CASE WHEN %(for_good)s THEN now()
                            ELSE %(started_at)s::timestamptz - interval '1 millisecond' END
WHERE id = %(lead_id)s
"""


class PostgresLeadRefresh:
    """Adapter of :class:`forecourt.leads.refresh_ports.RefreshStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_run(self, job_id: UUID, dealership_id: int) -> SyncRun | SyncResult:
        """Take the dealership's lock, or return how this job's run already ended."""
        return sync_logs.open_run(self._database, job_id, dealership_id, SyncType.LEAD)

    def setting(self, key: str) -> str | None:
        """Return one of the system's settings."""
        return PostgresSettings(self._database).system().get(key)

    def is_vendor_away(self, environment: Environment) -> bool:
        """Say whether deliveries have found the vendor away and are waiting for it."""
        rows = self._database.connection().execute(_VENDOR_AWAY, (environment,))
        return rows.fetchone() is not None

    def due_leads(self, run: SyncRun, account_scope: str, limit: int) -> DueLeads:
        """Return open leads of the last 90 days, those asked for least recently first."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        rows = cursor.execute(
            _DUE,
            {
                "dealership_id": run.dealership_id,
                "account_scope": account_scope,
                "started_at": run.started_at,
                "limit": limit,
            },
        ).fetchall()
        waiting = rows[0]["waiting"] if rows else 0
        leads = [
            DueLead(**{name: value for name, value in row.items() if name != "waiting"})
            for row in rows
        ]
        return DueLeads(leads=leads, waiting=waiting)

    def refresh(
        self,
        run: SyncRun,
        due: DueLead,
        inbound: InboundLead,
        joined: Callable[[HeldLead], Joined],
        progress: Counts,
    ) -> tuple[Joined, bool] | None:
        """Join and store one lead; the lock is held until that is committed."""
        try:
            with self._database.transaction() as connection:
                held = _lock(connection, due, inbound)
                if held is None:
                    connection.execute(_TRIED, _tried(run, due, for_good=True))
                    sync_logs.renew(connection, run, progress.plus())
                    return None
                made = joined(held)
                is_new_conflict = _write(connection, held, inbound, made)
                sync_logs.renew(connection, run, progress.plus(updated=made.updated))
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            detail = f"the database refuses EasyCars' answer (SQLSTATE {error.sqlstate})"
            raise SkippableError(code="LEAD_REFUSED", detail=detail, target=TARGET) from error
        return made, is_new_conflict

    def pass_over(self, run: SyncRun, due: DueLead, progress: Counts, *, for_good: bool) -> None:
        """Let a lead that was asked for in vain go last, and renew the lease."""
        with self._database.transaction() as connection:
            connection.execute(_TRIED, _tried(run, due, for_good=for_good))
            sync_logs.renew(connection, run, progress)

    def close_run(self, run: SyncRun, closing: Closing) -> bool:
        """End the run if it still holds its row; say whether it did."""
        return sync_logs.close(self._database.connection(), run, closing)


def _tried(run: SyncRun, due: DueLead, *, for_good: bool) -> dict[str, Any]:
    return {"lead_id": due.lead_id, "started_at": run.started_at, "for_good": for_good}


def _lock(connection: Connection, due: DueLead, inbound: InboundLead) -> HeldLead | None:
    connection.execute(_LOCK_LEAD, {"lead_id": due.lead_id})
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute(
        _LOCK,
        {
            "lead_id": due.lead_id,
            "claimed_at": due.claimed_at,
            "stock_number": inbound.stock_number,
            "late": PROBE_AFTER_SECONDS,
            "new": NEW,
        },
    ).fetchone()
    if row is None:
        return None
    return HeldLead(
        lead_id=due.lead_id,
        status=LeadStatus(row["status"]),
        choices=Choices(
            vehicle_interest=_word(VehicleInterest, row["vehicle_interest_type"]),
            finance_status=_word(FinanceStatus, row["finance_status"]),
            rating=_word(Rating, row["rating"]),
        ),
        vehicle_id=row["vehicle_id"],
        customer_no=row["easycars_customer_no"],
        delivery_state=DeliveryState(row["state"]),
        delivered_fields=row["delivered_fields"],
        is_settled=row["is_settled"],
        base_status=row["base_status"],
        was_refreshed=row["was_refreshed"],
        seen_stock_number=row["seen_stock_number"],
        matched_vehicle_id=row["matched_vehicle_id"],
    )


def _write(connection: Connection, held: HeldLead, inbound: InboundLead, made: Joined) -> bool:
    """Write what was made of a lead; say whether a conflict is new."""
    verdict = made.status.verdict
    new_version = made.edited or made.push
    finance = made.choices.finance_status
    names = {
        "lead_id": held.lead_id,
        "raw_data": inbound.easycars_raw_data,
        "customer_no": made.customer_no,
        "vehicle_interest": made.choices.vehicle_interest,
        "finance_status": finance,
        "finance_interested": None if finance is None else finance is FinanceStatus.YES,
        "rating": made.choices.rating,
        "vehicle_id": made.vehicle_id,
        "status": made.status.status,
        "base_status": made.status.base,
        "status_settled": verdict in {StatusVerdict.AGREED, StatusVerdict.TAKE_REMOTE},
        "new_version": new_version,
    }
    row = connection.execute(_WRITE_LEAD, names).fetchone()
    connection.execute(
        _WRITE_DELIVERIES,
        {
            "lead_id": held.lead_id,
            "version": row[0] if row else None,
            "new_version": new_version,
            "push": made.push,
            "confirmed": Jsonb(dict(made.confirmed)),
        },
    )
    if verdict is StatusVerdict.CONFLICT:
        conflict = {
            "lead_id": held.lead_id,
            "local_status": held.status,
            "remote_status": inbound.easycars_status,
        }
        found = connection.execute(_CONFLICT, conflict).fetchone()
        return bool(found and found[0])
    if verdict in _WITHOUT_CONFLICT:
        connection.execute(_NO_CONFLICT, (held.lead_id,))
    return False


def _word[E: StrEnum](kind: type[E], text: str | None) -> E | None:
    """Read a column an older system may have filled with words that are not ours."""
    return kind(text) if text in set(kind) else None
