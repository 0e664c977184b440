"""What leads do that wait for a connection to Dynamics 365, in the transaction that changes it."""

from forecourt.leads.dynamics.categories import MENDED_BY_A_SAVE
from forecourt.storage.deliveries import NOT_OVERTAKING
from forecourt.storage.postgres import Connection

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


def release_waiting(connection: Connection, dealership_id: int) -> None:
    """Make due what waited for a connection, or for a working one; the sweeper wakes it at last."""
    values = {"dealership_id": dealership_id, "codes": sorted(MENDED_BY_A_SAVE)}
    connection.execute(_ADD_UNCONNECTED, values)
    connection.execute(_RELEASE, values)


def park_waiting(connection: Connection, dealership_id: int) -> int:
    """Park what waits for a connection that is removed; say how many leads that are."""
    return connection.execute(_PARK, {"dealership_id": dealership_id}).rowcount
