"""Two people change a schedule at once."""

from collections.abc import Sequence
from datetime import UTC, datetime

from forecourt.admin.schedule_changes import ScheduleChanges
from forecourt.schedules.timetable import NIGHTLY_STOCK, Schedule


def nightly(cron: str) -> Schedule:
    return Schedule(
        name=NIGHTLY_STOCK,
        sync_type="stock",
        cron=cron,
        zone="UTC",
        in_force_since=datetime(2026, 1, 1, tzinfo=UTC),
    )


class Settings:
    """The other person's change is stored between our reading and our telling the scheduler."""

    def __init__(self) -> None:
        self.reads = iter([nightly("0 2 * * *"), nightly("0 4 * * *"), nightly("0 4 * * *")])

    def system(self) -> Sequence[Schedule]:
        return [next(self.reads)]


class Keeper:
    def __init__(self) -> None:
        self.crons: list[str] = []

    def keep(self, schedules: Sequence[Schedule]) -> None:
        self.crons.extend(schedule.cron for schedule in schedules)


def test_the_scheduler_ends_with_what_is_stored_last() -> None:
    keeper = Keeper()

    ScheduleChanges(timetable=Settings(), keeper=keeper).apply_system()

    assert keeper.crons == ["0 2 * * *", "0 4 * * *"]
