"""What the sweeper asks of the ledger; the rules stand in :mod:`forecourt.leads.sweep`."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from psycopg.rows import dict_row

from forecourt.leads.announcements import AcceptedLead
from forecourt.leads.wake_ups import (
    MOST_WOKEN,
    MOST_WOKEN_PER_DEALERSHIP,
    ON_ITS_WAY_SECONDS,
    WakeUp,
)
from forecourt.storage import dynamics_deliveries, dynamics_sweeps, dynamics_waiting
from forecourt.storage.announcements import note_announced, unannounced_leads
from forecourt.storage.deliveries import expire_leases
from forecourt.storage.durability import RELAXED
from forecourt.storage.dynamics_sweeps import SWITCHED_OFF
from forecourt.storage.holds import return_forgotten
from forecourt.storage.postgres import Database
from forecourt.storage.refusals import count_failing_sites

MOST_PROBES = 10
"""Accounts looked into at once: half of the workers stay free for deliveries."""

_UNANSWERED_SECONDS = 20.0
"""How long nobody looks where EasyCars may be away, after one who got no answer."""

_ASLEEP = "(d.woken_until IS NULL OR d.woken_until <= now())"

# woken      per dealership, how many are awake and untried
#            (new leads are born awake, so a burst of one dealership counts as its ten)
# open_for   per dealership, how many may be: none while on hold or while the breaker is open, one
#            where either waits for a trial
# waiting    its oldest sleepers, so many as there is room for; the index gives them in order
# chosen     by turns: a dealership's n-th goes before anybody's n+1-th
_WAKE_DUE = f"""
WITH {RELAXED}, woken AS MATERIALIZED (
    SELECT dealership_id, count(*) AS deliveries
    FROM lead_delivery
    WHERE state = 'pending' AND target = 'EasyCars' AND woken_until > now()
      AND next_attempt_at <= now()
    GROUP BY dealership_id
), open_for AS MATERIALIZED (
    SELECT p.id AS dealership_id, c.environment, coalesce(w.deliveries, 0) AS woken,
           CASE WHEN c.hold_reason IS NULL THEN %(per_dealership)s
                WHEN coalesce(c.hold_until <= now(), true) THEN 1 ELSE 0 END AS most,
           b.open_until IS NOT NULL AS on_trial,
           b.open_until IS NULL
               OR (b.open_until <= now() AND coalesce(b.trial_until <= now(), true))
               AS is_callable,
           sum(w.deliveries) OVER (PARTITION BY c.environment) > 0 AS has_trial
    FROM dealership p
    LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = p.id AND c.is_active
    LEFT JOIN circuit_breaker b ON b.target = 'EasyCars' AND b.environment = c.environment
    LEFT JOIN woken w ON w.dealership_id = p.id
), waiting AS MATERIALIZED (
    SELECT o.environment, o.on_trial, d.id, d.next_attempt_at,
           o.woken + row_number() OVER (
               PARTITION BY o.dealership_id ORDER BY d.next_attempt_at, d.id) AS turn
    FROM open_for o
    CROSS JOIN LATERAL (
        SELECT d.id, d.next_attempt_at
        FROM lead_delivery d
        WHERE d.dealership_id = o.dealership_id AND d.state = 'pending'
          AND d.target = 'EasyCars' AND d.next_attempt_at <= now() AND {_ASLEEP}
        ORDER BY d.next_attempt_at, d.id
        LIMIT greatest(o.most - o.woken, 0)) d
    WHERE o.is_callable AND NOT (o.on_trial AND coalesce(o.has_trial, false))
), turns AS (
    SELECT id, turn, next_attempt_at, on_trial, row_number() OVER (
               PARTITION BY environment ORDER BY next_attempt_at, id) AS trial
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
    WHERE d.state = 'pending' AND d.next_attempt_at <= now() AND {_ASLEEP}
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

# awake      accounts a worker is about to look into, or looking
# spared     environments of an EasyCars that may be away, while one looks or a moment after one
#            got no answer: searches are not stopped by the breaker, but hundreds are no help
# accounts   per account, what waits longest
_WAKE_PROBES = f"""
WITH {RELAXED}, awake AS MATERIALIZED (
    SELECT d.remote_scope, c.environment
    FROM lead_delivery d
    LEFT JOIN dealership_easycars_credentials c
        ON c.dealership_id = d.dealership_id AND c.is_active
    WHERE d.state = 'unconfirmed' AND d.woken_until > now()
), spared AS MATERIALIZED (
    SELECT b.environment
    FROM circuit_breaker b
    WHERE b.target = 'EasyCars' AND b.open_until IS NOT NULL
      AND (EXISTS (SELECT FROM awake WHERE awake.environment = b.environment)
           OR EXISTS (
               SELECT FROM lead_delivery_attempt a
               JOIN lead_delivery d ON d.id = a.delivery_id
               JOIN dealership_easycars_credentials c
                   ON c.dealership_id = d.dealership_id AND c.is_active
               WHERE a.started_at > now() - make_interval(secs => %(unanswered)s)
                 AND a.operation = 'probe' AND a.outcome = 'retryable'
                 AND c.environment = b.environment))
), accounts AS (
    SELECT DISTINCT ON (d.remote_scope) d.id, d.next_attempt_at, c.environment,
           b.open_until IS NOT NULL AS may_be_away
    FROM lead_delivery d
    LEFT JOIN dealership_easycars_credentials c
        ON c.dealership_id = d.dealership_id AND c.is_active
    LEFT JOIN circuit_breaker b ON b.target = 'EasyCars' AND b.environment = c.environment
    WHERE d.state = 'unconfirmed' AND d.target = 'EasyCars' AND d.next_attempt_at <= now()
      AND (c.hold_reason IS NULL OR coalesce(c.hold_until <= now(), true))
      AND NOT EXISTS (SELECT FROM awake
                      WHERE awake.remote_scope IS NOT DISTINCT FROM d.remote_scope)
      AND NOT EXISTS (SELECT FROM spared WHERE spared.environment = c.environment)
    ORDER BY d.remote_scope, d.next_attempt_at, d.id
), turns AS (
    SELECT id, next_attempt_at, may_be_away, row_number() OVER (
               PARTITION BY environment ORDER BY next_attempt_at, id) AS turn
    FROM accounts
), due AS MATERIALIZED (
    SELECT id FROM turns
    WHERE NOT may_be_away OR turn = 1
    ORDER BY next_attempt_at, id
    LIMIT (SELECT greatest(%(most)s - count(*), 0) FROM awake)
), locked AS MATERIALIZED (
    SELECT d.id FROM due JOIN lead_delivery d ON d.id = due.id
    WHERE d.state = 'unconfirmed' AND d.next_attempt_at <= now() AND {_ASLEEP}
    FOR UPDATE OF d SKIP LOCKED
), noted AS (
    UPDATE lead_delivery d
    SET woken_until = now() + make_interval(secs => %(on_its_way)s)
    FROM locked, relaxed
    WHERE d.id = locked.id
    RETURNING d.id AS delivery_id, d.lead_id, d.dealership_id
)
SELECT noted.delivery_id, l.external_id, noted.dealership_id
FROM noted JOIN lead l ON l.id = noted.lead_id
ORDER BY noted.delivery_id
"""  # noqa: S608 - the interpolated parts are constants

_FORGET_WOKEN = """
UPDATE lead_delivery SET woken_until = NULL
WHERE id = ANY(%s) AND state IN ('pending', 'unconfirmed')
"""

_AWAITS_WAKING = """
WITH soon AS (SELECT now() + make_interval(secs => %(seconds)s) AS at)
SELECT EXISTS (
    SELECT FROM lead_delivery d, soon
    WHERE d.state IN ('pending', 'unconfirmed') AND d.target = 'EasyCars'
      AND d.next_attempt_at <= soon.at
      AND (d.woken_until IS NULL OR d.woken_until <= soon.at))
    OR EXISTS (
    SELECT FROM lead_delivery d, soon WHERE d.state = 'in_progress' AND d.lease_until <= soon.at)
"""

# What Dynamics takes instead of EasyCars waits for nobody. Nobody tries an organisation again that
# no connection names any more.
_GAUGES = f"""
SELECT (SELECT count(*) FROM lead_delivery d WHERE d.state = 'failed' AND NOT (
            d.target = 'EasyCars' AND d.last_error_code IS NOT DISTINCT FROM 'NO_CONNECTION'
            AND EXISTS (SELECT FROM lead_delivery o
                        WHERE o.lead_id = d.lead_id AND o.target = 'Dynamics')))::float8
           AS "DeliveriesParked",
       (SELECT count(*) FROM lead_delivery
        WHERE state = 'unconfirmed' AND claimed_at < now() - interval '1 hour')::float8
           AS "DeliveriesUnconfirmedOverAnHour",
       (SELECT count(*) FROM circuit_breaker b WHERE b.open_until IS NOT NULL
            AND (b.target <> 'Dynamics' OR EXISTS (
                SELECT FROM dynamics_connection c
                WHERE c.base_url = b.environment AND c.is_active)))::float8
           AS "BreakersOpen",
       due.deliveries::float8 AS "DeliveriesDue",
       coalesce(extract(epoch FROM now() - due.oldest), 0)::float8 AS "OldestDueSeconds"
FROM (SELECT count(*) AS deliveries, min(d.next_attempt_at) AS oldest FROM lead_delivery d
      WHERE d.state = 'pending' AND d.next_attempt_at <= now() AND NOT {SWITCHED_OFF}) due
"""  # noqa: S608 - the interpolated part is a constant


class PostgresSweeps:
    """Adapter of :class:`forecourt.leads.sweep.SweepLedger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def free_expired(self, floors: Sequence[float]) -> int:
        """Free deliveries whose lease has run out, 500 at a time."""
        return len(expire_leases(self._database, None, floors)) + len(
            dynamics_deliveries.expire_leases(self._database, None, floors)
        )

    def return_forgotten(self) -> int:
        """Make due what stayed parked though credentials or a connection are there by now."""
        elsewhere = dynamics_waiting.return_forgotten(self._database)
        return return_forgotten(self._database) + elsewhere

    def wake_due(self) -> Sequence[WakeUp]:
        """Choose due deliveries by turns, and note that a message is on its way."""
        return self._wake(
            _WAKE_DUE,
            {"in_all": MOST_WOKEN, "per_dealership": MOST_WOKEN_PER_DEALERSHIP},
        )

    def wake_dynamics(self) -> Sequence[WakeUp]:
        """Choose due deliveries to Dynamics by turns, and note that a message is on its way."""
        return dynamics_sweeps.wake_due(self._database)

    def wake_probes(self) -> Sequence[WakeUp]:
        """Choose one due unconfirmed delivery per account, and note that a message is coming.

        Ten accounts at once; of an environment whose breaker is not closed one, and none for 20 s
        after one got no answer.
        """
        return self._wake(_WAKE_PROBES, {"most": MOST_PROBES, "unanswered": _UNANSWERED_SECONDS})

    def forget_woken(self, delivery_ids: Collection[int]) -> None:
        """Take back that a message is on its way."""
        self._database.connection().execute(_FORGET_WOKEN, (list(delivery_ids),))

    def awaits_waking(self, seconds: float) -> bool:
        """Tell whether something is or becomes due within that long."""
        row = self._database.connection().execute(_AWAITS_WAKING, {"seconds": seconds}).fetchone()
        is_due = row is not None and bool(row[0])
        return is_due or dynamics_sweeps.awaits_waking(self._database, seconds)

    def unannounced(self) -> Sequence[AcceptedLead]:
        """Show leads never announced, a hundred at most."""
        return unannounced_leads(self._database)

    def note_announced(self, external_ids: Collection[UUID]) -> None:
        """Note that leads were announced."""
        note_announced(self._database, external_ids)

    def gauges(self) -> Mapping[str, float]:
        """Count what is parked, unconfirmed or due, open breakers, and sites that only fail."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        counts = cursor.execute(_GAUGES).fetchone() or {}
        return counts | {"SitesOnlyFailing": float(count_failing_sites(self._database))}

    def _wake(self, statement: str, limits: Mapping[str, float]) -> Sequence[WakeUp]:
        cursor = self._database.connection().cursor(row_factory=dict_row)
        rows = cursor.execute(
            statement.encode(), {**limits, "on_its_way": ON_ITS_WAY_SECONDS}
        ).fetchall()
        return [WakeUp(**row) for row in rows]
