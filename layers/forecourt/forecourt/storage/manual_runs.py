"""What has to be known of dealerships' runs before a person starts one, and whose turn it is."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from forecourt.admin.run_ports import FailedPart, Proposal
from forecourt.stock.plan import are_switched_off
from forecourt.stock.run import SyncType
from forecourt.storage.postgres import Connection, Database
from forecourt.storage.settings import PostgresSettings

_PROPOSAL = """
SELECT id, error_details -> 'proposedRemovals' -> 'stockNumbers'
FROM easycars_sync_logs
WHERE dealership_id = %s AND sync_type = 'Stock'
  AND sync_direction = 'Inbound' AND status IN ('Success', 'Warning')
ORDER BY started_at DESC
LIMIT 1
"""

# An execution that was aborted leaves its job Running for ever; ten minutes without a sign of
# life, and what it left open counts as failed.
_JOB = """
SELECT j.sync_type, coalesce(j.concurrency, 1),
    j.completed_at IS NULL AND greatest(j.started_at, (
        SELECT max(greatest(l.started_at, l.completed_at, l.lease_until))
        FROM easycars_sync_logs l WHERE l.job_id = j.id)) > clock_timestamp() - interval '10 min'
FROM sync_job j
WHERE j.id = %(job_id)s
  AND (%(scope)s::integer IS NULL OR EXISTS (
      SELECT FROM easycars_sync_logs l
      WHERE l.job_id = j.id AND l.dealership_id = %(scope)s))
"""

_FAILED = """
SELECT dealership_id FROM easycars_sync_logs
WHERE job_id = %(job_id)s AND (%(scope)s::integer IS NULL OR dealership_id = %(scope)s)
  AND (status = 'Failed' OR (status = 'InProgress' AND lease_until <= clock_timestamp()))
ORDER BY dealership_id
"""

_RUNNING_SINCE = """
SELECT started_at FROM easycars_sync_logs
WHERE dealership_id = %s AND sync_type = %s AND status = 'InProgress'
  AND sync_direction = 'Inbound' AND lease_until > clock_timestamp()
"""

_USUAL_SECONDS = """
SELECT wanted.id, percentile_cont(0.5) WITHIN GROUP (ORDER BY last.seconds)
FROM unnest(%(ids)s::integer[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM l.completed_at - l.started_at)::float8 AS seconds
    FROM easycars_sync_logs l
    WHERE l.dealership_id = wanted.id AND l.sync_type = %(sync_type)s
      AND l.sync_direction = 'Inbound' AND l.status IN ('Success', 'Warning')
      AND l.completed_at IS NOT NULL
    ORDER BY l.started_at DESC
    LIMIT 5) AS last
GROUP BY wanted.id
"""

# The rows are locked in the order of their names, so that two people do not wait for each other.
_CLAIM = """
INSERT INTO rate_limit (bucket, window_started_at, hits)
SELECT bucket, clock_timestamp(), 1 FROM unnest(%(buckets)s::text[]) AS bucket ORDER BY bucket
ON CONFLICT (bucket) DO UPDATE SET window_started_at = EXCLUDED.window_started_at, hits = 1
WHERE rate_limit.window_started_at <= clock_timestamp() - interval '60 seconds'
"""

_WAIT = """
SELECT extract(epoch FROM max(window_started_at) + interval '60 seconds' - clock_timestamp())
FROM rate_limit WHERE bucket = ANY(%(buckets)s)
"""

_RELEASE = "DELETE FROM rate_limit WHERE bucket = ANY(%(buckets)s)"


class PostgresManualRuns:
    """Adapter of :class:`forecourt.admin.run_ports.ManualRuns`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def are_switched_off(self) -> bool:
        """Tell whether the system's switch keeps every run from syncing anybody."""
        switches = PostgresSettings(self._database).system()
        return are_switched_off({key: one for key, one in switches.items() if one is not None})

    def proposal(self, dealership_id: int) -> Proposal | None:
        """Return what the dealership's last stock run that ended well would have removed."""
        row = self._database.connection().execute(_PROPOSAL, (dealership_id,)).fetchone()
        if row is None or not row[1]:
            return None
        return Proposal(log_id=row[0], stock_numbers=row[1])

    def failed_of(self, job_id: UUID, scope: int | None) -> FailedPart | None:
        """Return who failed in a job; None where there is no such job, or none with ``scope``."""
        connection = self._database.connection()
        wanted = {"job_id": job_id, "scope": scope}
        job = connection.execute(_JOB, wanted).fetchone()
        if job is None:
            return None
        return FailedPart(
            sync_type=job[0],
            concurrency=job[1],
            is_under_way=job[2],
            dealership_ids=[row[0] for row in connection.execute(_FAILED, wanted)],
        )

    def running_since(self, dealership_id: int, sync_type: str) -> datetime | None:
        """Return when the run started that holds the dealership's lock; None where none does."""
        row = (
            self._database.connection()
            .execute(_RUNNING_SINCE, (dealership_id, _log_type(sync_type)))
            .fetchone()
        )
        return None if row is None else row[0]

    def usual_seconds(self, dealership_ids: Sequence[int], sync_type: str) -> Mapping[int, float]:
        """Return the median of each dealership's last five runs that ended well."""
        wanted = {"ids": list(dealership_ids), "sync_type": _log_type(sync_type)}
        return dict(self._database.connection().execute(_USUAL_SECONDS, wanted).fetchall())

    def claim(self, dealership_ids: Sequence[int], sync_type: str) -> float | None:
        """Take all turns in one transaction, or none and say in how many seconds they are free."""
        names = {"buckets": _buckets(dealership_ids, sync_type)}
        wait: float | None = None
        with self._database.transaction() as connection:
            if connection.execute(_CLAIM, names).rowcount < len(names["buckets"]):
                wait = _wait(connection, names)
                raise psycopg.Rollback
        return wait

    def release(self, dealership_ids: Sequence[int], sync_type: str) -> None:
        """Give turns back that were not used."""
        names = {"buckets": _buckets(dealership_ids, sync_type)}
        self._database.connection().execute(_RELEASE, names)


def _wait(connection: Connection, names: Mapping[str, list[str]]) -> float:
    row = connection.execute(_WAIT, names).fetchone()
    return float(row[0]) if row and row[0] is not None else 0.0


def _buckets(dealership_ids: Sequence[int], sync_type: str) -> list[str]:
    return [f"manual-{sync_type}-run/{one}" for one in dealership_ids]


def _log_type(sync_type: str) -> str:
    return SyncType(sync_type.capitalize()).value
