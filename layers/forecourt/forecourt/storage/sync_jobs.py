"""The ``sync_job`` table, one row per run over many dealerships, and who is eligible for one."""

from uuid import UUID

from forecourt.stock.due import SyncKind
from forecourt.stock.job_end import JobSummary
from forecourt.stock.plan import SyncJob
from forecourt.stock.run import SyncType
from forecourt.storage.postgres import Connection

_ELIGIBLE = """
SELECT c.dealership_id
FROM dealership_easycars_credentials c
LEFT JOIN dealership_settings s ON s.dealership_id = c.dealership_id
WHERE c.is_active AND coalesce(s.easycar_auto_sync_enabled, true)
  AND (%(sync_type)s <> 'lead' OR c.hold_reason IS NULL)
  AND (%(own_schedule)s::boolean IS NULL
       OR (s.easycar_sync_cron IS NOT NULL) = %(own_schedule)s)
ORDER BY c.dealership_id
"""

_START = """
INSERT INTO sync_job
    (id, sync_type, trigger, execution_name, schedule_name, scheduled_time, planned, concurrency,
     plan_bucket, plan_key, started_at, status)
VALUES
    (%(id)s, %(sync_type)s, %(trigger)s, %(execution_name)s, %(schedule_name)s,
     %(scheduled_time)s, %(planned)s, %(concurrency)s, %(plan_bucket)s, %(plan_key)s,
     %(started_at)s, 'Running')
ON CONFLICT (id) DO UPDATE
SET planned = EXCLUDED.planned, concurrency = EXCLUDED.concurrency,
    plan_bucket = EXCLUDED.plan_bucket, plan_key = EXCLUDED.plan_key
WHERE sync_job.execution_name = EXCLUDED.execution_name
RETURNING id
"""

# A run that died left its row Running; ten minutes without a sign of life and it holds nobody up.
_RUNNING = """
SELECT j.id FROM sync_job j
WHERE j.schedule_name = %(schedule_name)s AND j.trigger <> 'manual'
  AND j.status = 'Running' AND j.id <> %(beside)s
  AND greatest(j.started_at, (
          SELECT max(greatest(g.started_at, g.completed_at, g.lease_until))
          FROM easycars_sync_logs g WHERE g.job_id = j.id))
      > clock_timestamp() - interval '10 minutes'
ORDER BY j.started_at DESC LIMIT 1
"""

_BUSY = """
SELECT dealership_id FROM easycars_sync_logs
WHERE status = 'InProgress' AND sync_direction = 'Inbound' AND sync_type = %s
  AND lease_until > clock_timestamp()
"""

_IS_FINISHED = "SELECT completed_at IS NOT NULL FROM sync_job WHERE id = %s"

_FINISH = """
UPDATE sync_job
SET planned = %(planned)s, succeeded = %(succeeded)s, failed = %(failed)s,
    completed_at = clock_timestamp(),
    status = CASE WHEN %(failed)s = 0 THEN 'Succeeded' ELSE 'Failed' END
WHERE id = %(id)s
"""


def eligible_dealerships(
    connection: Connection, sync_type: SyncKind, *, own_schedule: bool | None = None
) -> list[int]:
    """Return who has active credentials and auto-sync on; no settings row means on.

    A dealership on hold has its stock synced, which then says why it fails, but no leads.
    """
    wanted = {"sync_type": sync_type, "own_schedule": own_schedule}
    return [row[0] for row in connection.execute(_ELIGIBLE, wanted)]


def running(connection: Connection, schedule_name: str, *, beside: UUID) -> UUID | None:
    """Return another job of this schedule that showed a sign of life in ten minutes."""
    wanted = {"schedule_name": schedule_name, "beside": beside}
    row = connection.execute(_RUNNING, wanted).fetchone()
    return None if row is None else row[0]


def busy_dealerships(connection: Connection, sync_type: SyncKind) -> list[int]:
    """Return whose lock of this kind is held by a run that is alive."""
    rows = connection.execute(_BUSY, (SyncType(sync_type.capitalize()).value,))
    return [row[0] for row in rows]


def start(connection: Connection, job: SyncJob) -> bool:
    """Write the job's row; False when another execution has this job already."""
    cursor = connection.execute(
        _START,
        {
            "id": job.job_id,
            "sync_type": job.sync_type,
            "trigger": job.trigger,
            "execution_name": job.execution_name,
            "schedule_name": job.schedule_name,
            "scheduled_time": job.scheduled_time,
            "planned": job.planned,
            "concurrency": job.concurrency,
            "plan_bucket": job.plan.bucket,
            "plan_key": job.plan.key,
            "started_at": job.started_at,
        },
    )
    return cursor.fetchone() is not None


def is_finished(connection: Connection, job_id: UUID) -> bool:
    """Whether the job's row is closed."""
    row = connection.execute(_IS_FINISHED, (job_id,)).fetchone()
    return row is not None and bool(row[0])


def finish(connection: Connection, summary: JobSummary) -> None:
    """Close the job's row: Succeeded only when no dealership failed."""
    connection.execute(
        _FINISH,
        {
            "id": summary.job_id,
            "planned": summary.planned,
            "succeeded": summary.succeeded,
            "failed": summary.failed,
        },
    )
