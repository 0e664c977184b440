"""The runs a cron leads to, and those daylight saving takes away."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from forecourt.schedules.cron import Cron
from forecourt.schedules.runs import next_runs, next_swallowed, runs_between

SYDNEY = ZoneInfo("Australia/Sydney")
UTC_ZONE = ZoneInfo("UTC")
# 02:00 to 03:00 of 4 October 2026 does not exist in Sydney; the clock jumps at 16:00 UTC.
BEFORE = datetime(2026, 10, 3, 12, tzinfo=UTC)
AFTER = datetime(2026, 10, 3, 20, tzinfo=UTC)


def shown(cron: str) -> list[str]:
    return [
        f"{one.moment:%H:%M} {one.local:%H:%M}{' swallowed' if one.swallowed else ''}"
        for one in runs_between(Cron(cron), SYDNEY, BEFORE, AFTER)
    ]


@pytest.mark.parametrize(
    ("cron", "runs"),
    [
        ("0 2 * * *", ["16:00 02:00 swallowed"]),
        ("30 2 * * *", ["16:30 02:30 swallowed"]),
        ("30 1,2 * * *", ["15:30 01:30", "16:30 02:30 swallowed"]),
        ("0 1-4 * * *", ["15:00 01:00", "16:00 03:00", "17:00 04:00"]),
        ("*/30 2,3 * * *", ["16:00 03:00", "16:30 03:30"]),
        ("30 2,3 * * *", ["16:30 03:30"]),
        ("45 2,4 * * *", ["16:45 02:45 swallowed", "17:45 04:45"]),
    ],
)
def test_a_moment_is_one_run_and_swallowed_only_if_nothing_else_comes_then(
    cron: str, runs: list[str]
) -> None:
    assert shown(cron) == runs


def test_a_swallowed_time_hides_none_that_comes_before_it() -> None:
    quarter_past = datetime(2026, 10, 3, 16, 15, tzinfo=UTC)

    found = runs_between(Cron("*/30 2,3 * * *"), SYDNEY, BEFORE, quarter_past)

    assert [f"{one.moment:%H:%M} {one.local:%H:%M}" for one in found] == ["16:00 03:00"]


def test_the_bounds_are_later_than_the_first_and_not_later_than_the_second() -> None:
    start, end = datetime(2026, 3, 2, 2, tzinfo=UTC), datetime(2026, 3, 3, 2, tzinfo=UTC)

    found = runs_between(Cron("0 2 * * *"), UTC_ZONE, start, end)

    assert [one.moment for one in found] == [end]


def test_the_next_runs_are_in_order() -> None:
    found = next_runs(Cron("0 2 * * *"), SYDNEY, BEFORE, count=3)

    assert [f"{one.local:%d %H:%M}" for one in found] == ["04 02:00", "05 02:00", "06 02:00"]
    assert [one.swallowed for one in found] == [True, False, False]


@pytest.mark.parametrize(
    ("cron", "zone", "expected"),
    [
        ("0 2 * * *", "Australia/Sydney", "2027-10-03T02:00:00"),
        ("30 2 * * *", "Australia/Lord_Howe", None),
        ("15 2 * * *", "Australia/Lord_Howe", "2027-10-03T02:15:00"),
        ("0 2 * * *", "UTC", None),
        ("0 * * * *", "Australia/Sydney", None),
        ("0 2 * * 1-6", "Australia/Sydney", None),
        ("0 2 * * *", "America/New_York", "2027-03-14T02:00:00"),
        ("15 0 * * *", "Africa/Cairo", "2027-04-30T00:15:00"),
    ],
)
def test_the_next_night_that_is_swallowed_is_found_within_a_year(
    cron: str, zone: str, expected: str | None
) -> None:
    found = next_swallowed(Cron(cron), ZoneInfo(zone), datetime(2026, 11, 21, 5, tzinfo=UTC))

    assert (None if found is None else found.local.isoformat()) == expected
