"""Routes of schedules: when runs start."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from forecourt.admin.request import AdminRequest
from forecourt.admin.router import Reply
from forecourt.schedules.cron import Cron, CronError, Occurrence, time_zone
from forecourt.schedules.runs import next_runs, next_swallowed
from forecourt.schedules.timetable import (
    HOURLY_LEADS,
    NIGHTLY_STOCK,
    Schedule,
    ScheduleKeeper,
    Timetable,
)

_RUNS_SHOWN = 3


class ScheduleRoutes:
    """Answers ``/api/admin/easycars/schedules``."""

    def __init__(
        self,
        *,
        timetable: Timetable,
        keeper: ScheduleKeeper,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timetable = timetable
        self._keeper = keeper
        self._clock = clock

    def list(self, request: AdminRequest) -> Reply:
        """List schedules with their next runs; of one dealership those that sync it.

        A dealership's own is on as long as the nightly one is.
        """
        page = request.page()
        schedules = self._governing(request.scope)
        on = {name: self._keeper.is_on(name) for name in (NIGHTLY_STOCK, HOURLY_LEADS)}
        now = self._clock()
        shown = [
            _described(one, now) | {"enabled": on.get(one.name, on[NIGHTLY_STOCK])}
            for one in schedules[page.offset : page.offset + page.size]
        ]
        document: dict[str, Any] = {"schedules": shown}
        return Reply(HTTPStatus.OK, document | {"pagination": page.describe(len(schedules))})

    def _governing(self, dealership_id: int | None) -> Sequence[Schedule]:
        system, own = self._timetable.system(), self._timetable.own(dealership_id)
        if dealership_id is None or not own:
            return [*system, *own]
        return [*own, *(one for one in system if one.name != NIGHTLY_STOCK)]


def _described(schedule: Schedule, now: datetime) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": schedule.name,
        "syncType": schedule.sync_type,
        "dealershipId": schedule.dealership_id,
        "cron": schedule.cron,
        "timezone": schedule.zone,
        "fault": None,
        "nextRuns": [],
        "nextSwallowed": None,
    }
    try:
        cron, zone = Cron(schedule.cron), time_zone(schedule.zone)
    except CronError as error:
        return shown | {"fault": f"The cron or the time zone must {error}."}
    swallowed = next_swallowed(cron, zone, now)
    return shown | {
        "nextRuns": [_run(one) for one in next_runs(cron, zone, now, count=_RUNS_SHOWN)],
        "nextSwallowed": None if swallowed is None else _run(swallowed),
    }


def _run(run: Occurrence) -> dict[str, Any]:
    """Describe a run; ``local`` of a swallowed one is a time that does not exist that day."""
    local = run.local.isoformat(timespec="minutes")
    return {"at": run.moment, "local": local, "swallowed": run.swallowed}
