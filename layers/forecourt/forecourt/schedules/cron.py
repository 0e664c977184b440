"""Five-field crons: what EventBridge Scheduler is told, and when they come round.

Settings hold crons as everybody writes them, ``minute hour day month weekday``. EventBridge
Scheduler has six fields, counts weekdays from 1 = Sunday and cannot say "this day of the month or
that day of the week" (its User Guide, "Cron-based schedules"). A local time that daylight saving
swallows is skipped there, a repeated one fires once ("Time zones and daylight saving").
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TypeIs
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_FIELDS = 5
_LONGEST_EXPRESSION = 256
_ANY_TIME = datetime(2024, 1, 1)  # noqa: DTZ001 - only to read the fields; no time is taken from it
_SUNDAY = 7
_MINUTES_A_DAY = 24 * 60
_EARLIER = timedelta(hours=3)
"""More than any zone's clock jumps, so that no local time near a change is overlooked."""


class CronError(ValueError):
    """A cron or time zone that cannot be used; the text is the cure, after "must …"."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time a cron comes round.

    ``moment`` is in UTC. For a ``swallowed`` one, whose local time does not exist that day, it is
    as long after the change as the local time stands after the hour that is left out.
    """

    moment: datetime
    local: datetime
    swallowed: bool


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron that EventBridge Scheduler can keep.

    Raises
    ------
    CronError
        Not five fields, a field out of range, a time that never comes, or something only one of
        the two dialects can say.

    Examples
    --------
    >>> Cron("30 2 * * 1-5").expression
    'cron(30 2 ? * 2,3,4,5,6 *)'
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text.split()) != _FIELDS or not self.text.isascii():
            message = "be a cron of five fields: minute hour day month weekday, like 0 2 * * *"
            raise CronError(message)
        try:
            fields = self._from(_ANY_TIME)
        except CronSimError:
            message = (
                "be a cron whose fields are in range: minute 0-59, hour 0-23, day 1-31,"
                " month 1-12, weekday 0-7; and one of the months must have the day"
            )
            raise CronError(message) from None
        if min(fields.days) < 1 or not all(map(_is_plain, fields.weekdays)):
            message = "name days and weekdays by number or name; L and # cannot be kept"
            raise CronError(message)
        if not fields.day_and:
            message = "restrict the day of the month or the weekday, not both; the other must be *"
            raise CronError(message)
        if len(self.expression) > _LONGEST_EXPRESSION:
            message = "name fewer single times; written out it is too long for the scheduler"
            raise CronError(message)

    @property
    def expression(self) -> str:
        """Return it as ``ScheduleExpression``, every field written out or ``*``."""
        fields = self._from(_ANY_TIME)
        weekdays = {day % _SUNDAY + 1 for day in fields.weekdays if _is_plain(day)}
        every_weekday = len(weekdays) == _SUNDAY
        return "cron({} {} {} {} {} *)".format(
            _field(fields.minutes, of=60),
            _field(fields.hours, of=24),
            _field(fields.days, of=31) if every_weekday else "?",
            _field(fields.months, of=12),
            "?" if every_weekday else _field(weekdays, of=_SUNDAY),
        )

    @property
    def shortest_wait(self) -> int:
        """Return how many minutes lie at least between two times of a day."""
        fields = self._from(_ANY_TIME)
        times = sorted(60 * hour + minute for hour in fields.hours for minute in fields.minutes)
        following = [*times[1:], times[0] + _MINUTES_A_DAY]
        return min(later - earlier for earlier, later in zip(times, following, strict=True))

    def occurrences(self, zone: ZoneInfo, *, after: datetime) -> Iterator[Occurrence]:
        """Yield when it comes round in a zone, later than an aware moment, without end."""
        start = after.astimezone(zone).replace(tzinfo=None, fold=0) - _EARLIER
        for local in self._from(start):
            moment = local.replace(tzinfo=zone).astimezone(UTC)
            if moment > after:
                swallowed = moment.astimezone(zone).replace(tzinfo=None) != local
                yield Occurrence(moment, local, swallowed)

    def between(self, zone: ZoneInfo, after: datetime, until: datetime) -> list[Occurrence]:
        """Return what comes round later than `after` and not later than `until`."""
        later = self.occurrences(zone, after=after)
        return list(takewhile(lambda occurrence: occurrence.moment <= until, later))

    def _from(self, start: datetime) -> CronSim:
        return CronSim(self.text, start)


def time_zone(name: str) -> ZoneInfo:
    """Return a zone by its IANA name.

    Raises
    ------
    CronError
        There is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        message = "be the IANA name of a time zone, like Australia/Sydney"
        raise CronError(message) from None


def _is_plain(weekday: int | tuple[int, int]) -> TypeIs[int]:
    """Tell a weekday from "the second Monday", which cron writes ``MON#2``."""
    return isinstance(weekday, int)


def _field(values: set[int], *, of: int) -> str:
    return "*" if len(values) == of else ",".join(map(str, sorted(values)))
