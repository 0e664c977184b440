"""What ``system_settings`` and ``dealership_settings`` say about schedules."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from forecourt.schedules.timetable import (
    CRON_KEY,
    DEFAULTS,
    HOURLY_LEADS,
    LEAD_CRON_KEY,
    NIGHTLY_STOCK,
    ZONE_KEY,
    Schedule,
)
from forecourt.stock.due import SyncKind
from forecourt.storage.postgres import Database

# A setting whose row is gone has its default, and has always had it.
_SYSTEM = """
SELECT wanted.key, s.value, coalesce(s.updated_at, 'epoch'::timestamptz)
FROM unnest(%s::text[]) AS wanted (key)
LEFT JOIN system_settings s ON s.key = wanted.key
"""

# A zone of its own is stored with each cron; one that is missing is the system's.
_OWN = """
SELECT dealership_id, easycar_sync_cron,
       coalesce(easycar_sync_timezone, (SELECT value FROM system_settings WHERE key = %(zone)s)),
       updated_at
FROM dealership_settings
WHERE easycar_sync_cron IS NOT NULL
  AND (%(only)s::integer IS NULL OR dealership_id = %(only)s)
ORDER BY dealership_id
"""

_LAST_SCHEDULED = """
SELECT schedule_name, max(scheduled_time)
FROM sync_job
WHERE started_at >= %(since)s AND scheduled_time >= %(since)s AND trigger <> 'manual'
GROUP BY schedule_name
"""


class PostgresTimetable:
    """Adapter of :class:`forecourt.schedules.timetable.Timetable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def system(self) -> Sequence[Schedule]:
        """Return the nightly run's and the leads' schedule."""
        rows = self._database.connection().execute(_SYSTEM, (list(DEFAULTS),)).fetchall()
        values = {key: value or DEFAULTS[key] for key, value, _ in rows}
        since = {key: updated_at for key, _, updated_at in rows}

        def schedule(name: str, sync_type: SyncKind, key: str) -> Schedule:
            return Schedule(
                name=name,
                sync_type=sync_type,
                cron=values[key],
                zone=values[ZONE_KEY],
                in_force_since=max(since[key], since[ZONE_KEY]),
            )

        return [
            schedule(NIGHTLY_STOCK, "stock", CRON_KEY),
            schedule(HOURLY_LEADS, "lead", LEAD_CRON_KEY),
        ]

    def own(self, dealership_id: int | None = None) -> Sequence[Schedule]:
        """Return dealerships' own schedules by id, or the one's, which may have none."""
        wanted = {"zone": ZONE_KEY, "only": dealership_id}
        rows = self._database.connection().execute(_OWN, wanted).fetchall()
        return [
            Schedule.own(
                dealership, cron=cron, zone=zone or DEFAULTS[ZONE_KEY], in_force_since=since
            )
            for dealership, cron, zone, since in rows
        ]


class PostgresRunHistory:
    """Adapter of :class:`forecourt.schedules.catch_up.RunHistory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_scheduled(self, since: datetime) -> Mapping[str, datetime]:
        """Return by schedule the latest time of a run that was due since then and began."""
        rows = self._database.connection().execute(_LAST_SCHEDULED, {"since": since})
        return dict(rows.fetchall())
