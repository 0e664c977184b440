from datetime import UTC, date, datetime

import pytest

from forecourt.easycars.sydney_time import latest_sydney_time, parse_sydney_time, sydney_date


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("28/11/2024 10:42:12", datetime(2024, 11, 27, 23, 42, 12, tzinfo=UTC)),
        ("28/06/2024 10:42:12", datetime(2024, 6, 28, 0, 42, 12, tzinfo=UTC)),
        # 6 April 2025: 02:00 to 02:59 comes twice; the first is daylight saving
        ("06/04/2025 01:59:59", datetime(2025, 4, 5, 14, 59, 59, tzinfo=UTC)),
        ("06/04/2025 02:30:00", datetime(2025, 4, 5, 15, 30, tzinfo=UTC)),
        ("06/04/2025 03:00:00", datetime(2025, 4, 5, 17, 0, tzinfo=UTC)),
        # 5 October 2025: 02:00 to 02:59 never comes
        ("05/10/2025 01:59:59", datetime(2025, 10, 4, 15, 59, 59, tzinfo=UTC)),
        ("05/10/2025 02:30:00", datetime(2025, 10, 4, 16, 30, tzinfo=UTC)),
        ("05/10/2025 03:00:00", datetime(2025, 10, 4, 16, 0, tzinfo=UTC)),
        (" 01/01/2026 00:00:00 ", datetime(2025, 12, 31, 13, 0, tzinfo=UTC)),
    ],
)
def test_sydney_wall_time_becomes_utc(wall: str, utc: datetime) -> None:
    assert parse_sydney_time(wall) == utc


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("28/11/2024 10:42:12", datetime(2024, 11, 27, 23, 42, 12, tzinfo=UTC)),
        ("06/04/2025 02:30:00", datetime(2025, 4, 5, 16, 30, tzinfo=UTC)),
        ("05/10/2025 02:30:00", datetime(2025, 10, 4, 16, 30, tzinfo=UTC)),
    ],
)
def test_the_latest_moment_a_wall_time_can_mean(wall: str, utc: datetime) -> None:
    assert latest_sydney_time(wall) == utc


@pytest.mark.parametrize(
    "text", [None, "", "2024-11-28T10:42:12", "31/02/2024 10:00:00", "01/01/0001 00:00:00", "?"]
)
def test_what_is_no_time_is_none(text: str | None) -> None:
    assert parse_sydney_time(text) is None
    assert latest_sydney_time(text) is None


def test_the_date_changes_at_sydneys_midnight() -> None:
    assert sydney_date(datetime(2025, 12, 31, 12, 59, tzinfo=UTC)) == date(2025, 12, 31)
    assert sydney_date(datetime(2025, 12, 31, 13, 0, tzinfo=UTC)) == date(2026, 1, 1)
