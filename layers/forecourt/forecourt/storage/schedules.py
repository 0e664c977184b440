"""What ``system_settings`` and ``dealership_settings`` say about schedules."""

from collections.abc import Sequence

from forecourt.schedules.timetable import (
    CRON_KEY,
    DEFAULTS,
    HOURLY_LEADS,
    LEAD_CRON_KEY,
    NIGHTLY_STOCK,
    ZONE_KEY,
    Schedule,
    SyncKind,
)
from forecourt.storage.postgres import Database

# A setting whose row is gone has its default, and has always had it.
_SYSTEM = """
SELECT wanted.key, s.value, coalesce(s.updated_at, 'epoch'::timestamptz)
FROM unnest(%s::text[]) AS wanted (key)
LEFT JOIN system_settings s ON s.key = wanted.key
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
