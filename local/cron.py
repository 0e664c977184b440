"""When a schedule of EventBridge Scheduler fires: ``cron(…)``, ``rate(…)`` and ``at(…)``.

Source: EventBridge Scheduler User Guide, "Schedule types" and "Time zones and daylight saving":
a local time that daylight saving swallows is skipped, a repeated one fires once.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORM = re.compile(r"(cron|rate|at)\((.*)\)")
_RATE = re.compile(r"(\d+) (minute|hour|day)s?")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_WEEKDAY_NUMBER = re.compile(r"(?<![#/\d])([1-7])(?!\d)")
_CRON_FIELDS = 6
_LAST_YEAR = 2199


class ScheduleExpressionError(ValueError):
    """The expression is none that EventBridge Scheduler knows, or none that runs here."""


def next_times(
    expression: str, *, zone: str, after: datetime, since: datetime
) -> Iterator[datetime]:
    """Yield the moments a schedule fires, in UTC, the first one later than `after`.

    Parameters
    ----------
    expression
        A schedule expression.
    zone
        The IANA name of the schedule's time zone.
    after
        An aware moment.
    since
        When the schedule began; ``rate`` counts from it.

    Raises
    ------
    ScheduleExpressionError
        When the expression or the zone is not valid.
    """
    form = _FORM.fullmatch(expression.strip())
    if form is None:
        message = f"{expression!r} is no schedule: it must be cron(…), rate(…) or at(…)."
        raise ScheduleExpressionError(message)
    kind, argument = form[1], form[2].strip()
    try:
        tz = ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as error:
        message = f"{zone!r} is no time zone."
        raise ScheduleExpressionError(message) from error
    if kind == "rate":
        return _rate_times(argument, after=after, since=since)
    if kind == "at":
        return _at_time(argument, tz, after=after)
    return _cron_times(argument, tz, after=after)


def _rate_times(argument: str, *, after: datetime, since: datetime) -> Iterator[datetime]:
    rate = _RATE.fullmatch(argument)
    if rate is None or int(rate[1]) == 0:
        message = f"rate({argument}) must be like rate(5 minutes)."
        raise ScheduleExpressionError(message)
    step = _UNITS[rate[2]] * int(rate[1])
    passed = max(0, (after - since) // step)

    def times() -> Iterator[datetime]:
        moment = since.astimezone(UTC) + step * passed
        while True:
            moment += step
            if moment > after:
                yield moment

    return times()


def _at_time(argument: str, tz: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    try:
        moment = datetime.fromisoformat(argument).replace(tzinfo=tz).astimezone(UTC)
    except ValueError as error:
        message = f"at({argument}) must be like at(2026-01-31T02:00:00)."
        raise ScheduleExpressionError(message) from error
    return iter([moment] if moment > after else [])


def _cron_times(argument: str, tz: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    fields = argument.upper().split()
    if len(fields) != _CRON_FIELDS:
        message = f"cron({argument}) must have six fields: minute hour day month weekday year."
        raise ScheduleExpressionError(message)
    minute, hour, day, month, weekday, year = fields
    # EventBridge counts weekdays from 1 = Sunday, cron from 0.
    weekday = _WEEKDAY_NUMBER.sub(lambda number: str(int(number[1]) - 1), weekday)
    five = " ".join([minute, hour, day.replace("?", "*"), month, weekday.replace("?", "*")])
    years = _years(year, argument)
    start = after.astimezone(tz).replace(tzinfo=None, fold=0) - timedelta(hours=3)
    try:
        local_times = CronSim(five, start)
    except CronSimError as error:
        message = f"cron({argument}) cannot be read: {error}."
        raise ScheduleExpressionError(message) from error

    def times() -> Iterator[datetime]:
        for local in local_times:
            if local.year > max(years):
                return
            moment = local.replace(tzinfo=tz).astimezone(UTC)
            is_swallowed = moment.astimezone(tz).replace(tzinfo=None) != local
            if local.year in years and not is_swallowed and moment > after:
                yield moment

    return times()


def _years(field: str, argument: str) -> frozenset[int]:
    everything = range(1970, _LAST_YEAR + 1)
    if field in {"*", "?"}:
        return frozenset(everything)
    years: set[int] = set()
    for term in field.split(","):
        span, _, step = term.partition("/")
        first, _, last = span.partition("-")
        numbers = [first.replace("*", "1970"), last or (str(_LAST_YEAR) if step else first)]
        if not all(number.isdigit() for number in [*numbers, step or "1"]):
            message = f"cron({argument}) has no readable year."
            raise ScheduleExpressionError(message)
        years.update(range(int(numbers[0]), int(numbers[1]) + 1, int(step or 1)))
    return frozenset(years)
