"""Outcomes of pushes to Dynamics: delivery and attempt in one commit."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.leads.dynamics.ledger import DynamicsRecorded, DynamicsReport
from forecourt.leads.outcome import DeliveryState
from forecourt.logs import get_logger
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Database

_log = get_logger("dynamics_delivery")

_LONGEST_DETAIL = 1000

# A version that came meanwhile is due at once, also where the one before it failed for good; but
# what somebody deleted in Dynamics waits for a person. So is a refused lead when the hold has ended
# since: another connection has been saved.
_DUE_AGAIN = """(o.state IN ('delivered', 'failed') AND d.wanted_version > o.sent_version
             AND o.code IS DISTINCT FROM 'DELETED_IN_DYNAMICS')"""
_RECORD = f"""
WITH {RELAXED}, o AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(outcomes)s) AS o(
        delivery_id bigint, attempt_id bigint, lease_token uuid, sent_version integer, kind text,
        state text, wait float8, burns boolean, forgets boolean, code text, detail text,
        latency_ms integer, remote_id text, confirmed jsonb, payload_hash text, stamp text)
), kept AS (
    UPDATE lead_delivery d
    SET state = CASE WHEN {_DUE_AGAIN} THEN 'pending' ELSE o.state END,
        attempts = CASE
            WHEN o.kind = 'delivered' AND o.state = 'pending' THEN 0
            WHEN {_DUE_AGAIN} THEN 0
            WHEN o.burns THEN d.attempts
            ELSE greatest(d.attempts - 1, 0) END,
        next_attempt_at = CASE
            WHEN o.kind = 'auth' AND NOT EXISTS (
                SELECT FROM dynamics_connection c
                WHERE c.dealership_id = d.dealership_id AND c.hold_reason IS NOT NULL)
            THEN now()
            WHEN {_DUE_AGAIN} OR o.state = 'pending'
            THEN now() + make_interval(secs => o.wait) END,
        lease_token = NULL,
        lease_until = NULL,
        delivered_version = CASE WHEN o.kind = 'delivered' THEN o.sent_version
                                 ELSE d.delivered_version END,
        delivered_at = CASE WHEN o.kind = 'delivered' THEN now() ELSE d.delivered_at END,
        delivered_fields = CASE WHEN o.forgets THEN NULL
                                ELSE coalesce(o.confirmed, d.delivered_fields) END,
        payload_hash = CASE WHEN o.forgets THEN NULL
                            ELSE coalesce(o.payload_hash, d.payload_hash) END,
        remote_id = coalesce(o.remote_id, d.remote_id),
        last_error_code = CASE WHEN o.kind = 'delivered' THEN NULL ELSE o.code END,
        last_error = CASE WHEN o.kind = 'delivered' THEN NULL ELSE o.detail END,
        updated_at = now()
    FROM o
    WHERE d.id = o.delivery_id AND d.lease_token = o.lease_token
      AND (d.state = 'in_progress'
           OR (o.kind = 'delivered' AND d.state IN ('pending', 'failed')))
    RETURNING d.id, d.state
), closed AS (
    UPDATE lead_delivery_attempt a
    SET outcome = o.kind, finished_at = now(), code = o.code, detail = o.detail,
        latency_ms = o.latency_ms, remote_id = o.remote_id
    FROM o
    WHERE a.id = o.attempt_id AND (a.outcome IS NULL OR a.outcome = 'lease_expired')
    RETURNING a.id, a.started_at
)
SELECT o.delivery_id, coalesce(kept.state, d.state) AS state, closed.started_at AS claimed_at,
       c.hold_reason IS NOT NULL AND c.encryption_iv = o.stamp AS on_hold,
       coalesce(b.open_until IS NOT NULL OR b.failures_in_a_row > 0
                OR cardinality(b.failing_dealerships) > 0, false) AS breaker_counts
FROM relaxed
JOIN o ON true
LEFT JOIN lead_delivery d ON d.id = o.delivery_id
LEFT JOIN kept ON kept.id = d.id
LEFT JOIN closed ON closed.id = o.attempt_id
LEFT JOIN dynamics_connection c ON c.dealership_id = d.dealership_id
LEFT JOIN circuit_breaker b ON b.target = 'Dynamics' AND b.environment = c.base_url
"""  # noqa: S608 - the interpolated parts are constants


def record_outcomes(
    database: Database, reports: Sequence[DynamicsReport]
) -> Sequence[DynamicsRecorded]:
    """Write down what became of claims; outcomes the tables refuse are left out."""
    rows = [_row(report) for report in reports]
    try:
        return _record(database, rows)
    except psycopg.DataError:  # one value must not sink the others
        return [recorded for row in rows for recorded in _record_alone(database, row)]


def _record_alone(database: Database, row: Mapping[str, Any]) -> Sequence[DynamicsRecorded]:
    try:
        return _record(database, [row])
    except psycopg.DataError as error:
        _log.error(
            "The database refuses an outcome",
            delivery_id=row["delivery_id"],
            sqlstate=error.sqlstate,
        )
        return []


def _record(database: Database, rows: Sequence[Mapping[str, Any]]) -> Sequence[DynamicsRecorded]:
    cursor = database.connection().cursor(row_factory=dict_row)
    return [
        DynamicsRecorded(
            **row
            | {
                "state": None if row["state"] is None else DeliveryState(row["state"]),
                "on_hold": bool(row["on_hold"]),
            }
        )
        for row in cursor.execute(_RECORD, {"outcomes": Jsonb(rows)})
    ]


def _row(report: DynamicsReport) -> Mapping[str, Any]:
    claim, outcome = report.claim, report.outcome
    receipt = outcome.receipt
    return {
        "delivery_id": claim.delivery_id,
        "attempt_id": claim.attempt_id,
        "lease_token": str(claim.lease_token),
        "sent_version": claim.lead.version,
        "kind": outcome.kind,
        "state": outcome.state,
        "wait": outcome.wait,
        "burns": outcome.burns,
        "forgets": outcome.forgets,
        "code": outcome.code,
        "detail": outcome.detail[:_LONGEST_DETAIL] if outcome.detail else None,
        "latency_ms": outcome.latency_ms,
        "remote_id": str(receipt.remote_id) if receipt else None,
        "confirmed": None if outcome.confirmed is None else dict(outcome.confirmed),
        "payload_hash": outcome.payload_hash,
        "stamp": report.connection.stamp,
    }
