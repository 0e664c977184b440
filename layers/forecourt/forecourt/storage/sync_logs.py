"""The ``easycars_sync_logs`` table: one row per job and dealership, and the overlap lock.

The lock is the unique index on (dealership_id, sync_type) of the rows that are InProgress and
Inbound (design 4). ``run_token`` names the process that holds a row, ``lease_until`` says until
when it is believed to live. All times are the server's.
"""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.errors import PermanentError, RetryableError
from forecourt.stock.run import Closing, Counts, SyncResult, SyncRun, SyncStatus, SyncType
from forecourt.storage.postgres import TARGET, Connection, Database

# What opens a run and what a chunk writes is committed without waiting for the disk (set_config,
# for that transaction alone): the closing of the row waits, and the log is written in order, so a
# run that is recorded as done is on disk whole. After a crash of the server the rest is done anew.

LEASE = timedelta(minutes=5)

ALREADY_RUNNING = "ALREADY_RUNNING"
"""Why a run was refused that met another one; ``error_details.code`` of its row."""

_RACES = 5

_OWN_ROW = """
SELECT id, dealership_id, status, started_at, records_processed, records_created, records_updated,
       records_unchanged, records_failed, records_removed
FROM easycars_sync_logs
WHERE job_id = %(job_id)s AND dealership_id = %(dealership_id)s
FOR UPDATE
"""

_TAKE_OVER = """
UPDATE easycars_sync_logs
SET status = 'InProgress', run_token = %(run_token)s, completed_at = NULL,
    lease_until = clock_timestamp() + %(lease)s, error_message = NULL,
    error_details = NULL
WHERE id = %(id)s
"""

_INSERT = """
INSERT INTO easycars_sync_logs
    (dealership_id, sync_type, sync_direction, status, started_at, job_id, run_token, lease_until)
VALUES
    (%(dealership_id)s, %(sync_type)s, 'Inbound', 'InProgress', clock_timestamp(), %(job_id)s,
     %(run_token)s, clock_timestamp() + %(lease)s)
ON CONFLICT DO NOTHING
RETURNING id, started_at, set_config('synchronous_commit', 'off', true)
"""

_HOLDER = """
SELECT id, started_at, lease_until > clock_timestamp() AS alive
FROM easycars_sync_logs
WHERE dealership_id = %(dealership_id)s AND sync_type = %(sync_type)s
  AND status = 'InProgress' AND sync_direction = 'Inbound'
FOR UPDATE
"""

_BURY = """
UPDATE easycars_sync_logs
SET status = 'Failed', completed_at = clock_timestamp(), run_token = %(run_token)s,
    lease_until = NULL, error_message = 'lease expired: the run stopped without a word'
WHERE id = %(id)s
"""

_RECORD_REFUSAL = """
INSERT INTO easycars_sync_logs
    (dealership_id, sync_type, sync_direction, status, started_at, completed_at, job_id,
     error_message, error_details)
VALUES
    (%(dealership_id)s, %(sync_type)s, 'Inbound', 'Failed', clock_timestamp(), clock_timestamp(),
     %(job_id)s, %(reason)s, jsonb_build_object('code', %(code)s::text))
ON CONFLICT (job_id, dealership_id) DO UPDATE
SET error_message = EXCLUDED.error_message, error_details = EXCLUDED.error_details
"""

_RENEW = """
UPDATE easycars_sync_logs
SET lease_until = clock_timestamp() + %(lease)s,
    records_processed = %(received)s, records_created = %(created)s,
    records_updated = %(updated)s, records_unchanged = %(unchanged)s,
    records_failed = %(failed)s
WHERE id = %(id)s AND run_token = %(run_token)s AND status = 'InProgress'
RETURNING set_config('synchronous_commit', 'off', true)
"""

_CLOSE = """
UPDATE easycars_sync_logs
SET status = %(status)s, completed_at = clock_timestamp(), lease_until = NULL,
    records_processed = %(received)s, records_created = %(created)s,
    records_updated = %(updated)s, records_unchanged = %(unchanged)s,
    records_failed = %(failed)s, records_removed = %(removed)s, error_message = %(error_message)s,
    error_details = %(error_details)s, request_payload = %(request_payload)s,
    response_summary = %(response_summary)s,
    credential_id = (SELECT id FROM dealership_easycars_credentials WHERE id = %(credential_id)s)
WHERE id = %(id)s AND run_token = %(run_token)s AND status = 'InProgress'
"""

_LAST_RECEIVED = """
SELECT records_processed
FROM easycars_sync_logs
WHERE dealership_id = %(dealership_id)s AND sync_type = %(sync_type)s
  AND sync_direction = 'Inbound' AND status IN ('Success', 'Warning') AND id <> %(id)s
ORDER BY started_at DESC
LIMIT 1
"""

_PROPOSED_REMOVALS = """
SELECT error_details -> 'proposedRemovals' -> 'stockNumbers'
FROM easycars_sync_logs
WHERE id = %(log_id)s AND dealership_id = %(dealership_id)s AND sync_type = 'Stock'
  AND sync_direction = 'Inbound' AND status IN ('Success', 'Warning')
"""


def open_run(
    database: Database, job_id: UUID, dealership_id: int, sync_type: SyncType
) -> SyncRun | SyncResult:
    """Take the dealership's lock, or return how this job's run already ended.

    Raises
    ------
    PermanentError
        ``ALREADY_RUNNING``: another job holds the lock; ``UNKNOWN_DEALERSHIP``.
    """
    started = start(database.connection(), job_id, dealership_id, sync_type)
    if started is not None:
        return started
    with database.transaction() as connection:
        taken = take(connection, job_id, dealership_id, sync_type)
    if isinstance(taken, PermanentError):
        raise taken
    return taken


def start(
    connection: Connection, job_id: UUID, dealership_id: int, sync_type: SyncType
) -> SyncRun | None:
    """Take the lock by a new row; None where this job has a row or another run holds the lock.

    One statement and no transaction around it: this is how nearly every run begins.

    Raises
    ------
    PermanentError
        ``UNKNOWN_DEALERSHIP``.
    """
    run_token = uuid4()
    try:
        row = connection.execute(
            _INSERT,
            {
                "job_id": job_id,
                "dealership_id": dealership_id,
                "sync_type": sync_type.value,
                "run_token": run_token,
                "lease": LEASE,
            },
        ).fetchone()
    except psycopg.errors.ForeignKeyViolation as error:
        detail = f"there is no dealership {dealership_id}"
        raise PermanentError(
            code="UNKNOWN_DEALERSHIP", detail=detail, target="Forecourt"
        ) from error
    if row is None:
        return None
    return SyncRun(
        log_id=row[0],
        job_id=job_id,
        dealership_id=dealership_id,
        run_token=run_token,
        started_at=row[1],
    )


def take(
    connection: Connection, job_id: UUID, dealership_id: int, sync_type: SyncType
) -> SyncRun | SyncResult | PermanentError:
    """Settle a start that met another row; to be called inside a transaction.

    Returns
    -------
    SyncRun
        The lock is held: by this job's own row, at once (a retry after a crash or a failure), or
        by a new one, after the expired row of a dead run was closed.
    SyncResult
        This job's run of the dealership ended well before.
    PermanentError
        ``ALREADY_RUNNING``, to be raised after the commit, so that the Failed row that tells the
        summary of the refusal stays.
    """
    names = {"job_id": job_id, "dealership_id": dealership_id, "sync_type": sync_type.value}
    for _ in range(_RACES):
        with connection.cursor(row_factory=dict_row) as cursor:
            own = cursor.execute(_OWN_ROW, names).fetchone()
            if own is not None and own["status"] in {"Success", "Warning"}:
                return _ended(own)
            if own is None or own["status"] != "InProgress":
                holder = cursor.execute(_HOLDER, names).fetchone()
                if holder is not None and holder["alive"]:
                    return _refuse(connection, names, holder["started_at"])
                if holder is not None:
                    cursor.execute(_BURY, {"id": holder["id"], "run_token": uuid4()})
        if own is None:
            taken = start(connection, job_id, dealership_id, sync_type)
        else:
            taken = _reopen(connection, own, job_id)
        if taken is not None:
            return taken
    detail = "other runs of this dealership keep starting at the same moment"
    raise RetryableError(code="LOCK_CONTENDED", detail=detail, target=TARGET)


def renew(connection: Connection, run: SyncRun, progress: Counts) -> None:
    """Extend the lease and note the progress.

    In the transaction of what is written it holds off anyone who wants to take the row over until
    that is committed.

    Raises
    ------
    PermanentError
        ``LEASE_LOST``: the row is no longer this run's.
    """
    cursor = connection.execute(
        _RENEW,
        {"id": run.log_id, "run_token": run.run_token, "lease": LEASE, **_columns(progress)},
    )
    if cursor.rowcount != 1:
        detail = "another run holds the dealership's log row now; nothing more was stored"
        raise PermanentError(code="LEASE_LOST", detail=detail, target="Forecourt")


def close(connection: Connection, run: SyncRun, closing: Closing) -> bool:
    """End the run; False when the row is no longer this run's, and then nothing changed."""
    cursor = connection.execute(
        _CLOSE,
        {
            "id": run.log_id,
            "run_token": run.run_token,
            "status": closing.status.value,
            **_columns(closing.counts),
            "error_message": closing.error_message,
            "error_details": _json(closing.error_details),
            "request_payload": _json(closing.request_payload),
            "response_summary": _json(closing.response_summary),
            "credential_id": closing.credential_id,
        },
    )
    return cursor.rowcount == 1


def last_received(connection: Connection, run: SyncRun, sync_type: SyncType) -> int:
    """Return how many items the dealership's last run that ended well received, 0 for none."""
    row = connection.execute(
        _LAST_RECEIVED,
        {"dealership_id": run.dealership_id, "sync_type": sync_type.value, "id": run.log_id},
    ).fetchone()
    return 0 if row is None else int(row[0])


def proposed_removals(connection: Connection, run: SyncRun, log_id: int) -> frozenset[str]:
    """Return the stock numbers an earlier stock run of the dealership proposed to remove."""
    row = connection.execute(
        _PROPOSED_REMOVALS, {"dealership_id": run.dealership_id, "log_id": log_id}
    ).fetchone()
    return frozenset(row[0] or ()) if row else frozenset()


def _reopen(connection: Connection, own: Mapping[str, Any], job_id: UUID) -> SyncRun | None:
    """Take the job's own row over; None when another run was faster."""
    run = SyncRun(
        log_id=own["id"],
        job_id=job_id,
        dealership_id=own["dealership_id"],
        run_token=uuid4(),
        started_at=own["started_at"],
        progress=counts_of(own),
    )
    try:
        with connection.transaction():
            connection.execute(
                _TAKE_OVER, {"id": run.log_id, "run_token": run.run_token, "lease": LEASE}
            )
    except psycopg.errors.UniqueViolation:
        return None
    return run


def _refuse(connection: Connection, names: Mapping[str, Any], since: datetime) -> PermanentError:
    """Leave a Failed row for this job, so that its summary counts the refusal."""
    detail = f"already running since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    refusal = PermanentError(ALREADY_RUNNING, detail, target="Forecourt")
    connection.execute(_RECORD_REFUSAL, {**names, "reason": str(refusal), "code": ALREADY_RUNNING})
    return refusal


def _ended(row: Mapping[str, Any]) -> SyncResult:
    return SyncResult(
        dealership_id=row["dealership_id"],
        status=SyncStatus(row["status"]),
        counts=counts_of(row),
    )


def counts_of(row: Mapping[str, Any]) -> Counts:
    """Return the counts of a log row."""
    return Counts(
        received=row["records_processed"],
        created=row["records_created"],
        updated=row["records_updated"],
        unchanged=row["records_unchanged"],
        failed=row["records_failed"],
        removed=row["records_removed"],
    )


def _columns(counts: Counts) -> dict[str, int]:
    return dataclasses.asdict(counts)


def _json(value: Mapping[str, Any] | None) -> Jsonb | None:
    return None if value is None else Jsonb(value)
