from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.schedules.cron import Cron, CronError, time_zone
from local.cron import next_times

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SYDNEY = ZoneInfo("Australia/Sydney")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expression"),
    [
        ("0 2 * * *", "cron(0 2 * * ? *)"),
        ("0 * * * *", "cron(0 * * * ? *)"),
        ("* * * * *", "cron(* * * * ? *)"),
        ("*/15 * * * *", "cron(0,15,30,45 * * * ? *)"),
        ("5 4 1,15 * *", "cron(5 4 1,15 * ? *)"),
        ("0 2 * * 0", "cron(0 2 ? * 1 *)"),
        ("0 2 * * 7", "cron(0 2 ? * 1 *)"),
        ("0 2 * * SAT", "cron(0 2 ? * 7 *)"),
        ("0 2 * * mon-fri", "cron(0 2 ? * 2,3,4,5,6 *)"),
        ("0 2 * * 0-7", "cron(0 2 * * ? *)"),
        ("0 2 29 2 *", "cron(0 2 29 2 ? *)"),
        ("0 2 * JAN,7 *", "cron(0 2 * 1,7 ? *)"),
    ],
)
def test_what_the_scheduler_is_told(cron: str, expression: str) -> None:
    assert Cron(cron).expression == expression


@pytest.mark.parametrize(
    ("cron", "cure"),
    [
        ("", "five fields"),
        ("0 2 * *", "five fields"),
        ("0 0 2 * * *", "five fields"),
        ("@daily", "five fields"),
        ("0 2 * * ٣", "five fields"),
        ("60 2 * * *", "in range"),
        ("0 24 * * *", "in range"),
        ("0 2 * * 8", "in range"),
        ("a b c d e", "in range"),
        ("0 2 0 * *", "in range"),
        ("0 2 L * *", "cannot be kept"),
        ("0 2 * * MON#1", "cannot be kept"),
        ("0 2 1 * 1", "not both"),
        ("0 2 30 2 *", "must have the day"),
        ("1-9,11-19,21-29,31-39,41-49,51-59 1-22 1-12,14-30 1-11 *", "too long"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_cure(cron: str, cure: str) -> None:
    with pytest.raises(CronError, match=cure):
        Cron(cron)


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [("0 2 * * *", 1440), ("* * * * *", 1), ("*/15 * * * *", 15), ("0,50 2-4 * * *", 10),
     ("0 0,23 * * *", 60), ("55 23 * * *", 1440)],
)  # fmt: skip
def test_the_shortest_wait_between_two_times(cron: str, minutes: int) -> None:
    assert Cron(cron).shortest_wait == minutes


@pytest.mark.parametrize("name", ["", "Sydney", "../etc/passwd", "/etc/localtime", "Mars/Base"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(CronError, match="IANA name"):
        time_zone(name)


def test_the_night_that_daylight_saving_swallows_is_told() -> None:
    # Sydney's clocks went from 02:00 to 03:00 on 4 October 2026.
    found = Cron("30 2 * * *").between(
        SYDNEY, moment("2026-10-02T17:00"), moment("2026-10-04T17:00")
    )
    assert [(one.moment, one.swallowed) for one in found] == [
        (moment("2026-10-03T16:30"), True),
        (moment("2026-10-04T15:30"), False),
    ]
    assert found[0].local == datetime(2026, 10, 4, 2, 30)  # noqa: DTZ001 - a local time


def test_the_repeated_hour_comes_round_once() -> None:
    # Sydney's clocks went from 03:00 back to 02:00 on 5 April 2026.
    found = Cron("30 2 * * *").between(
        SYDNEY, moment("2026-04-04T00:00"), moment("2026-04-05T12:00")
    )
    assert [one.moment for one in found] == [moment("2026-04-04T15:30")]


crons = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "30", "*/20", "5-7"]),
    st.sampled_from(["*", "2", "1-3", "0,23"]),
    st.sampled_from(["*", "1", "15,31"]),
    st.sampled_from(["*", "2", "4,10"]),
    st.just("*"),
) | st.builds(
    "{} {} * * {}".format,
    st.sampled_from(["0", "30"]),
    st.sampled_from(["2", "1-3"]),
    st.sampled_from(["0", "7", "1-5", "6,0", "MON"]),
)


@settings(deadline=None)
@given(
    text=crons,
    start=st.integers(0, 365 * 24 * 60).map(lambda minutes: NEW_YEAR + timedelta(minutes=minutes)),
    zone=st.sampled_from(["UTC", "Australia/Sydney", "Europe/Berlin", "Australia/Lord_Howe"]),
)
def test_both_dialects_mean_the_same_times(text: str, start: datetime, zone: str) -> None:
    cron, until = Cron(text), start + timedelta(days=40)
    ours = cron.between(time_zone(zone), start, until)
    theirs = next_times(cron.expression, zone=zone, after=start, since=start)
    kept = [one.moment for one in ours if not one.swallowed]
    assert kept == [when for when, _ in zip(theirs, kept, strict=False)]
