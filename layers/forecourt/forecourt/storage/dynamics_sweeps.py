"""What the sweeper asks of deliveries to Dynamics (:mod:`forecourt.leads.sweep`)."""

from collections.abc import Sequence

from psycopg.rows import dict_row

from forecourt.leads.wake_ups import (
    DYNAMICS,
    MOST_WOKEN,
    MOST_WOKEN_PER_DEALERSHIP,
    ON_ITS_WAY_SECONDS,
    WakeUp,
)
from forecourt.storage.durability import RELAXED
from forecourt.storage.dynamics_deliveries import PUSH_ENABLED
from forecourt.storage.postgres import Database

# woken      per dealership, how many are awake and untried
#            (new leads are born awake, so a burst of one dealership counts as its ten)
# open_for   per dealership, how many may be: none while it is switched off, on hold, or its
#            organisation is away or asked for silence; one where either waits for a trial, or where
#            no connection is left and somebody has to park what is due
# waiting    its oldest sleepers, so many as there is room for; the index gives them in order
# chosen     by turns: a dealership's n-th goes before anybody's n+1-th
_WAKE_DUE = f"""
WITH {RELAXED}, woken AS MATERIALIZED (
    SELECT dealership_id, count(*) AS deliveries
    FROM lead_delivery
    WHERE state = 'pending' AND target = 'Dynamics' AND woken_until > now()
      AND next_attempt_at <= now()
    GROUP BY dealership_id
), open_for AS MATERIALIZED (
    SELECT p.id AS dealership_id, c.base_url, coalesce(w.deliveries, 0) AS woken,
           CASE WHEN c.id IS NULL THEN 1
                WHEN NOT c.is_active OR g.closed_until > now() THEN 0
                WHEN c.hold_reason IS NULL THEN %(per_dealership)s
                WHEN coalesce(c.hold_until <= now(), true) THEN 1 ELSE 0 END AS most,
           b.open_until IS NOT NULL AS on_trial,
           b.open_until IS NULL
               OR (b.open_until <= now() AND coalesce(b.trial_until <= now(), true))
               AS is_callable,
           coalesce(sum(w.deliveries) OVER (PARTITION BY c.base_url) > 0, false) AS has_trial
    FROM dealership p
    LEFT JOIN dynamics_connection c ON c.dealership_id = p.id
    LEFT JOIN circuit_breaker b ON b.target = 'Dynamics' AND b.environment = c.base_url
    LEFT JOIN dynamics_budget g ON g.scope = c.budget_scope
    LEFT JOIN woken w ON w.dealership_id = p.id
    WHERE {PUSH_ENABLED}
), waiting AS MATERIALIZED (
    SELECT o.base_url, o.on_trial, d.id, d.next_attempt_at,
           o.woken + row_number() OVER (
               PARTITION BY o.dealership_id ORDER BY d.next_attempt_at, d.id) AS turn
    FROM open_for o
    CROSS JOIN LATERAL (
        SELECT d.id, d.next_attempt_at
        FROM lead_delivery d
        WHERE d.dealership_id = o.dealership_id AND d.state = 'pending'
          AND d.target = 'Dynamics' AND d.next_attempt_at <= now()
          AND (d.woken_until IS NULL OR d.woken_until <= now())
        ORDER BY d.next_attempt_at, d.id
        LIMIT greatest(o.most - o.woken, 0)) d
    WHERE o.is_callable AND NOT (o.on_trial AND o.has_trial)
), turns AS (
    SELECT id, turn, next_attempt_at, on_trial, row_number() OVER (
               PARTITION BY base_url ORDER BY next_attempt_at, id) AS trial
    FROM waiting
), chosen AS MATERIALIZED (
    SELECT id, turn, next_attempt_at FROM turns
    WHERE NOT on_trial OR trial = 1
    ORDER BY turn, next_attempt_at, id
    LIMIT (SELECT greatest(
               %(in_all)s - coalesce(sum(least(deliveries, %(per_dealership)s)), 0), 0)
           FROM woken)
), locked AS MATERIALIZED (
    SELECT d.id, chosen.turn, chosen.next_attempt_at
    FROM chosen
    JOIN lead_delivery d ON d.id = chosen.id
    WHERE d.state = 'pending' AND d.next_attempt_at <= now()
      AND (d.woken_until IS NULL OR d.woken_until <= now())
    FOR UPDATE OF d SKIP LOCKED
), noted AS (
    UPDATE lead_delivery d
    SET woken_until = now() + make_interval(secs => %(on_its_way)s)
    FROM locked, relaxed
    WHERE d.id = locked.id
    RETURNING d.id AS delivery_id, d.lead_id, d.dealership_id, locked.turn,
              locked.next_attempt_at
)
SELECT noted.delivery_id, l.external_id, noted.dealership_id
FROM noted JOIN lead l ON l.id = noted.lead_id
ORDER BY noted.turn, noted.next_attempt_at, noted.delivery_id
"""  # noqa: S608 - the interpolated parts are constants

_AWAITS_WAKING = f"""
WITH soon AS (SELECT now() + make_interval(secs => %(seconds)s) AS at)
SELECT EXISTS (
    SELECT FROM lead_delivery d
    CROSS JOIN soon
    JOIN dynamics_connection c ON c.dealership_id = d.dealership_id AND c.is_active
    LEFT JOIN circuit_breaker b ON b.target = 'Dynamics' AND b.environment = c.base_url
    LEFT JOIN dynamics_budget g ON g.scope = c.budget_scope
    WHERE d.state = 'pending' AND d.target = 'Dynamics' AND d.next_attempt_at <= soon.at
      AND (d.woken_until IS NULL OR d.woken_until <= soon.at)
      AND coalesce(greatest(c.hold_until, b.open_until, g.closed_until) <= soon.at, true)
      AND {PUSH_ENABLED})
"""  # noqa: S608 - the interpolated part is a constant

SWITCHED_OFF = f"""(d.target = 'Dynamics' AND (NOT {PUSH_ENABLED} OR EXISTS (
    SELECT FROM dynamics_connection c
    WHERE c.dealership_id = d.dealership_id AND NOT c.is_active)))"""
"""Whether ``lead_delivery d`` waits because somebody wants it to."""


def wake_due(database: Database) -> Sequence[WakeUp]:
    """Choose due deliveries by turns, and note that a message is on its way."""
    cursor = database.connection().cursor(row_factory=dict_row)
    rows = cursor.execute(
        _WAKE_DUE,
        {
            "in_all": MOST_WOKEN,
            "per_dealership": MOST_WOKEN_PER_DEALERSHIP,
            "on_its_way": ON_ITS_WAY_SECONDS,
        },
    )
    return [WakeUp(**row, target=DYNAMICS) for row in rows]


def awaits_waking(database: Database, seconds: float) -> bool:
    """Tell whether a delivery that may be made is or becomes due within that long."""
    row = database.connection().execute(_AWAITS_WAKING, {"seconds": seconds}).fetchone()
    return row is not None and bool(row[0])
