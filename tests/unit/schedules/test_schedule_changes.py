"""Two people change a schedule at once."""

from collections.abc import Sequence
from datetime import UTC, datetime

from forecourt.admin.schedule_changes import ScheduleChanges
from forecourt.schedules.timetable import NIGHTLY_STOCK, Schedule

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def nightly(cron: str) -> Schedule:
    return Schedule(
        name=NIGHTLY_STOCK,
        sync_type="stock",
        cron=cron,
        zone="UTC",
        in_force_since=SINCE,
    )


class Settings:
    """The other person's change is stored between our reading and our telling the scheduler."""

    def __init__(self) -> None:
        own = Schedule.own(7, cron="0 5 * * *", zone="UTC", in_force_since=SINCE)
        self.owns: list[list[Schedule]] = [[own], [], []]
        self.reads = iter([nightly("0 2 * * *"), nightly("0 4 * * *"), nightly("0 4 * * *")])

    def system(self) -> Sequence[Schedule]:
        return [next(self.reads)]

    def own(self, dealership_id: int | None = None) -> Sequence[Schedule]:
        return self.owns.pop(0)


class Keeper:
    def __init__(self) -> None:
        self.crons: list[str] = []

    def keep(self, schedules: Sequence[Schedule]) -> None:
        self.crons.extend(schedule.cron for schedule in schedules)

    def remove(self, name: str) -> None:
        self.crons.append(f"no {name}")

    def is_on(self, name: str) -> bool:
        return True

    def own_names(self) -> Sequence[str]:
        return []


def test_the_scheduler_ends_with_what_is_stored_last() -> None:
    keeper = Keeper()

    ScheduleChanges(timetable=Settings(), keeper=keeper).apply_system()

    assert keeper.crons == ["0 2 * * *", "0 4 * * *"]


def test_a_schedule_somebody_gave_back_meanwhile_is_gone_in_the_end() -> None:
    keeper = Keeper()

    ScheduleChanges(timetable=Settings(), keeper=keeper).apply_own(7)

    assert keeper.crons == ["0 5 * * *", "no stock-dealership-7"]
