"""Close a job's log rows, and look at each dealership's runs before it to tell what is new."""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row

from forecourt.stock.job_end import FAILURES_LOOKED_BACK, DealershipEnd
from forecourt.stock.run import SyncStatus, SyncType
from forecourt.storage.postgres import Connection
from forecourt.storage.sync_logs import ALREADY_RUNNING, counts_of

_CLOSE_UNFINISHED = """
UPDATE easycars_sync_logs
SET status = 'Failed', completed_at = clock_timestamp(), lease_until = NULL,
    run_token = %(run_token)s, error_message = 'did not finish'
WHERE job_id = %(job_id)s AND status = 'InProgress'
"""

_ADD_UNSTARTED = """
INSERT INTO easycars_sync_logs
    (dealership_id, sync_type, sync_direction, status, started_at, completed_at, job_id,
     error_message)
SELECT d.id, %(sync_type)s, 'Inbound', 'Failed', clock_timestamp(), clock_timestamp(),
       %(job_id)s, 'did not start'
FROM dealership d
WHERE d.id = ANY(%(planned)s)
  AND NOT EXISTS (SELECT FROM easycars_sync_logs l
                  WHERE l.job_id = %(job_id)s AND l.dealership_id = d.id)
ON CONFLICT DO NOTHING
"""

# What was before is looked up by the index on dealership, type and start, newest first. A run that
# was refused because of another one says nothing about the dealership.
_ENDS = """
SELECT l.dealership_id, d.name, l.status, l.error_message, l.records_processed,
       l.records_created, l.records_updated, l.records_unchanged, l.records_failed,
       l.records_removed,
       coalesce((l.error_details -> 'proposedRemovals' ->> 'total')::integer, 0) AS removals_held,
       coalesce(l.error_details ->> 'code' = %(refused)s, false) AS was_refused,
       CASE WHEN l.run_token IS NOT NULL
            THEN extract(epoch FROM l.completed_at - l.started_at)::float8 END AS seconds,
       usual.records AS usual_records, before.statuses, before.reason AS reason_before,
       today.failed_today, today.held_today
FROM easycars_sync_logs l
JOIN dealership d ON d.id = l.dealership_id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(status ORDER BY started_at DESC, id DESC), '{}') AS statuses,
           (array_agg(error_message ORDER BY started_at DESC, id DESC))[1] AS reason
    FROM (SELECT p.id, p.status, p.error_message, p.started_at
          FROM easycars_sync_logs p
          WHERE p.dealership_id = l.dealership_id AND p.sync_type = l.sync_type
            AND p.sync_direction = 'Inbound' AND p.status <> 'InProgress'
            AND p.error_details ->> 'code' IS DISTINCT FROM %(refused)s
            AND (p.started_at, p.id) < (l.started_at, l.id)
          ORDER BY p.started_at DESC, p.id DESC
          LIMIT %(looked_back)s) AS last
) AS before
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(p.status = 'Failed'), false) AS failed_today,
           coalesce(bool_or(p.error_details ? 'proposedRemovals'), false) AS held_today
    FROM easycars_sync_logs p
    WHERE p.dealership_id = l.dealership_id AND p.sync_type = l.sync_type
      AND p.sync_direction = 'Inbound' AND (p.started_at, p.id) < (l.started_at, l.id)
      AND p.error_details ->> 'code' IS DISTINCT FROM %(refused)s
      AND p.started_at >= date_trunc('day', clock_timestamp(), 'UTC')
) AS today
LEFT JOIN LATERAL (
    SELECT p.records_processed AS records
    FROM easycars_sync_logs p
    WHERE p.dealership_id = l.dealership_id AND p.sync_type = l.sync_type
      AND p.sync_direction = 'Inbound' AND p.status IN ('Success', 'Warning')
      AND (p.started_at, p.id) < (l.started_at, l.id)
    ORDER BY p.started_at DESC, p.id DESC
    LIMIT 1
) AS usual ON true
WHERE l.job_id = %(job_id)s AND l.dealership_id = ANY(%(planned)s)
"""


def settle(
    connection: Connection, job_id: UUID, sync_type: SyncType, planned: Sequence[int]
) -> list[DealershipEnd]:
    """Close a job's open rows, add the missing ones, and return all; inside a transaction."""
    names = {
        "job_id": job_id,
        "sync_type": sync_type.value,
        "planned": list(planned),
        "run_token": uuid4(),
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_CLOSE_UNFINISHED, names)
        cursor.execute(_ADD_UNSTARTED, names)
        looked_for = {"looked_back": FAILURES_LOOKED_BACK, "refused": ALREADY_RUNNING}
        rows = cursor.execute(_ENDS, names | looked_for)
        return [_end(row) for row in rows]


def _end(row: Mapping[str, Any]) -> DealershipEnd:
    in_a_row = list(takewhile(lambda status: status == "Failed", row["statuses"]))
    return DealershipEnd(
        dealership_id=row["dealership_id"],
        name=row["name"],
        status=SyncStatus(row["status"]),
        reason=row["error_message"],
        counts=counts_of(row),
        was_refused=row["was_refused"],
        removals_held=row["removals_held"],
        failures_before=len(in_a_row),
        reason_before=row["reason_before"] if in_a_row else None,
        usual_records=row["usual_records"],
        seconds=row["seconds"],
        failed_today=row["failed_today"],
        held_today=row["held_today"],
    )
