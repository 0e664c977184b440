"""Holds of dealerships whose credentials the vendor refuses (design 5.1.5).

A hold stands in ``hold_reason`` and ``hold_until`` of the credentials' row, and any write of the
credentials ends it. How long it lasts follows from the refusals in the attempts' rows.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.outcome import PROBE_AFTER_SECONDS
from forecourt.leads.wake_ups import MOST_WOKEN_PER_DEALERSHIP, ON_ITS_WAY_SECONDS, WakeUp
from forecourt.storage.postgres import Database

_TRIAL_SECONDS = 150

# Refusals of one burst, when several deliveries were under way, count as one: trials are at least
# a minute apart.
_REFUSALS = """
SELECT count(DISTINCT date_trunc('minute', a.finished_at))
FROM lead_delivery_attempt a
JOIN lead_delivery d ON d.id = a.delivery_id
JOIN dealership_easycars_credentials c ON c.dealership_id = d.dealership_id
WHERE d.dealership_id = %(dealership_id)s AND d.target = 'EasyCars' AND a.outcome = 'auth'
  AND a.started_at > now() - interval '1 day'
  AND a.started_at >= c.updated_at
  AND a.finished_at < now() - interval '30 seconds'
  AND a.started_at > coalesce(
      (SELECT max(s.started_at)
       FROM lead_delivery_attempt s JOIN lead_delivery e ON e.id = s.delivery_id
       WHERE e.dealership_id = %(dealership_id)s AND e.target = 'EasyCars'
         AND s.outcome = 'delivered' AND s.started_at > now() - interval '1 day'),
      '-infinity')
"""

_HOLD = """
UPDATE dealership_easycars_credentials
SET hold_reason = %(reason)s, hold_until = now() + %(wait)s
WHERE dealership_id = %(dealership_id)s AND encryption_iv = %(stamp)s
"""

_TAKE_TRIAL = """
UPDATE dealership_easycars_credentials
SET hold_until = now() + make_interval(secs => %(seconds)s)
WHERE dealership_id = %(dealership_id)s AND is_active AND hold_reason IS NOT NULL
  AND coalesce(hold_until, now()) <= now()
"""

_POSTPONE = """
UPDATE lead_delivery d
SET next_attempt_at = coalesce(c.hold_until, now()), woken_until = NULL,
    last_error_code = 'CREDENTIALS_ON_HOLD',
    last_error = c.hold_reason, updated_at = now()
FROM dealership_easycars_credentials c
WHERE d.id = ANY(%(ids)s) AND d.state = 'pending' AND c.dealership_id = d.dealership_id
  AND c.hold_reason IS NOT NULL
"""

_END_HOLD = """
UPDATE dealership_easycars_credentials SET hold_reason = NULL, hold_until = NULL
WHERE dealership_id = %(dealership_id)s AND hold_reason IS NOT NULL
  AND (%(stamp)s::text IS NULL OR encryption_iv = %(stamp)s)
"""

_WAITS_FOR_CREDENTIALS = """
    d.dealership_id = %(dealership_id)s AND d.target = 'EasyCars'
    AND (d.state = 'pending' OR (%(parked_too)s AND d.state = 'failed'))
    AND d.last_error_code IN ('AUTHENTICATION_FAILED', 'INVALID_CREDENTIALS',
                              'CREDENTIALS_ON_HOLD', 'NO_CONNECTION', 'CREDENTIALS_UNREADABLE')
"""

# Thousands may have waited: a message goes to the oldest, the others are the sweeper's to wake.
_RELEASE = f"""
WITH first AS (
    SELECT d.id FROM lead_delivery d WHERE {_WAITS_FOR_CREDENTIALS} ORDER BY d.id LIMIT %(most)s
), released AS (
    UPDATE lead_delivery d
    SET state = 'pending', next_attempt_at = now(), updated_at = now(),
        attempts = CASE d.state WHEN 'failed' THEN 0 ELSE d.attempts END,
        woken_until = CASE WHEN d.id IN (SELECT id FROM first)
                           THEN now() + make_interval(secs => %(on_its_way)s) END
    FROM lead l
    WHERE l.id = d.lead_id AND {_WAITS_FOR_CREDENTIALS}
    RETURNING d.id, l.external_id, d.dealership_id, d.woken_until
)
SELECT id, external_id, dealership_id FROM released WHERE woken_until IS NOT NULL ORDER BY id
"""  # noqa: S608 - the interpolated parts are constants

# What keeps a lead from being looked for is mostly its dealership's credentials.
_LOOK_FOR_DOUBTFUL = """
UPDATE lead_delivery
SET next_attempt_at = now(), woken_until = NULL, updated_at = now()
WHERE dealership_id = %(dealership_id)s AND target = 'EasyCars' AND state = 'unconfirmed'
  AND next_attempt_at > now()
  AND coalesce(lease_until, claimed_at + make_interval(secs => %(window)s))
      + make_interval(secs => %(quiet)s) <= now()
"""

# The account a lead is in is the present one again: what was in doubt is looked for once more.
_RETURN = """
UPDATE lead_delivery d
SET state = CASE WHEN l.easycars_lead_number IS NULL THEN 'unconfirmed' ELSE 'pending' END,
    attempts = CASE WHEN l.easycars_lead_number IS NULL THEN d.attempts ELSE 0 END,
    next_attempt_at = now(), woken_until = NULL, last_error_code = NULL, last_error = NULL,
    updated_at = now()
FROM lead l
WHERE l.id = d.lead_id AND d.dealership_id = %(dealership_id)s AND d.target = 'EasyCars'
  AND d.state = 'failed' AND d.last_error_code = 'SCOPE_CHANGED'
  AND d.remote_scope = %(account_scope)s
"""

# A release is a transaction of its own after the one that saves credentials, and may never come.
# Whether a lead in another account is in the present one is judged when it is its turn: only its
# worker can read the credentials, and what is still elsewhere is parked once more.
_RETURN_FORGOTTEN = """
WITH forgotten AS MATERIALIZED (
    SELECT d.id FROM lead_delivery d
    JOIN dealership_easycars_credentials c
        ON c.dealership_id = d.dealership_id AND c.is_active
    WHERE d.state = 'failed' AND d.target = 'EasyCars'
      AND c.updated_at < now() - make_interval(secs => %(grace)s)
      AND (d.last_error_code = 'NO_CONNECTION'
           OR (d.last_error_code IN ('SCOPE_CHANGED', 'CREDENTIALS_UNREADABLE')
               AND d.updated_at < c.updated_at))
    ORDER BY d.id
    LIMIT %(most)s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE lead_delivery d
SET state = CASE WHEN d.last_error_code = 'SCOPE_CHANGED' AND l.easycars_lead_number IS NULL
                 THEN 'unconfirmed' ELSE 'pending' END,
    attempts = CASE WHEN d.last_error_code = 'SCOPE_CHANGED' AND l.easycars_lead_number IS NULL
                    THEN d.attempts ELSE 0 END,
    next_attempt_at = now(), woken_until = NULL, updated_at = now()
FROM forgotten f, lead l
WHERE d.id = f.id AND l.id = d.lead_id
"""

_FORGOTTEN_AFTER_SECONDS = 60
_MOST_RETURNED = 500


def count_refusals(database: Database, dealership_id: int) -> int:
    """Count how often in a row the present credentials were refused, bursts as one."""
    row = database.connection().execute(_REFUSALS, {"dealership_id": dealership_id}).fetchone()
    return int(row[0]) if row else 0


def hold_dealership(
    database: Database, dealership_id: int, credential_stamp: str, reason: str, wait: timedelta
) -> bool:
    """Put a dealership on hold; False where its credentials were written since."""
    held = database.connection().execute(
        _HOLD,
        {
            "dealership_id": dealership_id,
            "stamp": credential_stamp,
            "reason": reason,
            "wait": wait,
        },
    )
    return held.rowcount == 1


def take_trial(database: Database, dealership_id: int) -> bool:
    """Win the one trial of a hold that has run out; nobody else gets one for 150 s."""
    won = database.connection().execute(
        _TAKE_TRIAL, {"dealership_id": dealership_id, "seconds": _TRIAL_SECONDS}
    )
    return won.rowcount == 1


def postpone_to_hold(database: Database, delivery_ids: Collection[int]) -> None:
    """Let pending deliveries wait until their dealership's hold ends, and say why."""
    database.connection().execute(_POSTPONE, {"ids": list(delivery_ids)})


def release_held(database: Database, dealership_id: int, credential_stamp: str) -> Sequence[WakeUp]:
    """End a hold because its credentials work; gives wake-ups for the oldest that waited.

    The success of a call with credentials that were written over since proves nothing for the
    present ones, and ends nothing.
    """
    return _release(database, dealership_id, parked_too=False, credential_stamp=credential_stamp)


def release_after_save(
    database: Database, dealership_id: int, account_scope: str | None = None
) -> Sequence[WakeUp]:
    """Make due whatever waited or was parked for want of working credentials, once some are saved.

    Creates of unknown outcome are looked for at once, woken by the sweeper.

    Doing it again wakes again what has not been tried since.

    Parameters
    ----------
    account_scope
        The account they are for: what failed as SCOPE_CHANGED and is in this one goes on, too,
        woken by the sweeper.

    Returns
    -------
    sequence of WakeUp
        To be sent to the leads queue, for the oldest ten; the sweeper wakes the others.
    """
    with database.transaction() as connection:
        if account_scope is not None:
            values = {"dealership_id": dealership_id, "account_scope": account_scope}
            connection.execute(_RETURN, values)
        connection.execute(
            _LOOK_FOR_DOUBTFUL,
            {
                "dealership_id": dealership_id,
                "window": WRITE_WITHIN_SECONDS,
                "quiet": PROBE_AFTER_SECONDS,
            },
        )
        return _release(database, dealership_id, parked_too=True)


def return_forgotten(database: Database) -> int:
    """Make due what stayed parked though credentials were saved a minute ago; says how many.

    At most 500 at a time, which the sweeper wakes.
    """
    values = {"grace": _FORGOTTEN_AFTER_SECONDS, "most": _MOST_RETURNED}
    return database.connection().execute(_RETURN_FORGOTTEN, values).rowcount


def _release(
    database: Database,
    dealership_id: int,
    *,
    parked_too: bool,
    credential_stamp: str | None = None,
) -> Sequence[WakeUp]:
    with database.transaction() as connection:
        ended = connection.execute(
            _END_HOLD, {"dealership_id": dealership_id, "stamp": credential_stamp}
        )
        if credential_stamp is not None and ended.rowcount == 0:
            return ()
        rows = connection.execute(
            _RELEASE,
            {
                "dealership_id": dealership_id,
                "parked_too": parked_too,
                "most": MOST_WOKEN_PER_DEALERSHIP,
                "on_its_way": ON_ITS_WAY_SECONDS,
            },
        ).fetchall()
    return [
        WakeUp(delivery_id=delivery_id, external_id=external_id, dealership_id=owner)
        for delivery_id, external_id, owner in rows
    ]
