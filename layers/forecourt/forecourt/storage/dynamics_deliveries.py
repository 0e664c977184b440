"""Deliveries to Dynamics in ``lead_delivery``: look, claim, free, wake, park.

No row here is ever ``unconfirmed``: an upsert by the alternate key finds its own record again
(decision 18). Recording and holds have their own files.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from psycopg.rows import class_row, dict_row

from forecourt.leads.dynamics.ledger import (
    ConnectionView,
    DynamicsClaim,
)
from forecourt.leads.dynamics.outcome import QUIET_SECONDS
from forecourt.leads.ledger import LEASE_SECONDS
from forecourt.leads.sink import Operation
from forecourt.leads.wake_ups import DYNAMICS, ON_ITS_WAY_SECONDS, WakeUp
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.storage.durability import RELAXED
from forecourt.storage.leads import LEAD_COLUMNS, lead_of_row
from forecourt.storage.postgres import Database

_FREED_AT_ONCE = 500

PUSH_ENABLED = """NOT EXISTS (SELECT FROM system_settings
    WHERE key = 'dynamics_push_enabled' AND value = 'false')"""
"""Whether the feature flag lets leads be pushed to Dynamics."""

_DUE = """d.dealership_id = {dealership} AND d.target = 'Dynamics' AND d.state = 'pending'
    AND d.next_attempt_at <= now()"""

_LOOK = f"""
SELECT p.dealership_id, c.id AS connection_id, c.encryption_iv AS stamp,
       c.base_url AS environment_url, coalesce(c.is_active, false) AS is_active,
       {PUSH_ENABLED} AS is_enabled,
       CASE WHEN c.hold_reason IS NOT NULL
            THEN coalesce(extract(epoch FROM c.hold_until - now()), 0)::float8
       END AS hold_left,
       extract(epoch FROM b.open_until - now())::float8 AS breaker_left,
       extract(epoch FROM now() - c.metadata_read_at)::float8 AS metadata_age,
       EXISTS (SELECT FROM lead_delivery d WHERE {_DUE.format(dealership="p.dealership_id")})
           AS has_due
FROM unnest(%(dealership_ids)s::integer[]) AS p(dealership_id)
LEFT JOIN dynamics_connection c ON c.dealership_id = p.dealership_id
LEFT JOIN circuit_breaker b ON b.target = 'Dynamics' AND b.environment = c.base_url
"""  # noqa: S608 - the interpolated parts are constants

# The token stays: a worker that was only late may still say that it succeeded, as long as nobody
# claimed since. What it sent may be there or not, so what is there is not known any more.
_EXPIRE = """
WITH dead AS MATERIALIZED (
    SELECT id, (%(floors)s::float8[])[greatest(attempts, 1)] AS wait,
           wanted_version > sent_version AS is_changed
    FROM lead_delivery
    WHERE (%(dealership_ids)s::integer[] IS NULL OR dealership_id = ANY(%(dealership_ids)s))
      AND state = 'in_progress' AND target = 'Dynamics' AND lease_until <= now()
    ORDER BY lease_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE lead_delivery d
    SET state = CASE WHEN dead.wait IS NULL AND NOT dead.is_changed THEN 'failed'
                     ELSE 'pending' END,
        attempts = CASE WHEN dead.is_changed THEN 0 ELSE d.attempts END,
        next_attempt_at = CASE
            WHEN dead.is_changed THEN now() + make_interval(secs => %(quiet)s)
            WHEN dead.wait IS NOT NULL
            THEN now() + make_interval(secs => greatest(dead.wait, %(quiet)s)) END,
        lease_until = NULL, woken_until = NULL, delivered_fields = NULL, payload_hash = NULL,
        last_error_code = 'LEASE_EXPIRED',
        last_error = 'The worker ended before it recorded what became of the request.',
        updated_at = now()
    FROM dead
    WHERE d.id = dead.id
    RETURNING d.id
), closed AS (
    UPDATE lead_delivery_attempt a
    SET outcome = 'lease_expired', finished_at = now(), code = 'LEASE_EXPIRED'
    FROM expired
    WHERE a.delivery_id = expired.id AND a.outcome IS NULL
)
SELECT id FROM expired
"""

# Another organisation knows nothing of the lead: what was confirmed in the former one counts for
# nothing here.
_CLAIM = f"""
WITH due AS (
    SELECT d.id, d.lead_id, d.remote_scope IS NOT DISTINCT FROM %(remote_scope)s AS is_there
    FROM lead_delivery d
    JOIN dynamics_connection c ON c.dealership_id = d.dealership_id
    WHERE {_DUE.format(dealership="%(dealership_id)s")} AND c.is_active
      AND c.encryption_iv = %(stamp)s AND {PUSH_ENABLED}
    ORDER BY d.next_attempt_at, d.id
    LIMIT %(limit)s
    FOR UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE lead_delivery d
    SET state = 'in_progress',
        operation = CASE WHEN due.is_there AND d.remote_id IS NOT NULL THEN 'update'
                         ELSE 'create' END,
        attempts = d.attempts + 1,
        lease_token = gen_random_uuid(),
        lease_until = now() + make_interval(secs => %(lease)s),
        claimed_at = now(),
        woken_until = NULL,
        sent_version = l.version,
        remote_scope = %(remote_scope)s,
        remote_id = CASE WHEN due.is_there THEN d.remote_id END,
        delivered_fields = CASE WHEN due.is_there THEN d.delivered_fields END,
        payload_hash = CASE WHEN due.is_there THEN d.payload_hash END,
        delivered_version = CASE WHEN due.is_there THEN d.delivered_version END,
        updated_at = now()
    FROM due JOIN lead l ON l.id = due.lead_id
    WHERE d.id = due.id
    RETURNING d.id, d.lead_id, d.operation, d.attempts, d.lease_token, d.sent_version,
              d.remote_id, d.delivered_fields, d.payload_hash
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
       c.remote_id, c.delivered_fields, c.payload_hash, {LEAD_COLUMNS}
FROM claimed c
JOIN begun b ON b.delivery_id = c.id
JOIN lead l ON l.id = c.lead_id
LEFT JOIN vehicle v ON v.id = l.vehicle_id
ORDER BY c.id
"""  # noqa: S608 - the interpolated parts are constants

_WAKE_NEXT = f"""
WITH {RELAXED}, next AS MATERIALIZED (
    SELECT d.id FROM lead_delivery d
    WHERE {_DUE.format(dealership="%(dealership_id)s")}
    ORDER BY d.next_attempt_at, d.id LIMIT 1 FOR UPDATE OF d SKIP LOCKED
)
UPDATE lead_delivery d
SET woken_until = now() + make_interval(secs => %(delay)s + %(on_its_way)s)
FROM next, relaxed, lead l
WHERE d.id = next.id AND l.id = d.lead_id
RETURNING d.id AS delivery_id, l.external_id, d.dealership_id
"""  # noqa: S608 - the interpolated parts are constants

# What another connection was saved for meanwhile has been released with it.
_PARK_DUE = f"""
UPDATE lead_delivery d
SET state = 'failed', next_attempt_at = NULL, woken_until = NULL, last_error_code = %(code)s,
    last_error = %(detail)s, updated_at = now()
WHERE {_DUE.format(dealership="%(dealership_id)s")}
  AND NOT EXISTS (SELECT FROM dynamics_connection c WHERE c.dealership_id = d.dealership_id
                  AND c.encryption_iv IS DISTINCT FROM %(stamp)s::text)
"""  # noqa: S608 - the interpolated part is a constant

# Due as before, so that they go in their turn; who sends wake-ups looks at the breaker first.
_LEAVE_FOR_BREAKER = f"""
UPDATE lead_delivery d
SET woken_until = NULL, last_error_code = 'VENDOR_AWAY', last_error = %(detail)s, updated_at = now()
WHERE {_DUE.format(dealership="%(dealership_id)s")}
  AND (d.woken_until IS NOT NULL OR d.last_error_code IS DISTINCT FROM 'VENDOR_AWAY')
"""  # noqa: S608 - the interpolated part is a constant
_VENDOR_AWAY = (
    "Dynamics does not answer. One lead a minute tries it; this one is sent by itself once "
    "Dynamics answers again, and has lost none of its tries."
)


def look_at_connections(
    database: Database, dealership_ids: Collection[int]
) -> Sequence[ConnectionView]:
    """Show the connections of dealerships, and whether anything is due."""
    cursor = database.connection().cursor(row_factory=class_row(ConnectionView))
    return cursor.execute(_LOOK, {"dealership_ids": list(dealership_ids)}).fetchall()


def expire_leases(
    database: Database, dealership_ids: Collection[int] | None, floors: Sequence[float]
) -> Collection[int]:
    """Free deliveries whose lease has run out, of all dealerships where None; says which."""
    rows = database.connection().execute(
        _EXPIRE,
        {
            "dealership_ids": None if dealership_ids is None else list(dealership_ids),
            "floors": list(floors),
            "quiet": QUIET_SECONDS,
            "limit": _FREED_AT_ONCE,
        },
    )
    return [delivery_id for (delivery_id,) in rows]


def claim_due(
    database: Database, connection: DynamicsConnection, limit: int, worker: str
) -> Sequence[DynamicsClaim]:
    """Claim what is due longest, with a lease of 150 s and a row for each attempt."""
    cursor = database.connection().cursor(row_factory=dict_row)
    rows = cursor.execute(
        _CLAIM,
        {
            "dealership_id": connection.dealership_id,
            "stamp": connection.stamp,
            "remote_scope": connection.remote_scope,
            "lease": LEASE_SECONDS,
            "limit": limit,
            "worker": worker,
        },
    )
    return [
        DynamicsClaim(
            delivery_id=row["delivery_id"],
            attempt_id=row["attempt_id"],
            lease_token=row["lease_token"],
            attempts=row["attempts"],
            lead=lead_of_row(row),
            operation=Operation(row["operation"]),
            remote_id=_guid_of(row["remote_id"]),
            delivered_fields=row["delivered_fields"],
            payload_hash=row["payload_hash"],
        )
        for row in rows
    ]


def wake_next(database: Database, dealership_id: int, delay: int) -> Sequence[WakeUp]:
    """Note that a message about what is due longest comes after so many seconds."""
    cursor = database.connection().cursor(row_factory=dict_row)
    rows = cursor.execute(
        _WAKE_NEXT,
        {"dealership_id": dealership_id, "delay": delay, "on_its_way": ON_ITS_WAY_SECONDS},
    )
    return [WakeUp(**row, delay=delay, target=DYNAMICS) for row in rows]


def park_due(
    database: Database, dealership_id: int, code: str, detail: str, stamp: str | None
) -> int:
    """Park what is due of a dealership for a person, unless its connection is another by now."""
    parked = database.connection().execute(
        _PARK_DUE,
        {"dealership_id": dealership_id, "code": code, "detail": detail, "stamp": stamp},
    )
    return parked.rowcount


def leave_for_breaker(database: Database, dealership_id: int) -> None:
    """Leave what is due as it is while Dynamics is away, and say why it waits."""
    database.connection().execute(
        _LEAVE_FOR_BREAKER, {"dealership_id": dealership_id, "detail": _VENDOR_AWAY}
    )


def _guid_of(text: str | None) -> UUID | None:
    """Read a record's id; what is none never gets into an address, and the key finds the record."""
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
