"""Holds of connections that Dynamics refuses (design 5.1.5).

A hold stands in ``hold_reason`` and ``hold_until`` of the connection's row, and any save of the
connection ends it. How long it lasts follows from the refusals in the attempts' rows.
"""

from collections.abc import Sequence
from datetime import timedelta

from forecourt.leads.dynamics.categories import MENDED_BY_A_SAVE
from forecourt.leads.wake_ups import (
    DYNAMICS,
    MOST_WOKEN_PER_DEALERSHIP,
    ON_ITS_WAY_SECONDS,
    WakeUp,
)
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.storage.postgres import Database

_TRIAL_SECONDS = 150

# Refusals of one burst, when several deliveries were under way, count as one: trials are at least
# a minute apart.
_REFUSALS = """
SELECT count(DISTINCT date_trunc('minute', a.finished_at))
FROM lead_delivery_attempt a
JOIN lead_delivery d ON d.id = a.delivery_id
JOIN dynamics_connection c ON c.dealership_id = d.dealership_id
WHERE d.dealership_id = %(dealership_id)s AND d.target = 'Dynamics' AND a.outcome = 'auth'
  AND a.started_at > now() - interval '1 day'
  AND a.started_at >= c.updated_at
  AND a.finished_at < now() - interval '30 seconds'
  AND a.started_at > coalesce(
      (SELECT max(s.started_at)
       FROM lead_delivery_attempt s JOIN lead_delivery e ON e.id = s.delivery_id
       WHERE e.dealership_id = %(dealership_id)s AND e.target = 'Dynamics'
         AND s.outcome = 'delivered' AND s.started_at > now() - interval '1 day'),
      '-infinity')
"""

_LONE_REFUSALS = """
SELECT count(*)
FROM lead_delivery_attempt a
JOIN lead_delivery d ON d.id = a.delivery_id
JOIN dynamics_connection c ON c.dealership_id = d.dealership_id
WHERE a.delivery_id = %s AND a.outcome = 'auth' AND a.started_at >= c.updated_at
  AND a.started_at > now() - interval '1 day'
  AND EXISTS (
      SELECT FROM lead_delivery_attempt s JOIN lead_delivery e ON e.id = s.delivery_id
      WHERE e.dealership_id = d.dealership_id AND e.target = 'Dynamics'
        AND s.outcome = 'delivered' AND s.latency_ms IS NOT NULL
        AND s.started_at > a.finished_at)
"""

_HOLD = """
UPDATE dynamics_connection SET hold_reason = %(reason)s, hold_until = now() + %(wait)s
WHERE id = %(connection_id)s AND encryption_iv = %(stamp)s
"""

_TAKE_TRIAL = """
UPDATE dynamics_connection SET hold_until = now() + make_interval(secs => %(seconds)s)
WHERE dealership_id = %(dealership_id)s AND is_active AND hold_reason IS NOT NULL
  AND coalesce(hold_until, now()) <= now()
"""

_POSTPONE = """
UPDATE lead_delivery d
SET next_attempt_at = coalesce(c.hold_until, now()), woken_until = NULL,
    last_error_code = 'CREDENTIALS_ON_HOLD', last_error = c.hold_reason, updated_at = now()
FROM dynamics_connection c
WHERE d.dealership_id = %(dealership_id)s AND d.target = 'Dynamics' AND d.state = 'pending'
  AND d.next_attempt_at <= now()
  AND c.dealership_id = d.dealership_id AND c.hold_reason IS NOT NULL
"""

_END_HOLD = """
UPDATE dynamics_connection SET hold_reason = NULL, hold_until = NULL
WHERE id = %(connection_id)s AND hold_reason IS NOT NULL AND encryption_iv = %(stamp)s
"""

_WAITS = """d.dealership_id = %(dealership_id)s AND d.target = 'Dynamics' AND d.state = 'pending'
    AND d.last_error_code = ANY(%(codes)s)"""

# Thousands may have waited: a message goes to the oldest, the others are the sweeper's to wake.
_RELEASE = f"""
WITH first AS (
    SELECT d.id FROM lead_delivery d WHERE {_WAITS} ORDER BY d.id LIMIT %(most)s
), released AS (
    UPDATE lead_delivery d
    SET next_attempt_at = now(), updated_at = now(),
        woken_until = CASE WHEN d.id IN (SELECT id FROM first)
                           THEN now() + make_interval(secs => %(on_its_way)s) END
    FROM lead l
    WHERE l.id = d.lead_id AND {_WAITS}
    RETURNING d.id, l.external_id, d.woken_until
)
SELECT id, external_id FROM released WHERE woken_until IS NOT NULL ORDER BY id
"""  # noqa: S608 - the interpolated parts are constants


def count_refusals(database: Database, dealership_id: int) -> int:
    """Count how often in a row the present connection was refused, bursts as one."""
    row = database.connection().execute(_REFUSALS, {"dealership_id": dealership_id}).fetchone()
    return int(row[0]) if row else 0


def count_lone_refusals(database: Database, delivery_id: int) -> int:
    """Count refusals of a lead by the present connection that others got through after."""
    row = database.connection().execute(_LONE_REFUSALS, (delivery_id,)).fetchone()
    return int(row[0]) if row else 0


def hold_connection(
    database: Database, connection: DynamicsConnection, reason: str, wait: timedelta
) -> bool:
    """Put a connection on hold; False where it was saved since."""
    held = database.connection().execute(
        _HOLD, {**_key(connection), "reason": reason, "wait": wait}
    )
    return held.rowcount == 1


def take_trial(database: Database, dealership_id: int) -> bool:
    """Win the one trial of a hold that has run out; nobody else gets one for 150 s."""
    won = database.connection().execute(
        _TAKE_TRIAL, {"dealership_id": dealership_id, "seconds": _TRIAL_SECONDS}
    )
    return won.rowcount == 1


def postpone_to_hold(database: Database, dealership_id: int) -> None:
    """Let what is due wait until the connection's hold ends, and say why."""
    database.connection().execute(_POSTPONE, {"dealership_id": dealership_id})


def release_held(database: Database, connection: DynamicsConnection) -> Sequence[WakeUp]:
    """End a hold because its connection works; gives wake-ups for the oldest that waited.

    The success of a connection that was saved over since ends nothing.
    """
    with database.transaction() as opened:
        if opened.execute(_END_HOLD, _key(connection)).rowcount == 0:
            return ()
        rows = opened.execute(
            _RELEASE,
            {
                "dealership_id": connection.dealership_id,
                "codes": sorted(MENDED_BY_A_SAVE),
                "most": MOST_WOKEN_PER_DEALERSHIP,
                "on_its_way": ON_ITS_WAY_SECONDS,
            },
        ).fetchall()
    return [
        WakeUp(
            delivery_id=delivery_id,
            external_id=external_id,
            dealership_id=connection.dealership_id,
            target=DYNAMICS,
        )
        for delivery_id, external_id in rows
    ]


def _key(connection: DynamicsConnection) -> dict[str, object]:
    return {"connection_id": connection.connection_id, "stamp": connection.stamp}
