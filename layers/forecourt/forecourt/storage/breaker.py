"""The ``circuit_breaker`` table: one row per CRM and environment, which all sandboxes share.

Closed means that ``open_until`` is null. A breaker that never counted anything has no row.
"""

from collections.abc import Sequence
from uuid import UUID

from psycopg.rows import dict_row

from forecourt.leads.breaker import (
    OPEN_SECONDS,
    TRIAL_SECONDS,
    BreakerState,
    Observation,
    Turn,
    take_into_account,
)
from forecourt.storage.postgres import Database

# now() is when the transaction began, which may be long before it got the lock.
_TAKE_TRIAL = """
UPDATE circuit_breaker
SET trial_token = gen_random_uuid(),
    trial_until = clock_timestamp() + make_interval(secs => %(seconds)s), updated_at = now()
WHERE target = %(target)s AND environment = %(environment)s
  AND open_until <= clock_timestamp()
  AND (trial_until IS NULL OR trial_until <= clock_timestamp())
RETURNING trial_token
"""

_FREE_TRIAL = """
UPDATE circuit_breaker SET trial_token = NULL, trial_until = NULL, updated_at = now()
WHERE target = %(target)s AND environment = %(environment)s AND trial_token = %(trial)s
"""

_CREATE = """
INSERT INTO circuit_breaker (target, environment) VALUES (%(target)s, %(environment)s)
ON CONFLICT (target, environment) DO NOTHING
"""

_LOCK = """
SELECT failures_in_a_row AS failures, failing_dealerships AS troubled,
       open_until IS NOT NULL AS is_open, trial_token AS trial, closed_at
FROM circuit_breaker
WHERE target = %(target)s AND environment = %(environment)s
FOR UPDATE
"""

_STORE = """
UPDATE circuit_breaker
SET failures_in_a_row = %(failures)s, failing_dealerships = %(troubled)s,
    trial_token = %(trial)s,
    trial_until = CASE WHEN %(trial)s::uuid IS NOT NULL THEN trial_until END,
    open_until = CASE WHEN %(opens)s THEN clock_timestamp() + make_interval(secs => %(seconds)s)
                      WHEN %(is_open)s THEN open_until END,
    closed_at = CASE WHEN %(closes)s THEN clock_timestamp() ELSE closed_at END,
    updated_at = now()
WHERE target = %(target)s AND environment = %(environment)s
"""


class PostgresBreaker:
    """Adapter of :class:`forecourt.leads.breaker.CircuitBreaker` for one target."""

    def __init__(self, database: Database, target: str = "EasyCars") -> None:
        self._database = database
        self._target = target

    def take_trial(self, environment: str) -> UUID | None:
        """Win the one trial of a breaker whose time is up; nobody else gets one for 150 s."""
        row = (
            self._database.connection()
            .execute(_TAKE_TRIAL, self._key(environment) | {"seconds": TRIAL_SECONDS})
            .fetchone()
        )
        return None if row is None else row[0]

    def free_trial(self, environment: str, trial: UUID) -> None:
        """Give a trial back that was not made; one that has passed to another stays there."""
        self._database.connection().execute(_FREE_TRIAL, self._key(environment) | {"trial": trial})

    def observe(
        self, environment: str, observations: Sequence[Observation], *, trial: UUID | None
    ) -> Turn:
        """Take outcomes into account under the row's lock."""
        key = self._key(environment)
        with self._database.transaction() as connection:
            connection.execute(_CREATE, key)
            row = connection.cursor(row_factory=dict_row).execute(_LOCK, key).fetchone()
            if row is None:  # deleted between the two statements, and counts from zero again
                return Turn.COUNTED
            before = BreakerState(**row | {"troubled": tuple(row["troubled"])})
            after, turn = take_into_account(before, observations, trial=trial)
            if after != before:
                connection.execute(
                    _STORE,
                    key
                    | {
                        "failures": after.failures,
                        "troubled": list(after.troubled),
                        "trial": after.trial,
                        "is_open": after.is_open,
                        "opens": turn in {Turn.OPENED, Turn.STAYS_OPEN},
                        "closes": turn is Turn.CLOSED,
                        "seconds": OPEN_SECONDS,
                    },
                )
        return turn

    def _key(self, environment: str) -> dict[str, object]:
        return {"target": self._target, "environment": environment}
