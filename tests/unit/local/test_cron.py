from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest

from local.cron import ScheduleExpressionError, next_times


def times(expression: str, *, zone: str, after: str, count: int = 3) -> list[str]:
    moment = datetime.fromisoformat(after).astimezone(UTC)
    found = islice(next_times(expression, zone=zone, after=moment, since=moment), count)
    return [f"{moment:%Y-%m-%dT%H:%M}" for moment in found]


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        (
            "cron(0 2 * * ? *)",
            "2026-01-30T02:00:00+00:00",
            ["2026-01-31T02:00", "2026-02-01T02:00", "2026-02-02T02:00"],
        ),
        (
            "cron(0/30 * ? * * *)",
            "2026-01-30T02:10:00+00:00",
            ["2026-01-30T02:30", "2026-01-30T03:00", "2026-01-30T03:30"],
        ),
        # In EventBridge 1 is Sunday; 2026-02-01 is one.
        (
            "cron(0 8 ? * 1 *)",
            "2026-01-30T00:00:00+00:00",
            ["2026-02-01T08:00", "2026-02-08T08:00", "2026-02-15T08:00"],
        ),
        (
            "cron(0 8 ? * MON-FRI *)",
            "2026-01-30T09:00:00+00:00",
            ["2026-02-02T08:00", "2026-02-03T08:00", "2026-02-04T08:00"],
        ),
        # The first Sunday of a month: day 1, occurrence 1.
        (
            "cron(0 8 ? * 1#1 *)",
            "2026-02-02T00:00:00+00:00",
            ["2026-03-01T08:00", "2026-04-05T08:00", "2026-05-03T08:00"],
        ),
        (
            "cron(0 0 L * ? *)",
            "2026-02-02T00:00:00+00:00",
            ["2026-02-28T00:00", "2026-03-31T00:00", "2026-04-30T00:00"],
        ),
        (
            "cron(0 0 1 1 ? 2027-2028)",
            "2026-02-02T00:00:00+00:00",
            ["2027-01-01T00:00", "2028-01-01T00:00"],
        ),
        ("rate(1 hour)", "2026-01-30T02:10:00+00:00", ["2026-01-30T03:10", "2026-01-30T04:10"]),
        ("rate(15 minutes)", "2026-01-30T02:10:00+00:00", ["2026-01-30T02:25", "2026-01-30T02:40"]),
        ("at(2026-02-01T02:00:00)", "2026-01-30T02:10:00+00:00", ["2026-02-01T02:00"]),
        ("at(2026-01-01T02:00:00)", "2026-01-30T02:10:00+00:00", []),
    ],
)
def test_a_schedule_fires_when_eventbridge_would(
    expression: str, after: str, expected: Any
) -> None:
    assert times(expression, zone="UTC", after=after, count=len(expected) or 1) == expected


def test_a_local_time_follows_daylight_saving() -> None:
    found = times("cron(0 2 * * ? *)", zone="Australia/Sydney", after="2026-04-03T20:00:00+00:00")

    # 2026-04-05: clocks go back an hour at 03:00, so 02:00 comes twice and fires once.
    assert found == ["2026-04-04T15:00", "2026-04-05T16:00", "2026-04-06T16:00"]


def test_a_local_time_that_daylight_saving_swallows_is_skipped() -> None:
    found = times("cron(30 2 * * ? *)", zone="Australia/Sydney", after="2026-10-02T17:00:00+00:00")

    # 2026-10-04: clocks go from 02:00 to 03:00.
    assert found == ["2026-10-04T15:30", "2026-10-05T15:30", "2026-10-06T15:30"]


def test_rate_counts_from_its_beginning_not_from_the_last_look() -> None:
    since = datetime(2026, 1, 1, 0, 7, tzinfo=UTC)
    after = datetime(2026, 1, 1, 3, 0, tzinfo=UTC)

    first = next(next_times("rate(1 hour)", zone="UTC", after=after, since=since))

    assert first == datetime(2026, 1, 1, 3, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("0 2 * * *", "UTC"),
        ("cron(0 2 * * *)", "UTC"),
        ("cron(0 99 * * ? *)", "UTC"),
        ("cron(0 2 * * ? soon)", "UTC"),
        ("rate(0 minutes)", "UTC"),
        ("rate(2 fortnights)", "UTC"),
        ("at(tomorrow)", "UTC"),
        ("cron(0 2 * * ? *)", "Australia/Springfield"),
    ],
)
def test_what_is_no_schedule_is_refused(expression: str, zone: str) -> None:
    with pytest.raises(ScheduleExpressionError):
        times(expression, zone=zone, after="2026-01-30T02:10:00+00:00")
