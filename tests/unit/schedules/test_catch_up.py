"""Runs that were missed, each made up for once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from forecourt.schedules.catch_up import GRACE, MOST_STARTS, WINDOW, CatchUp, MissedRun
from forecourt.schedules.timetable import HOURLY_LEADS, NIGHTLY_STOCK, Schedule

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NIGHT = datetime(2026, 10, 2, 2, 30, tzinfo=UTC)


def system(name: str, cron: str, **changes: Any) -> Schedule:
    given: dict[str, Any] = {"sync_type": "stock", "zone": "UTC", "in_force_since": LONG_AGO}
    return Schedule(name=name, cron=cron, **given | changes)


@dataclass
class World:
    """Port ``Timetable``, ``ScheduleKeeper``, ``RunHistory`` and ``RunStarter`` in one."""

    nightly: Schedule = field(default_factory=lambda: system(NIGHTLY_STOCK, "0 2 * * *"))
    hourly: Schedule = field(default_factory=lambda: system(HOURLY_LEADS, "0 0 1 1 *"))
    owns: list[Schedule] = field(default_factory=list)
    off: set[str] = field(default_factory=set)
    began: dict[str, datetime] = field(default_factory=dict)
    started: list[MissedRun] = field(default_factory=list)
    names: set[tuple[str, datetime]] = field(default_factory=set)

    def system(self) -> Sequence[Schedule]:
        return [self.nightly, self.hourly]

    def own(self, dealership_id: int | None = None) -> Sequence[Schedule]:
        return self.owns

    def is_on(self, name: str) -> bool:
        return name not in self.off

    def keep(self, schedules: Sequence[Schedule]) -> None:
        raise AssertionError

    def remove(self, name: str) -> None:
        raise AssertionError

    def own_names(self) -> Sequence[str]:
        raise AssertionError

    def last_scheduled(self, since: datetime) -> Mapping[str, datetime]:
        return {name: moment for name, moment in self.began.items() if moment >= since}

    def start_missed(self, run: MissedRun) -> bool:
        name = (run.schedule.name, run.scheduled_time)
        if name in self.names:
            return False
        self.names.add(name)
        self.started.append(run)
        return True

    def look(self, now: datetime = NIGHT) -> list[str]:
        return CatchUp(
            timetable=self, keeper=self, history=self, starter=self, clock=lambda: now
        ).run()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_run_that_began_is_not_started_again() -> None:
    world = World(began={NIGHTLY_STOCK: at("2026-10-02T02:00")})

    assert world.look() == []


def test_a_run_nobody_began_is_started_once() -> None:
    world = World()

    assert world.look() == [NIGHTLY_STOCK]
    assert world.look(NIGHT + timedelta(minutes=15)) == []

    (run,) = world.started
    assert (run.schedule.name, run.scheduled_time) == (NIGHTLY_STOCK, at("2026-10-02T02:00"))


@pytest.mark.parametrize(
    ("later", "starts"),
    [
        (GRACE - timedelta(seconds=1), 0),
        (GRACE, 1),
        (WINDOW - timedelta(seconds=1), 1),
        (WINDOW, 0),
        (timedelta(hours=3), 0),
    ],
)
def test_it_is_started_after_its_grace_and_within_ninety_minutes(
    later: timedelta, starts: int
) -> None:
    assert len(World().look(at("2026-10-02T02:00") + later)) == starts


def test_the_night_that_daylight_saving_swallows_is_caught_up() -> None:
    world = World(nightly=system(NIGHTLY_STOCK, "0 2 * * *", zone="Australia/Sydney"))

    assert world.look(at("2026-10-03T16:20")) == [NIGHTLY_STOCK]
    assert world.started[0].scheduled_time == at("2026-10-03T16:00")


def test_an_hourly_run_beside_the_swallowed_hour_is_no_second_run() -> None:
    world = World(
        nightly=system(NIGHTLY_STOCK, "0 12 * * *"),
        hourly=system(HOURLY_LEADS, "0 * * * *", zone="Australia/Sydney"),
        began={HOURLY_LEADS: at("2026-10-03T16:00")},
    )

    assert world.look(at("2026-10-03T16:20")) == []


def test_of_several_missed_runs_the_last_is_made_up_for_and_none_before_one_that_began() -> None:
    hourly = system(HOURLY_LEADS, "0,30 * * * *")
    world = World(nightly=system(NIGHTLY_STOCK, "0 12 * * *"), hourly=hourly)
    world.began[HOURLY_LEADS] = at("2026-10-02T02:30")
    assert world.look(at("2026-10-02T02:35")) == []
    assert world.look(at("2026-10-02T02:45")) == []

    world.began[HOURLY_LEADS] = at("2026-10-02T01:00")
    assert world.look(at("2026-10-02T02:45")) == [HOURLY_LEADS]
    assert [run.scheduled_time for run in world.started] == [at("2026-10-02T02:30")]


def test_nobody_expected_a_run_of_before_the_schedule_was_changed() -> None:
    changed = {"in_force_since": at("2026-10-02T02:00")}

    assert World(nightly=system(NIGHTLY_STOCK, "0 2 * * *", **changed)).look() == []
    assert World(nightly=system(NIGHTLY_STOCK, "1 2 * * *", **changed)).look() == [NIGHTLY_STOCK]


def test_a_schedule_that_is_off_or_cannot_be_kept_misses_nothing() -> None:
    own = Schedule.own(7, cron="0 2 * * *", zone="UTC", in_force_since=LONG_AGO)

    assert World(off={NIGHTLY_STOCK}, owns=[own]).look() == []
    assert World(nightly=system(NIGHTLY_STOCK, "0 2 * * *", zone="Mars"), owns=[own]).look() == [
        own.name
    ]


def test_after_an_outage_starts_are_spread_over_several_looks() -> None:
    owns = [
        Schedule.own(number, cron="0 2 * * *", zone="UTC", in_force_since=LONG_AGO)
        for number in range(1, MOST_STARTS + 51)
    ]
    world = World(nightly=system(NIGHTLY_STOCK, "0 12 * * *"), owns=owns)

    assert len(world.look()) == MOST_STARTS
    world.began = {run.schedule.name: run.scheduled_time for run in world.started}
    assert len(world.look(NIGHT + timedelta(minutes=15))) == 50
