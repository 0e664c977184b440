"""Deliveries that a person, or saved credentials, set in motion again."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.admin.delivery_acts import Act, require_possible
from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.outcome import PROBE_AFTER_SECONDS
from forecourt.leads.probe_ports import FoundLead
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.credentials import EasyCarsCredentials
from forecourt.storage.adoptions import adopt_number
from forecourt.storage.audit_log import write_audit
from forecourt.storage.deliveries import release_delivery
from forecourt.storage.holds import release_after_save
from forecourt.storage.lead_reports import DELIVERY_STANDING
from forecourt.storage.postgres import Connection, Database

# The lead before its delivery, as recording does, so that the two do not wait for each other.
_LOCK_LEAD = """
SELECT FROM lead l
WHERE l.id = (SELECT d.lead_id FROM lead_delivery d WHERE d.id = %(delivery_id)s
              AND (%(scope)s::integer IS NULL OR d.dealership_id = %(scope)s))
FOR UPDATE
"""

_LOCK_DELIVERY = f"""
SELECT d.id, l.external_id, d.dealership_id, {DELIVERY_STANDING}
FROM lead_delivery d JOIN lead l ON l.id = d.lead_id
WHERE d.id = %(delivery_id)s AND (%(scope)s::integer IS NULL OR d.dealership_id = %(scope)s)
FOR UPDATE OF d
"""  # noqa: S608 - the interpolated part is a constant

# What was sent and not answered may arrive there up to 180 s later (design 5.1.4); a lease that ran
# out stays readable. The number it had stays in the attempt.
_SEND_AGAIN = """
WITH forgotten AS (
    UPDATE lead l
    SET easycars_lead_number = NULL, easycars_customer_no = NULL,
        last_known_easycars_status = NULL, status_synced_at = NULL
    FROM lead_delivery d
    WHERE d.id = %(delivery_id)s AND l.id = d.lead_id AND l.easycars_lead_number IS NOT NULL
), closed AS (
    UPDATE lead_status_conflicts c
    SET is_resolved = true, resolved_at = now(), resolved_by = left(%(actor)s, 255),
        resolution = 'superseded'
    FROM lead_delivery d
    WHERE d.id = %(delivery_id)s AND c.lead_id = d.lead_id AND NOT c.is_resolved
), noted AS (
    INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, finished_at, outcome,
                                       detail, remote_id, sent_version)
    SELECT d.id,
           1 + coalesce((SELECT max(a.attempt_no) FROM lead_delivery_attempt a
                         WHERE a.delivery_id = d.id), 0),
           'probe', now(), 'create_again',
           'A person had the lead sent again' || coalesce(
               '; in the account of before it was number ' || d.remote_id, '') || '.',
           d.remote_id, d.sent_version
    FROM lead_delivery d WHERE d.id = %(delivery_id)s
)
UPDATE lead_delivery d
SET state = 'pending', operation = 'create', attempts = 0, woken_until = NULL,
    next_attempt_at = CASE WHEN d.remote_id IS NULL THEN greatest(now(),
        coalesce(d.lease_until, d.claimed_at + make_interval(secs => %(window)s))
        + make_interval(secs => %(quiet)s)) ELSE now() END,
    lease_until = NULL, lease_token = NULL, probe_from = NULL, probe_upto = NULL,
    remote_id = NULL, remote_scope = NULL, remote_source = NULL,
    delivered_fields = NULL, delivered_version = NULL, delivered_at = NULL,
    last_error_code = NULL, last_error = NULL, updated_at = now()
WHERE d.id = %(delivery_id)s
RETURNING d.next_attempt_at <= now()
"""

_NOTE_SOURCE = """
UPDATE lead_delivery SET remote_source = %(lead_source)s WHERE id = %(delivery_id)s
RETURNING state = 'pending'
"""

_HOLDER = """
SELECT l.external_id, d.dealership_id
FROM lead_delivery d JOIN lead l ON l.id = d.lead_id
WHERE d.target = 'EasyCars' AND d.remote_id = %(number)s AND d.remote_scope = %(account_scope)s
  AND d.id <> %(delivery_id)s
LIMIT 1
"""


class PostgresReplays:
    """Adapter of :class:`forecourt.admin.lead_ports.Replays`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release(self, delivery_id: int, scope: int | None, *, actor: Actor) -> WakeUp | None:
        """Make a failed delivery due; None where there is no such delivery."""
        with self._database.transaction() as connection:
            row = self._locked(connection, delivery_id, scope)
            if row is None:
                return None
            require_possible(Act.RETRY, row)
            wake_up = release_delivery(self._database, delivery_id, dealership_id=scope)
            if wake_up is not None:
                write_audit(connection, actor, _entry("delivery.retried", row))
        return wake_up

    def send_again(
        self, delivery_id: int, scope: int | None, *, actor: Actor
    ) -> Sequence[WakeUp] | None:
        """Let a lead be created, whatever became of it before; None where there is no such one."""
        with self._database.transaction() as connection:
            row = self._locked(connection, delivery_id, scope)
            if row is None:
                return None
            require_possible(Act.RESEND, row)
            values = {
                "delivery_id": delivery_id,
                "actor": actor.name,
                "window": WRITE_WITHIN_SECONDS,
                "quiet": PROBE_AFTER_SECONDS,
            }
            is_due = (connection.execute(_SEND_AGAIN, values).fetchone() or (False,))[0]
            detail = {"formerNumber": row["lead_number"]} if row["lead_number"] else {}
            write_audit(connection, actor, _entry("delivery.resent", row, detail))
        return [_wake_up(row)] if is_due else ()

    def adopt(
        self,
        delivery_id: int,
        scope: int | None,
        found: FoundLead,
        credentials: EasyCarsCredentials,
        *,
        actor: Actor,
    ) -> Sequence[WakeUp] | None:
        """Give a lead the number a person said; None where somebody else has it by now."""
        with self._database.transaction() as connection:
            row = self._locked(connection, delivery_id, scope)
            if row is None:
                return None
            require_possible(Act.RESOLVE, row)
            adopted = adopt_number(
                self._database,
                delivery_id=delivery_id,
                lead_number=found.number,
                customer_no=found.customer_no,
                confirmed=found.confirmed,
                account_scope=credentials.account_scope,
                detail=f"A person said that it is number {found.number}.",
            )
            if not adopted:
                return None
            values = {"delivery_id": delivery_id, "lead_source": credentials.lead_source}
            is_due = (connection.execute(_NOTE_SOURCE, values).fetchone() or (False,))[0]
            entry = _entry("delivery.resolved", row, {"number": found.number})
            write_audit(connection, actor, entry)
        return [_wake_up(row)] if is_due else ()

    def holder(self, number: str, account_scope: str, delivery_id: int) -> Mapping[str, Any] | None:
        """Return ``external_id`` and ``dealership_id`` of another lead that has a number."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        values = {"number": number, "account_scope": account_scope, "delivery_id": delivery_id}
        return cursor.execute(_HOLDER, values).fetchone()

    def release_waiting(
        self, dealership_id: int, account_scope: str | None = None
    ) -> Sequence[WakeUp]:
        """Make due what waited for credentials of a dealership."""
        return release_after_save(self._database, dealership_id, account_scope)

    def _locked(
        self, connection: Connection, delivery_id: int, scope: int | None
    ) -> Mapping[str, Any] | None:
        values = {"delivery_id": delivery_id, "scope": scope}
        connection.execute(_LOCK_LEAD, values)
        return connection.cursor(row_factory=dict_row).execute(_LOCK_DELIVERY, values).fetchone()


def _wake_up(row: Mapping[str, Any]) -> WakeUp:
    return WakeUp(
        delivery_id=row["id"], external_id=row["external_id"], dealership_id=row["dealership_id"]
    )


def _entry(
    action: str, row: Mapping[str, Any], detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    return AuditEntry(
        action=action,
        subject_type="delivery",
        subject_id=row["id"],
        dealership_id=row["dealership_id"],
        detail=dict(detail or {}),
    )
