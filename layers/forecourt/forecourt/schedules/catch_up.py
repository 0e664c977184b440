"""Starting runs that were expected and never began, whatever the cause (design 5.3).

A local time that daylight saving swallowed, a scheduler or a database that was away, a stack that
was down: the run's row is missing in ``sync_job``, and that is all that is looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from forecourt.logs import get_logger
from forecourt.schedules.cron import Cron, time_zone
from forecourt.schedules.runs import runs_between
from forecourt.schedules.timetable import (
    HOURLY_LEADS,
    NIGHTLY_STOCK,
    Schedule,
    ScheduleKeeper,
    Timetable,
)

WINDOW: Final = timedelta(minutes=90)
"""A run missed longer ago is given up; the next one does its work."""

GRACE: Final = timedelta(minutes=10)
"""How long a run that fired in time may take to write its row."""

MOST_STARTS: Final = 100
"""Starts in one go; the next look, 15 minutes later, goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedRun:
    """The last run of a schedule that should have begun; ``scheduled_time`` is aware, in UTC."""

    schedule: Schedule
    scheduled_time: datetime


class RunHistory(Protocol):
    """Which runs began."""

    def last_scheduled(self, since: datetime) -> Mapping[str, datetime]:
        """Return by schedule the latest time of a run that was due since then and began."""
        ...


class RunStarter(Protocol):
    """The state machine."""

    def start_missed(self, run: MissedRun) -> bool:
        """Start it under its own id; False where it was started under that id before."""
        ...


class CatchUp:
    """Looks for missed runs and starts each once."""

    def __init__(
        self,
        *,
        timetable: Timetable,
        keeper: ScheduleKeeper,
        history: RunHistory,
        starter: RunStarter,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._timetable = timetable
        self._keeper = keeper
        self._history = history
        self._starter = starter
        self._clock = clock
        self._log = get_logger("catch_up")

    def run(self) -> list[str]:
        """Start what was missed; return the names of the schedules.

        Of a schedule that missed several runs only the last one is made up for, and none when a
        later one has begun.
        """
        now = self._clock()
        began = self._history.last_scheduled(now - WINDOW)
        missed = [
            found
            for schedule in self._expected_to_fire()
            if (found := _last_due(schedule, now)) is not None
            and began.get(schedule.name, found.scheduled_time - WINDOW) < found.scheduled_time
        ]
        started: list[str] = []
        for run in missed:
            if len(started) == MOST_STARTS:
                break
            if self._starter.start_missed(run):
                started.append(run.schedule.name)
                self._log.warning(
                    "Missed run caught up",
                    schedule=run.schedule.name,
                    scheduled_time=run.scheduled_time.isoformat(),
                )
        return started

    def _expected_to_fire(self) -> Sequence[Schedule]:
        on = {name for name in (NIGHTLY_STOCK, HOURLY_LEADS) if self._keeper.is_on(name)}
        own = self._timetable.own() if NIGHTLY_STOCK in on else ()
        return [*(one for one in self._timetable.system() if one.name in on), *own]


def _last_due(schedule: Schedule, now: datetime) -> MissedRun | None:
    if schedule.fault is not None:
        return None
    runs = runs_between(
        Cron(schedule.cron),
        time_zone(schedule.zone),
        max(now - WINDOW, schedule.in_force_since),
        now - GRACE,
    )
    return MissedRun(schedule=schedule, scheduled_time=runs[-1].moment) if runs else None
