"""The tables ``dynamics_budget`` and around it: what was called as which application user.

Everything about one scope happens under its row's lock. What a server loses that dies is part of
what Dynamics had to bear from others anyway, so no commit here waits for the disk.
"""

from typing import Any

from psycopg.rows import class_row

from forecourt.leads.dynamics.budget import (
    PERMIT_SECONDS,
    WAITS_ITS_TURN_SECONDS,
    WINDOW_SECONDS,
    Decision,
    Grant,
    Spent,
    Standing,
    decide,
)
from forecourt.storage.durability import RELAXED
from forecourt.storage.postgres import Connection, Database

_LOCK = f"""
WITH {RELAXED}
INSERT INTO dynamics_budget AS b (scope) SELECT %(scope)s FROM relaxed
ON CONFLICT (scope) DO UPDATE SET updated_at = clock_timestamp()
"""  # noqa: S608 - the interpolated part is a constant

# A statement of its own: what was granted while the lock was awaited is visible only now.
_STANDING = """
WITH in_window AS MATERIALIZED (
    SELECT * FROM dynamics_budget_grant
    WHERE scope = %(scope)s
      AND ends_at > clock_timestamp() - make_interval(secs => %(window)s)
)
SELECT coalesce(sum(g.requests), 0)::integer AS requests,
       coalesce(sum(g.execution_seconds), 0)::float8 AS execution_seconds,
       coalesce(sum(g.requests) FILTER (WHERE NOT g.is_returned), 0)::integer AS unended,
       coalesce(sum(g.requests) FILTER (
           WHERE NOT g.is_returned AND g.ends_at > clock_timestamp()), 0)::integer AS in_flight,
       coalesce(max(g.slowest_seconds), 0)::float8 AS slowest_seconds,
       extract(epoch FROM min(g.ends_at) - clock_timestamp())::float8 + %(window)s AS frees_in,
       (SELECT extract(epoch FROM b.closed_until - clock_timestamp())::float8
        FROM dynamics_budget b WHERE b.scope = %(scope)s) AS closed_left,
       coalesce(bool_or(g.is_probe AND NOT g.is_returned AND g.ends_at > clock_timestamp()), false)
           AS has_probe,
       EXISTS (SELECT FROM dynamics_budget_wait w
               WHERE w.scope = %(scope)s AND w.connection_id = %(connection_id)s
                 AND w.until > clock_timestamp()) AS is_waiting,
       (SELECT count(*) FROM dynamics_budget_wait w
        WHERE w.scope = %(scope)s AND w.connection_id <> %(connection_id)s
          AND w.until > clock_timestamp())::integer AS others_waiting
FROM in_window g
"""

_GRANT = """
WITH forgotten AS (
    DELETE FROM dynamics_budget_grant
    WHERE scope = %(scope)s
      AND ends_at <= clock_timestamp() - make_interval(secs => %(window)s)
), admitted AS (
    DELETE FROM dynamics_budget_wait WHERE scope = %(scope)s AND connection_id = %(connection_id)s
)
INSERT INTO dynamics_budget_grant (scope, requests, ends_at, is_probe)
VALUES (%(scope)s, %(permits)s, clock_timestamp() + make_interval(secs => %(lasts)s), %(is_probe)s)
RETURNING id
"""

_TURN_AWAY = """
INSERT INTO dynamics_budget_wait AS w (scope, connection_id, until)
VALUES (%(scope)s, %(connection_id)s, clock_timestamp() + make_interval(secs => %(wait)s))
ON CONFLICT (scope, connection_id) DO UPDATE SET until = excluded.until
"""

# What came back after its time was up counts from now, too: its calls may have ended just now.
_GIVE_BACK = """
UPDATE dynamics_budget_grant
SET is_returned = true, ends_at = clock_timestamp(), requests = %(requests)s,
    execution_seconds = %(execution)s, slowest_seconds = %(slowest)s
WHERE id = %(id)s AND NOT is_returned
RETURNING is_probe
"""

_CLOSE = """
UPDATE dynamics_budget
SET closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs => %(seconds)s))
WHERE scope = %(scope)s
"""

_OPEN = "UPDATE dynamics_budget SET closed_until = NULL WHERE scope = %(scope)s"


class PostgresBudget:
    """Adapter of :class:`forecourt.leads.dynamics.budget.Budget`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, scope: str, connection_id: int, wanted: int) -> Grant:
        """Take permits under the scope's lock, or be noted as waiting."""
        key = {"scope": scope, "connection_id": connection_id, "window": WINDOW_SECONDS}
        with self._database.transaction() as connection:
            connection.execute(_LOCK, key)
            cursor = connection.cursor(row_factory=class_row(Standing))
            standing = cursor.execute(_STANDING, key).fetchone() or Standing()
            decision = decide(standing, wanted)
            if decision.permits:
                return _granted(connection, key, decision)
            wait = decision.wait + WAITS_ITS_TURN_SECONDS
            connection.execute(_TURN_AWAY, key | {"wait": wait})
        return Grant(permits=0, wait=decision.wait)

    def give_back(self, scope: str, grant: Grant, spent: Spent) -> None:
        """Give permits back; a 429 closes the scope, a probe that met none opens it."""
        with self._database.transaction() as connection:
            connection.execute(_LOCK, {"scope": scope})
            returned = connection.execute(
                _GIVE_BACK,
                {
                    "id": grant.grant_id,
                    "requests": spent.requests,
                    "execution": spent.execution_seconds,
                    "slowest": spent.slowest_seconds,
                },
            ).fetchone()
            if spent.refused_for is not None:
                connection.execute(_CLOSE, {"scope": scope, "seconds": spent.refused_for})
            elif returned is not None and returned[0] and spent.requests:
                connection.execute(_OPEN, {"scope": scope})


def _granted(connection: Connection, key: dict[str, Any], decision: Decision) -> Grant:
    values = {
        "permits": decision.permits,
        "is_probe": decision.is_probe,
        "lasts": PERMIT_SECONDS,
    }
    row = connection.execute(_GRANT, key | values).fetchone()
    return Grant(permits=decision.permits, grant_id=row[0] if row else None)
