"""Sync logs, jobs and vehicles as the admin API shows them; nothing here writes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row

from forecourt.admin.request import Page
from forecourt.storage.postgres import Database

_LOG = """g.id, g.dealership_id, d.name AS dealership_name, g.sync_type, g.sync_direction,
    g.status, g.started_at, g.completed_at, g.records_processed, g.records_created,
    g.records_updated, g.records_unchanged, g.records_removed, g.records_failed,
    g.error_message, g.job_id,
    (extract(epoch FROM g.completed_at - g.started_at) * 1000)::bigint AS duration_ms"""

_LOG_FILTER = """
WHERE (%(scope)s::integer IS NULL OR g.dealership_id = %(scope)s)
  AND (%(sync_type)s::text IS NULL OR g.sync_type = %(sync_type)s)
  AND (%(direction)s::text IS NULL OR g.sync_direction = %(direction)s)
  AND (%(status)s::text IS NULL OR g.status = %(status)s)
"""

_LOGS = f"""
SELECT {_LOG}
FROM easycars_sync_logs g JOIN dealership d ON d.id = g.dealership_id
{_LOG_FILTER}
ORDER BY g.started_at DESC, g.id DESC
LIMIT %(size)s OFFSET %(offset)s
"""  # noqa: S608 - the parts are constants of this file

_COUNT_LOGS = f"""
SELECT count(*) AS total FROM easycars_sync_logs g {_LOG_FILTER}
"""  # noqa: S608 - the part is a constant of this file

# One push of a lead is no run; it stands in only where there was none yet.
_LAST_LOG = f"""
SELECT {_LOG}
FROM easycars_sync_logs g JOIN dealership d ON d.id = g.dealership_id
WHERE g.dealership_id = %(dealership_id)s AND g.sync_type = %(sync_type)s
  AND g.sync_direction = %(direction)s
ORDER BY g.started_at DESC, g.id DESC
LIMIT 1
"""  # noqa: S608 - the part is a constant of this file

_IS_SYNCING = """
SELECT EXISTS (
    SELECT FROM easycars_sync_logs
    WHERE dealership_id = %(dealership_id)s AND status = 'InProgress'
      AND sync_direction = 'Inbound') AS is_syncing
"""

_ONE_LOG = f"""
SELECT {_LOG}, g.error_details, g.request_payload, g.response_summary
FROM easycars_sync_logs g JOIN dealership d ON d.id = g.dealership_id
WHERE g.id = %(log_id)s AND (%(scope)s::integer IS NULL OR g.dealership_id = %(scope)s)
"""  # noqa: S608 - the part is a constant of this file

_PROPOSED = """
SELECT p.number AS stock_number, v.id AS vehicle_id, v.title, v.status, v.removed_from_feed_at
FROM easycars_sync_logs g
CROSS JOIN LATERAL jsonb_array_elements_text(
    g.error_details -> 'proposedRemovals' -> 'stockNumbers') WITH ORDINALITY AS p (number, place)
LEFT JOIN vehicle v
    ON v.dealership_id = g.dealership_id AND v.easycars_stock_number = p.number
WHERE g.id = %(log_id)s
ORDER BY p.place
"""

# Only what the newest run that ended well proposed can still be accepted.
_IS_NEWEST = """
SELECT NOT EXISTS (
    SELECT FROM easycars_sync_logs later
    WHERE later.dealership_id = g.dealership_id AND later.sync_type = 'Stock'
      AND later.sync_direction = 'Inbound' AND later.status IN ('Success', 'Warning')
      AND later.started_at > g.started_at) AS is_newest
FROM easycars_sync_logs g
WHERE g.id = %(log_id)s
"""

_OPEN_PROPOSAL = """
SELECT g.id AS log_id, (g.error_details -> 'proposedRemovals' ->> 'total')::integer AS total
FROM easycars_sync_logs g
WHERE g.dealership_id = %(dealership_id)s AND g.sync_type = 'Stock'
  AND g.sync_direction = 'Inbound' AND g.status IN ('Success', 'Warning')
ORDER BY g.started_at DESC
LIMIT 1
"""

_JOB = """
SELECT id AS job_id, sync_type, trigger, status, planned, succeeded, failed, concurrency,
       started_at, completed_at
FROM sync_job WHERE id = %(job_id)s
"""

_JOB_DEALERSHIPS = """
SELECT g.dealership_id, d.name, g.status, g.error_message AS error,
       g.records_processed AS received, g.records_created AS created,
       g.records_updated AS updated, g.records_unchanged AS unchanged,
       g.records_removed AS removed, g.records_failed AS failed,
       g.id AS log_id, g.started_at, g.completed_at
FROM easycars_sync_logs g JOIN dealership d ON d.id = g.dealership_id
WHERE g.job_id = %(job_id)s AND (%(scope)s::integer IS NULL OR g.dealership_id = %(scope)s)
ORDER BY g.dealership_id
"""

_VEHICLE_FILTER = """
WHERE (%(scope)s::integer IS NULL OR v.dealership_id = %(scope)s)
  AND (%(status)s::text IS NULL OR v.status = %(status)s)
"""

_VEHICLES = f"""
SELECT v.id, v.dealership_id, v.title, v.make, v.model, v.year, v.price, v.mileage, v.condition,
       v.status, v.easycars_stock_number AS stock_number, v.easycars_yard_code AS yard_code,
       v.easycars_vin AS vin, v.data_source, v.locked_fields, v.removed_from_feed_at,
       v.last_synced_from_easycars AS last_synced_from_easy_cars
FROM vehicle v
{_VEHICLE_FILTER}
ORDER BY v.id
LIMIT %(size)s OFFSET %(offset)s
"""  # noqa: S608 - the part is a constant of this file

_COUNT_VEHICLES = f"""
SELECT count(*) AS total FROM vehicle v {_VEHICLE_FILTER}
"""  # noqa: S608 - the part is a constant of this file

type _Row = Mapping[str, Any]


class PostgresSyncReports:
    """Adapter of :class:`forecourt.admin.ports.SyncReports`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def logs(
        self,
        scope: int | None,
        sync_type: str | None,
        status: str | None,
        page: Page,
        *,
        direction: str | None = None,
    ) -> tuple[Sequence[_Row], int]:
        """Return log rows without payloads, newest first, and how many there are."""
        wanted = {"scope": scope, "sync_type": sync_type, "status": status, "direction": direction}
        rows = self._rows(_LOGS, **wanted, size=page.size, offset=page.offset)
        return rows, int(self._rows(_COUNT_LOGS, **wanted)[0]["total"])

    def log(self, log_id: int, scope: int | None) -> _Row | None:
        """Return one log row with error details and payloads."""
        return next(iter(self._rows(_ONE_LOG, log_id=log_id, scope=scope)), None)

    def proposed_removals(self, log_id: int) -> tuple[Sequence[_Row], bool]:
        """Return the vehicles a run proposed to remove, and whether that can be accepted now."""
        vehicles = self._rows(_PROPOSED, log_id=log_id)
        return vehicles, bool(vehicles) and self._rows(_IS_NEWEST, log_id=log_id)[0]["is_newest"]

    def open_proposal(self, dealership_id: int) -> _Row | None:
        """Return the proposal of the newest run that ended well; None where it made none."""
        rows = self._rows(_OPEN_PROPOSAL, dealership_id=dealership_id)
        return next((row for row in rows if row["total"]), None)

    def last_log(self, dealership_id: int, sync_type: str) -> _Row | None:
        """Return the log row of a dealership's newest run of a kind."""
        for direction in ("Inbound", "Outbound"):
            for row in self._rows(
                _LAST_LOG,
                dealership_id=dealership_id,
                sync_type=sync_type,
                direction=direction,
            ):
                return row
        return None

    def is_syncing(self, dealership_id: int) -> bool:
        """Say whether a run of a dealership is under way."""
        return bool(self._rows(_IS_SYNCING, dealership_id=dealership_id)[0]["is_syncing"])

    def job(self, job_id: UUID, scope: int | None) -> tuple[_Row, Sequence[_Row]] | None:
        """Return a job and its dealerships."""
        for row in self._rows(_JOB, job_id=job_id):
            return row, self._rows(_JOB_DEALERSHIPS, job_id=job_id, scope=scope)
        return None

    def vehicles(
        self, scope: int | None, status: str | None, page: Page
    ) -> tuple[Sequence[_Row], int]:
        """Return vehicles by id, and how many there are."""
        wanted = {"scope": scope, "status": status}
        rows = self._rows(_VEHICLES, **wanted, size=page.size, offset=page.offset)
        return rows, int(self._rows(_COUNT_VEHICLES, **wanted)[0]["total"])

    def _rows(self, statement: str, **parameters: object) -> list[dict[str, Any]]:
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(statement, parameters).fetchall()
