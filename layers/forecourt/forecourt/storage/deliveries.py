"""The ``lead_delivery`` table: look, claim, free, park, release. Recording has its own file."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.ledger import LEASE_SECONDS, Claim, ClaimRequest, DeliveryView
from forecourt.leads.outcome import PROBE_AFTER_SECONDS, DeliveryState
from forecourt.leads.sink import Operation
from forecourt.leads.wake_ups import ON_ITS_WAY_SECONDS, WakeUp
from forecourt.security.credentials import Environment
from forecourt.storage.durability import RELAXED
from forecourt.storage.leads import LEAD_COLUMNS, lead_of_row
from forecourt.storage.postgres import Database

_FREED_AT_ONCE = 500

_LOOK = """
SELECT l.external_id, l.dealership_id, d.id AS delivery_id, d.state,
       coalesce(extract(epoch FROM d.next_attempt_at - now()), 0)::float8 AS due_in,
       coalesce(extract(epoch FROM d.lease_until - now()), 0)::float8 AS lease_left,
       c.encryption_iv AS credential_stamp,
       CASE WHEN c.hold_reason IS NOT NULL
            THEN coalesce(extract(epoch FROM c.hold_until - now()), 0)::float8
       END AS hold_left,
       c.environment,
       extract(epoch FROM b.open_until - now())::float8 AS breaker_left
FROM unnest(%(external_ids)s::uuid[], %(dealership_ids)s::integer[])
     AS wanted(external_id, dealership_id)
JOIN lead l ON l.external_id = wanted.external_id AND l.dealership_id = wanted.dealership_id
LEFT JOIN lead_delivery d ON d.lead_id = l.id AND d.target = 'EasyCars'
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = l.dealership_id AND c.is_active
LEFT JOIN circuit_breaker b ON b.target = 'EasyCars' AND b.environment = c.environment
"""

# The lease of a create that may have been sent stays readable: probing counts from its end. An
# element past the end of an array is null: after the last try there is no wait. A version that came
# meanwhile has all its tries before it.
_EXPIRE = """
WITH dead AS MATERIALIZED (
    SELECT id, (%(floors)s::float8[])[greatest(attempts, 1)] AS wait FROM lead_delivery
    WHERE (%(ids)s::bigint[] IS NULL OR id = ANY(%(ids)s))
      AND state = 'in_progress' AND target = 'EasyCars' AND lease_until <= now()
    ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE lead_delivery d
    SET state = CASE WHEN operation = 'create' THEN 'unconfirmed'
                     WHEN wanted_version > sent_version THEN 'pending'
                     WHEN dead.wait IS NULL THEN 'failed' ELSE 'pending' END,
        attempts = CASE WHEN operation = 'update' AND wanted_version > sent_version THEN 0
                        ELSE attempts END,
        next_attempt_at = CASE
            WHEN operation = 'create' THEN lease_until + make_interval(secs => %(unknown_for)s)
            WHEN wanted_version > sent_version
            THEN now() + make_interval(secs => %(unknown_for)s)
            WHEN dead.wait IS NOT NULL
            THEN now() + make_interval(secs => greatest(dead.wait, %(unknown_for)s)) END,
        lease_token = NULL, woken_until = NULL, last_error_code = 'LEASE_EXPIRED',
        last_error = 'The worker ended before it recorded what became of the request.',
        updated_at = now()
    FROM dead
    WHERE d.id = dead.id
    RETURNING d.id
), closed AS (
    UPDATE lead_delivery_attempt a
    SET outcome = 'lease_expired', finished_at = now(), code = 'LEASE_EXPIRED'
    FROM expired
    WHERE a.delivery_id = expired.id AND a.outcome IS NULL AND a.operation <> 'probe'
)
SELECT id FROM expired
"""

_NOTE_WOKEN = f"""
WITH {RELAXED}
UPDATE lead_delivery
SET woken_until = greatest(next_attempt_at, now()) + make_interval(secs => %(seconds)s)
FROM relaxed
WHERE id = ANY(%(ids)s) AND state = 'pending'
"""  # noqa: S608 - the interpolated part is a constant

_CLAIM = f"""
WITH due AS (
    SELECT d.id, d.lead_id, wanted.account_scope, wanted.lead_source
    FROM unnest(%(ids)s::bigint[], %(scopes)s::text[], %(sources)s::text[])
         AS wanted(id, account_scope, lead_source)
    JOIN lead_delivery d ON d.id = wanted.id
    WHERE d.state = 'pending' AND (d.next_attempt_at IS NULL OR d.next_attempt_at <= now())
    ORDER BY d.id
    FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE lead_delivery d
    SET state = 'in_progress',
        operation = CASE WHEN l.easycars_lead_number IS NULL THEN 'create' ELSE 'update' END,
        attempts = d.attempts + 1,
        lease_token = gen_random_uuid(),
        lease_until = now() + make_interval(secs => %(lease)s),
        claimed_at = now(),
        woken_until = NULL,
        sent_version = l.version,
        probe_from = f.highest_lead_number,
        probe_upto = NULL,
        remote_scope = CASE WHEN l.easycars_lead_number IS NULL THEN due.account_scope
                            ELSE coalesce(d.remote_scope, due.account_scope) END,
        remote_source = CASE WHEN l.easycars_lead_number IS NULL THEN due.lead_source
                             ELSE d.remote_source END,
        updated_at = now()
    FROM due
    JOIN lead l ON l.id = due.lead_id
    LEFT JOIN vendor_frontier f ON f.account_scope = due.account_scope
    -- A statement that was held up can see the lead as it was before its number came.
    WHERE d.id = due.id AND NOT (l.easycars_lead_number IS NULL AND d.remote_id IS NOT NULL)
    RETURNING d.id, d.lead_id, d.operation, d.attempts, d.lease_token, d.sent_version,
              d.delivered_fields, d.remote_scope
), begun AS (
    INSERT INTO lead_delivery_attempt (delivery_id, attempt_no, operation, sent_version, worker)
    SELECT c.id,
           1 + coalesce((SELECT max(a.attempt_no) FROM lead_delivery_attempt a
                         WHERE a.delivery_id = c.id), 0),
           c.operation, c.sent_version, %(worker)s
    FROM claimed c
    RETURNING id, delivery_id
)
SELECT c.id AS delivery_id, b.id AS attempt_id, c.operation, c.attempts, c.lease_token,
       c.delivered_fields, c.remote_scope, {LEAD_COLUMNS}
FROM claimed c
JOIN begun b ON b.delivery_id = c.id
JOIN lead l ON l.id = c.lead_id
LEFT JOIN vehicle v ON v.id = l.vehicle_id
ORDER BY c.id
"""  # noqa: S608 - the interpolated part is a constant

# null, not absent: an absent LeadStatus means "as a create leaves it".
_FORGET = """
UPDATE lead_delivery d
SET delivered_fields = coalesce(d.delivered_fields, '{}') || o.overwritten
FROM jsonb_to_recordset(%(updates)s) AS o(id bigint, lease_token uuid, overwritten jsonb)
WHERE d.id = o.id AND d.lease_token = o.lease_token
RETURNING d.id
"""

_FAIL = """
UPDATE lead_delivery
SET state = 'failed', next_attempt_at = NULL, woken_until = NULL, last_error_code = %(code)s,
    last_error = %(detail)s, updated_at = now()
WHERE id = ANY(%(ids)s) AND state = 'pending'
"""

# Due as before, so that they go in their turn; who sends wake-ups looks at the breaker first.
_LEAVE_FOR_BREAKER = """
UPDATE lead_delivery
SET woken_until = NULL, last_error_code = 'VENDOR_AWAY', last_error = %(detail)s, updated_at = now()
WHERE id = ANY(%(ids)s) AND state = 'pending'
"""
_VENDOR_AWAY = (
    "EasyCars does not answer. One lead a minute tries it; this one is sent by itself once "
    "EasyCars answers again, and has lost none of its tries."
)

_UNPARK = """
UPDATE lead_delivery d
SET state = 'pending', next_attempt_at = now(), woken_until = NULL, updated_at = now()
FROM dealership_easycars_credentials c
WHERE d.id = ANY(%(ids)s) AND d.state = 'failed' AND d.last_error_code = 'NO_CONNECTION'
  AND c.dealership_id = d.dealership_id AND c.is_active
RETURNING d.id
"""

NOT_OVERTAKING = f"""greatest(now(), (
    SELECT d.claimed_at
           + make_interval(secs => {WRITE_WITHIN_SECONDS} + {PROBE_AFTER_SECONDS})
    FROM (SELECT a.operation, a.outcome FROM lead_delivery_attempt a
          WHERE a.delivery_id = d.id AND a.operation <> 'probe'
          ORDER BY a.id DESC LIMIT 1) last
    WHERE (last.operation = 'update' OR d.target = 'Dynamics')
      AND coalesce(last.outcome, 'unknown') IN ('unknown', 'lease_expired')))"""  # noqa: S608
"""When ``lead_delivery d`` may be sent again: at once, unless its last update may still arrive.

What creates a lead in Dynamics updates one that is there, so there both count. To whoever waited
for the row an outcome recorded meanwhile is not visible yet."""

# One that was released and has not been tried yet is released again: its wake-up may be lost. What
# was deleted in Dynamics is made there again, whole.
_GONE = "coalesce(d.last_error_code = 'DELETED_IN_DYNAMICS', false)"
_RELEASE = f"""
UPDATE lead_delivery d
SET state = 'pending', attempts = 0, next_attempt_at = {NOT_OVERTAKING}, woken_until = NULL,
    remote_id = CASE WHEN {_GONE} THEN NULL ELSE d.remote_id END,
    delivered_fields = CASE WHEN {_GONE} THEN NULL ELSE d.delivered_fields END,
    payload_hash = CASE WHEN {_GONE} THEN NULL ELSE d.payload_hash END,
    updated_at = now()
FROM lead l
WHERE d.id = %(id)s AND l.id = d.lead_id
  AND (d.state = 'failed'
       OR (d.state = 'pending' AND d.attempts = 0 AND d.next_attempt_at <= now()))
  AND (%(dealership_id)s::integer IS NULL OR d.dealership_id = %(dealership_id)s)
RETURNING d.id, l.external_id, d.dealership_id, d.target
"""  # noqa: S608 - the interpolated parts are constants


def look_at_deliveries(
    database: Database, leads: Collection[tuple[UUID, int]]
) -> Mapping[UUID, DeliveryView | None]:
    """Show the EasyCars deliveries of leads; None for a lead that has none."""
    cursor = database.connection().cursor(row_factory=dict_row)
    rows = cursor.execute(
        _LOOK,
        {
            "external_ids": [external_id for external_id, _ in leads],
            "dealership_ids": [dealership_id for _, dealership_id in leads],
        },
    )
    return {
        row["external_id"]: None if row["delivery_id"] is None else view_of_row(row) for row in rows
    }


def view_of_row(row: Mapping[str, Any]) -> DeliveryView:
    """Build a view from a row with its columns."""
    environment = row["environment"]
    return DeliveryView(
        **{
            **row,
            "state": DeliveryState(row["state"]),
            "environment": None if environment is None else Environment(environment),
        }
    )


def expire_leases(
    database: Database, delivery_ids: Collection[int] | None, floors: Sequence[float]
) -> Collection[int]:
    """Free EasyCars deliveries whose lease has run out; says which those were.

    Parameters
    ----------
    delivery_ids
        Which to look at; None for all, 500 at a time.
    floors
        Seconds an update waits after each of its tries; past the last it fails. A create becomes
        unconfirmed whatever its tries.
    """
    rows = database.connection().execute(
        _EXPIRE,
        {
            "ids": None if delivery_ids is None else list(delivery_ids),
            "floors": list(floors),
            "unknown_for": PROBE_AFTER_SECONDS,
            "limit": _FREED_AT_ONCE,
        },
    )
    return [delivery_id for (delivery_id,) in rows]


def note_woken(database: Database, delivery_ids: Collection[int]) -> None:
    """Note that a message about pending deliveries arrives when they are due."""
    database.connection().execute(
        _NOTE_WOKEN, {"ids": list(delivery_ids), "seconds": ON_ITS_WAY_SECONDS}
    )


def claim_deliveries(
    database: Database, requests: Sequence[ClaimRequest], worker: str
) -> Sequence[Claim]:
    """Claim what is pending and due, with a lease of 150 s and a row for the attempt."""
    cursor = database.connection().cursor(row_factory=dict_row)
    rows = cursor.execute(
        _CLAIM,
        {
            "ids": [request.delivery_id for request in requests],
            "scopes": [request.account_scope for request in requests],
            "sources": [request.lead_source for request in requests],
            "lease": LEASE_SECONDS,
            "worker": worker,
        },
    )
    return [
        Claim(
            delivery_id=row["delivery_id"],
            attempt_id=row["attempt_id"],
            lease_token=row["lease_token"],
            attempts=row["attempts"],
            lead=lead_of_row(row),
            operation=Operation(row["operation"]),
            delivered_fields=row["delivered_fields"],
            remote_scope=row["remote_scope"],
        )
        for row in rows
    ]


def forget_fields(
    database: Database, keys: Mapping[int, tuple[UUID, Collection[str]]]
) -> Collection[int]:
    """Strike fields off the last confirmed state; gives back the deliveries still leased."""
    updates = [
        {"id": delivery_id, "lease_token": str(token), "overwritten": dict.fromkeys(names)}
        for delivery_id, (token, names) in keys.items()
    ]
    rows = database.connection().execute(_FORGET, {"updates": Jsonb(updates)})
    return [delivery_id for (delivery_id,) in rows]


def fail_deliveries(
    database: Database, delivery_ids: Collection[int], code: str, detail: str
) -> None:
    """Park pending deliveries for a person."""
    database.connection().execute(
        _FAIL, {"ids": list(delivery_ids), "code": code, "detail": detail}
    )


def leave_for_breaker(database: Database, delivery_ids: Collection[int]) -> None:
    """Leave pending deliveries due while the vendor is away, and say why they wait."""
    database.connection().execute(
        _LEAVE_FOR_BREAKER, {"ids": list(delivery_ids), "detail": _VENDOR_AWAY}
    )


def unpark_connected(database: Database, delivery_ids: Collection[int]) -> Collection[int]:
    """Make due what is parked as unconnected though active credentials are there; says which."""
    rows = database.connection().execute(_UNPARK, {"ids": list(delivery_ids)})
    return {delivery_id for (delivery_id,) in rows}


def release_delivery(
    database: Database, delivery_id: int, *, dealership_id: int | None = None
) -> WakeUp | None:
    """Make a failed delivery due again, with all its tries before it, as a person asked.

    Parameters
    ----------
    dealership_id
        Whose delivery it must be; None for an administrator.

    Returns
    -------
    WakeUp or None
        What to send to its target's queue; None where there is no such failed delivery.
    """
    row = (
        database.connection()
        .execute(_RELEASE, {"id": delivery_id, "dealership_id": dealership_id})
        .fetchone()
    )
    if row is None:
        return None
    return WakeUp(delivery_id=row[0], external_id=row[1], dealership_id=row[2], target=row[3])
