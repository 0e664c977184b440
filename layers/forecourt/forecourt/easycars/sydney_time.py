"""The vendor's clock: every date and time of its answers is Sydney wall time (spec, 1.7)."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

_CREATED_FORMAT = "%d/%m/%Y %H:%M:%S"


def sydney_date(moment: datetime) -> date:
    """Return the date the vendor's wall calendar shows at `moment` (which knows its zone)."""
    return moment.astimezone(_sydney()).date()


def parse_sydney_time(text: str | None) -> datetime | None:
    """Read ``dd/MM/yyyy HH:mm:ss`` in Sydney as UTC; None where it is missing or unreadable.

    Of the hour that April repeats the first is taken, so a lead never looks younger than it is.
    A time in the hour that October skips is read with the offset before the change, which is what
    a clock that was not put forward shows.
    """
    readings = _readings(text)
    return readings[0] if readings else None


def latest_sydney_time(text: str | None) -> datetime | None:
    """Read ``dd/MM/yyyy HH:mm:ss`` in Sydney as the latest moment it can mean, in UTC.

    For whoever must not take a lead for older than it is: of the hour that April repeats the
    second is taken.
    """
    return max(_readings(text), default=None)


def _readings(text: str | None) -> list[datetime]:
    """Say what a wall time can mean, that before a change of the clocks first."""
    if text is None:
        return []
    try:
        local = datetime.strptime(text.strip(), _CREATED_FORMAT)  # noqa: DTZ007 - zone comes next
    except ValueError:
        return []
    try:
        return [local.replace(tzinfo=_sydney(), fold=fold).astimezone(UTC) for fold in (0, 1)]
    except OverflowError:
        return []


@cache
def _sydney() -> ZoneInfo:
    return ZoneInfo("Australia/Sydney")
