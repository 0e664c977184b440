"""What leads do that wait for a connection to Dynamics 365, in the transaction that changes it."""

from forecourt.leads.dynamics.categories import MENDED_BY_A_SAVE
from forecourt.storage.deliveries import NOT_OVERTAKING
from forecourt.storage.postgres import Connection, Database

# A lead that came while the dealership had no connection at all waits as one for EasyCars.
_ADD_UNCONNECTED = """
INSERT INTO lead_delivery (lead_id, dealership_id, target, state, wanted_version, next_attempt_at)
SELECT l.id, l.dealership_id, 'Dynamics', 'pending', l.version, now()
FROM lead_delivery e
JOIN lead l ON l.id = e.lead_id
WHERE e.dealership_id = %(dealership_id)s AND e.target = 'EasyCars' AND e.state = 'failed'
  AND e.last_error_code = 'NO_CONNECTION' AND NOT l.spam AND l.erased_at IS NULL
ORDER BY l.id
ON CONFLICT (lead_id, target) DO NOTHING
"""

_RELEASE = f"""
UPDATE lead_delivery d
SET state = 'pending', next_attempt_at = {NOT_OVERTAKING}, woken_until = NULL, updated_at = now(),
    attempts = CASE d.state WHEN 'failed' THEN 0 ELSE d.attempts END
WHERE d.dealership_id = %(dealership_id)s AND d.target = 'Dynamics'
  AND d.state IN ('pending', 'failed') AND d.last_error_code = ANY(%(codes)s)
"""  # noqa: S608 - the interpolated part is a constant

_PARK = """
UPDATE lead_delivery
SET state = 'failed', next_attempt_at = NULL, woken_until = NULL, updated_at = now(),
    last_error_code = 'NO_CONNECTION',
    last_error = 'The connection to Dynamics 365 was removed; save one and the lead goes on.'
WHERE dealership_id = %(dealership_id)s AND target = 'Dynamics' AND state = 'pending'
"""

# Somebody who looked a moment before the save may park what it did not release any more.
_RETURN_FORGOTTEN = """
WITH forgotten AS MATERIALIZED (
    SELECT d.id FROM lead_delivery d
    JOIN dynamics_connection c ON c.dealership_id = d.dealership_id AND c.is_active
    WHERE d.state = 'failed' AND d.target = 'Dynamics'
      AND c.updated_at < now() - make_interval(secs => %(grace)s)
      AND (d.last_error_code = 'NO_CONNECTION'
           OR (d.last_error_code = 'CREDENTIALS_UNREADABLE' AND d.updated_at < c.updated_at))
    ORDER BY d.id
    LIMIT %(most)s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE lead_delivery d
SET state = 'pending', attempts = 0, next_attempt_at = now(), woken_until = NULL,
    updated_at = now()
FROM forgotten f
WHERE d.id = f.id
"""

_ADD_FORGOTTEN = """
INSERT INTO lead_delivery (lead_id, dealership_id, target, state, wanted_version, next_attempt_at)
SELECT l.id, l.dealership_id, 'Dynamics', 'pending', l.version, now()
FROM lead_delivery e
JOIN dynamics_connection c ON c.dealership_id = e.dealership_id AND c.is_active
JOIN lead l ON l.id = e.lead_id
WHERE e.state = 'failed' AND e.target = 'EasyCars' AND e.last_error_code = 'NO_CONNECTION'
  AND c.updated_at < now() - make_interval(secs => %(grace)s)
  AND NOT l.spam AND l.erased_at IS NULL
  AND NOT EXISTS (SELECT FROM lead_delivery x WHERE x.lead_id = l.id AND x.target = 'Dynamics')
ORDER BY l.id
LIMIT %(most)s
ON CONFLICT (lead_id, target) DO NOTHING
"""

_FORGOTTEN_AFTER_SECONDS = 60
_MOST_RETURNED = 500


def release_waiting(connection: Connection, dealership_id: int) -> None:
    """Make due what waited for a connection, or for a working one; the sweeper wakes it at last."""
    values = {"dealership_id": dealership_id, "codes": sorted(MENDED_BY_A_SAVE)}
    connection.execute(_ADD_UNCONNECTED, values)
    connection.execute(_RELEASE, values)


def park_waiting(connection: Connection, dealership_id: int) -> int:
    """Park what waits for a connection that is removed; say how many leads that are."""
    return connection.execute(_PARK, {"dealership_id": dealership_id}).rowcount


def return_forgotten(database: Database) -> int:
    """Make due what stayed parked though a connection was saved a minute ago; says how many.

    At most 500 of each kind at a time, which the sweeper wakes.
    """
    values = {"grace": _FORGOTTEN_AFTER_SECONDS, "most": _MOST_RETURNED}
    with database.transaction() as connection:
        returned = connection.execute(_RETURN_FORGOTTEN, values).rowcount
        return returned + connection.execute(_ADD_FORGOTTEN, values).rowcount
