"""All schedules at once, after a deploy wrote its own times over them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from forecourt.schedules.keeping import Kept, keep_timetable
from forecourt.schedules.timetable import HOURLY_LEADS, NIGHTLY_STOCK, Schedule

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def system(name: str, cron: str, zone: str = "UTC") -> Schedule:
    return Schedule(name=name, sync_type="stock", cron=cron, zone=zone, in_force_since=SINCE)


def own(dealership_id: int, cron: str) -> Schedule:
    return Schedule.own(dealership_id, cron=cron, zone="UTC", in_force_since=SINCE)


class Settings:
    def system(self) -> Sequence[Schedule]:
        return [system(NIGHTLY_STOCK, "0 2 * * *"), system(HOURLY_LEADS, "0 * * * *", "Mars")]

    def own(self, dealership_id: int | None = None) -> Sequence[Schedule]:
        return [own(7, "0 5 * * *"), own(8, "every day")]


class Keeper:
    def __init__(self) -> None:
        self.kept: list[str] = []
        self.removed: list[str] = []

    def keep(self, schedules: Sequence[Schedule]) -> None:
        self.kept.extend(f"{one.name} {one.expression}" for one in schedules)

    def remove(self, name: str) -> None:
        self.removed.append(name)

    def is_on(self, name: str) -> bool:
        return True

    def own_names(self) -> Sequence[str]:
        return ["stock-dealership-8", "stock-dealership-9", "stock-dealership-7"]


def test_what_can_be_kept_is_what_is_not_is_named_and_what_is_gone_is_removed() -> None:
    keeper = Keeper()

    kept = keep_timetable(Settings(), keeper)

    assert keeper.kept == [
        "nightly-stock cron(0 2 * * ? *)",
        "stock-dealership-7 cron(0 5 * * ? *)",
    ]
    assert keeper.removed == ["stock-dealership-9"]
    assert kept == Kept(
        kept=2,
        removed=1,
        refused={
            "hourly-leads": "be the IANA name of a time zone, like Australia/Sydney",
            "stock-dealership-8": "be a cron of five fields: minute hour day month weekday, like"
            " 0 2 * * *",
        },
    )
