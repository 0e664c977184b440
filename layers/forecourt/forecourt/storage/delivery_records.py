"""Outcomes of deliveries: ledger, attempt, lead number, frontier and sync log in one commit."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.leads.ledger import Recorded, Report
from forecourt.leads.outcome import DeliveryState, OutcomeKind
from forecourt.leads.probe_ports import TWO_SEARCHES_SECONDS
from forecourt.leads.sink import Operation
from forecourt.logs import get_logger
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Database

_log = get_logger("lead_delivery")

_LONGEST_DETAIL = 1000
_CUSTOMER_NO_LIMIT = 100
"""Of the column; the vendor's own is 20, and half a number would be another one."""

# One statement, because each commit and each round trip costs as much as the rest of a delivery.
#
# numbered  a returned LeadNumber is always recorded; if the lead has another one, the first stays.
#           The vendor's numbers are zero-padded text: "17" and "000017" are one lead's
# kept      the row itself, if its lease still stands. A worker whose lease ran out may still say
#           that an unconfirmed create did succeed. An edit made meanwhile is due at once, also
#           where what was sent before it failed for good, but not before an update whose answer
#           was lost can no longer arrive. So is a refused lead when the hold has ended since, or
#           one found to be in another account: other credentials have been saved. Of a lead that
#           was created twice the number that stays may lack what the second create carried.
# closed    the attempt, once; so doing all this again adds nothing
# frontier  the number that is longer without its zeros is the higher
# stirred   what was looked for in vain is looked for again when a later number is known, though an
#           account with a lead every second is not searched all the time
#
# A delivery that was deleted meanwhile has a row without a state.
_DUE_AGAIN = """(o.is_doubled OR o.is_outdated
             OR (o.state IN ('delivered', 'failed') AND d.wanted_version > o.sent_version))"""
_RECORD = f"""
WITH {RELAXED}, o AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(%(outcomes)s) AS o(
        delivery_id bigint, attempt_id bigint, lease_token uuid, lead_id integer,
        dealership_id integer, sent_version integer, kind text, state text, wait float8,
        burns boolean, called boolean, code text, detail text, latency_ms integer,
        lead_number text, customer_no text, confirmed jsonb, account_scope text, environment text,
        credential_id integer, credential_stamp text, created integer, updated integer,
        failed integer, sync_status text, payload jsonb, response jsonb)
), numbered AS (
    UPDATE lead l
    SET easycars_lead_number = coalesce(l.easycars_lead_number, o.lead_number),
        easycars_customer_no = CASE
            WHEN ltrim(coalesce(l.easycars_lead_number, o.lead_number), '0')
                 = ltrim(o.lead_number, '0')
            THEN coalesce(o.customer_no, l.easycars_customer_no)
            ELSE l.easycars_customer_no END,
        last_known_easycars_status =
            coalesce((o.confirmed ->> 'LeadStatus')::integer, l.last_known_easycars_status),
        status_synced_at = CASE WHEN o.confirmed ->> 'LeadStatus' IS NULL
            THEN l.status_synced_at ELSE now() END,
        last_synced_to_easycars = now()
    FROM o
    WHERE l.id = o.lead_id AND o.kind = 'delivered' AND o.called
    RETURNING o.delivery_id, l.easycars_lead_number AS number,
              o.created = 1
              AND ltrim(l.easycars_lead_number, '0') <> ltrim(o.lead_number, '0') AS is_doubled
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
                SELECT FROM dealership_easycars_credentials c
                WHERE c.dealership_id = d.dealership_id AND c.hold_reason IS NOT NULL)
            THEN now()
            WHEN {_DUE_AGAIN} OR o.state IN ('pending', 'unconfirmed')
            THEN now() + make_interval(secs => o.wait) END,
        lease_token = NULL,
        lease_until = NULL,
        delivered_version = CASE WHEN o.state = 'delivered' AND NOT o.is_doubled
                                 THEN o.sent_version ELSE d.delivered_version END,
        delivered_fields = CASE WHEN o.is_doubled THEN d.delivered_fields
                                ELSE coalesce(o.confirmed, d.delivered_fields) END,
        delivered_at = CASE WHEN o.state = 'delivered' AND NOT o.is_doubled THEN now()
                            ELSE d.delivered_at END,
        remote_id = coalesce(o.number, d.remote_id),
        last_error_code = CASE WHEN o.kind = 'delivered' THEN NULL ELSE o.code END,
        last_error = CASE WHEN o.kind = 'delivered' THEN NULL ELSE o.detail END,
        updated_at = now()
    FROM (SELECT o.*, n.number, coalesce(n.is_doubled, false) AS is_doubled,
                 coalesce(o.code = 'SCOPE_CHANGED', false) AND NOT EXISTS (
                     SELECT FROM dealership_easycars_credentials c
                     WHERE c.dealership_id = o.dealership_id
                       AND c.encryption_iv = o.credential_stamp) AS is_outdated
          FROM o LEFT JOIN numbered n ON n.delivery_id = o.delivery_id) o
    WHERE d.id = o.delivery_id
      AND (d.lease_token = o.lease_token
           OR (d.state = 'unconfirmed' AND o.kind = 'delivered' AND o.called))
    RETURNING d.id, d.state, d.next_attempt_at
), closed AS (
    UPDATE lead_delivery_attempt a
    SET outcome = CASE WHEN n.is_doubled THEN 'duplicate' ELSE o.kind END,
        finished_at = now(), code = o.code, detail = o.detail, latency_ms = o.latency_ms,
        remote_id = o.lead_number,
        http_status = substring(o.code FROM '^HTTP_([0-9]+)$')::integer
    FROM o LEFT JOIN numbered n ON n.delivery_id = o.delivery_id
    WHERE a.id = o.attempt_id AND (a.outcome IS NULL OR a.outcome = 'lease_expired')
    RETURNING a.id, a.started_at
), logged AS (
    INSERT INTO easycars_sync_logs (
        dealership_id, credential_id, sync_type, sync_direction, status, started_at,
        completed_at, records_processed, records_created, records_updated, records_failed,
        error_message, error_details, request_payload, response_summary)
    SELECT o.dealership_id,
           (SELECT c.id FROM dealership_easycars_credentials c WHERE c.id = o.credential_id),
           'Lead', 'Outbound', o.sync_status, closed.started_at, now(), 1, o.created, o.updated,
           o.failed, o.detail,
           CASE WHEN o.code IS NOT NULL THEN jsonb_build_object('code', o.code) END,
           o.payload, o.response
    FROM o JOIN closed ON closed.id = o.attempt_id
    WHERE o.called
), frontier AS (
    INSERT INTO vendor_frontier AS f (account_scope, highest_lead_number)
    SELECT DISTINCT ON (account_scope) account_scope, lead_number
    FROM o WHERE lead_number IS NOT NULL AND length(lead_number) <= 20
    ORDER BY account_scope, length(ltrim(lead_number, '0')) DESC,
             ltrim(lead_number, '0') COLLATE "C" DESC
    ON CONFLICT (account_scope) DO UPDATE
    SET highest_lead_number = excluded.highest_lead_number, updated_at = now()
    WHERE f.highest_lead_number IS NULL
       OR (length(ltrim(f.highest_lead_number, '0')), ltrim(f.highest_lead_number, '0'))
        < (length(ltrim(excluded.highest_lead_number, '0')),
           ltrim(excluded.highest_lead_number, '0') COLLATE "C")
), stirred AS (
    UPDATE lead_delivery d SET next_attempt_at = searched.due, woken_until = NULL
    FROM (SELECT u.id, probes.due
          FROM lead_delivery u
          CROSS JOIN LATERAL (
              SELECT greatest(now(), min(last.started_at) FILTER (WHERE last.nth = 2)
                              + interval '{TWO_SEARCHES_SECONDS} seconds') AS due
              FROM (SELECT p.started_at, row_number() OVER (ORDER BY p.id DESC) AS nth
                    FROM lead_delivery_attempt p
                    WHERE p.delivery_id = u.id AND p.operation = 'probe'
                      AND p.started_at > u.claimed_at
                    ORDER BY p.id DESC LIMIT 2) last
              HAVING count(*) > 0) probes
          WHERE u.state = 'unconfirmed' AND u.next_attempt_at > probes.due
            AND u.remote_scope IN (SELECT account_scope FROM o WHERE created = 1)
            AND u.id NOT IN (SELECT delivery_id FROM o)
          ORDER BY u.id FOR UPDATE OF u SKIP LOCKED) searched
    WHERE d.id = searched.id
)
SELECT o.delivery_id,
       coalesce(kept.state, d.state) AS state,
       coalesce(extract(epoch FROM
           CASE WHEN kept.id IS NULL THEN d.next_attempt_at ELSE kept.next_attempt_at END
           - now()), 0)::float8 AS due_in,
       closed.started_at AS claimed_at,
       CASE WHEN n.is_doubled THEN n.number END AS duplicate_of,
       c.hold_reason IS NOT NULL AS on_hold,
       coalesce(b.open_until IS NOT NULL OR b.failures_in_a_row > 0
                OR cardinality(b.failing_dealerships) > 0, false) AS breaker_counts
FROM relaxed
JOIN o ON true
LEFT JOIN lead_delivery d ON d.id = o.delivery_id
LEFT JOIN kept ON kept.id = d.id
LEFT JOIN numbered n ON n.delivery_id = d.id
LEFT JOIN closed ON closed.id = o.attempt_id
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = d.dealership_id
LEFT JOIN circuit_breaker b ON b.target = 'EasyCars' AND b.environment = o.environment
"""  # noqa: S608 - the interpolated part is a constant


def record_outcomes(database: Database, reports: Sequence[Report]) -> Sequence[Recorded]:
    """Write down what became of claims; doing it twice is the same as doing it once.

    Outcomes the tables refuse are left out.
    """
    rows = [_row(report) for report in sorted(reports, key=lambda report: report.account.stamp)]
    try:
        return _record(database, rows)
    except (psycopg.DataError, psycopg.IntegrityError):
        # One value is no value of its column and must not sink the others; or the credentials or
        # the dealership were deleted before the check of the foreign key, and are not seen again.
        return [recorded for row in rows for recorded in _record_alone(database, row)]


def _record_alone(database: Database, row: Mapping[str, Any]) -> Sequence[Recorded]:
    try:
        return _record(database, [row])
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        _log.error(
            "The database refuses an outcome",
            delivery_id=row["delivery_id"],
            sqlstate=error.sqlstate,
        )
        return []


def _record(database: Database, rows: Sequence[Mapping[str, Any]]) -> Sequence[Recorded]:
    cursor = database.connection().cursor(row_factory=dict_row)
    return [
        Recorded(**row | {"state": None if row["state"] is None else DeliveryState(row["state"])})
        for row in cursor.execute(_RECORD, {"outcomes": Jsonb(rows)})
    ]


def _row(report: Report) -> Mapping[str, Any]:
    claim, outcome = report.claim, report.outcome
    credentials = report.account.credentials
    receipt, push = outcome.receipt, outcome.push
    delivered = outcome.kind is OutcomeKind.DELIVERED
    created = delivered and claim.operation is Operation.CREATE
    customer_no = _storable(receipt.customer_no) if receipt else None
    return {
        "delivery_id": claim.delivery_id,
        "attempt_id": claim.attempt_id,
        "lease_token": str(claim.lease_token),
        "lead_id": claim.lead.lead_id,
        "dealership_id": claim.lead.dealership_id,
        "sent_version": claim.lead.version,
        "kind": outcome.kind,
        "state": outcome.state,
        "wait": outcome.wait,
        "burns": outcome.burns,
        "called": outcome.called,
        "code": outcome.code,
        "detail": _storable(outcome.detail),
        "latency_ms": outcome.latency_ms,
        "lead_number": receipt.lead_number if receipt else None,
        "customer_no": None if len(customer_no or "") > _CUSTOMER_NO_LIMIT else customer_no,
        "confirmed": outcome.confirmed,
        "account_scope": credentials.account_scope,
        "environment": credentials.environment,
        "credential_id": credentials.credential_id,
        "credential_stamp": report.account.stamp,
        "created": int(created),
        "updated": int(delivered and not created),
        "failed": int(not delivered),
        "sync_status": _sync_status(report),
        "payload": push.loggable if push else None,
        "response": {
            "leadNumber": receipt.lead_number,
            "customerNo": customer_no,
            "latencyMs": outcome.latency_ms,
        }
        if receipt
        else None,
    }


def _sync_status(report: Report) -> str:
    """Judge a push as an operator reads it: of unknown outcome, or accepted with a warning."""
    outcome = report.outcome
    if outcome.kind is OutcomeKind.UNKNOWN:
        return "Warning"
    if outcome.kind is not OutcomeKind.DELIVERED:
        return "Failed"
    return "Warning" if outcome.receipt is not None and outcome.receipt.warning else "Success"


def _storable(text: str | None) -> str | None:
    """Cut a text to a sensible length and leave out what PostgreSQL does not take as text."""
    if text is None:
        return None
    return text[:_LONGEST_DETAIL].replace("\0", "").encode(errors="replace").decode()
