"""The runs a cron leads to: one per moment, and which of them daylight saving takes away."""

from datetime import datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from forecourt.schedules.cron import Cron, Occurrence

_OUT_OF_ORDER = timedelta(hours=3)
"""A swallowed time stands for a later moment than the times that follow it, by this at most."""

_DAY = timedelta(days=1)
_A_YEAR_AHEAD = 366


def runs_between(cron: Cron, zone: ZoneInfo, after: datetime, until: datetime) -> list[Occurrence]:
    """Return the runs later than `after` and not later than `until`, in order.

    A local time that daylight saving swallows is a run only where the cron comes round at no other
    local time of that moment: an hourly cron loses nothing.
    """
    runs: dict[datetime, Occurrence] = {}
    for one in takewhile(
        lambda found: found.moment <= until + _OUT_OF_ORDER, cron.occurrences(zone, after=after)
    ):
        if one.moment <= until:
            # Of two local times of one moment the later one exists.
            runs[one.moment] = one
    return sorted(runs.values(), key=lambda found: found.moment)


def next_runs(cron: Cron, zone: ZoneInfo, after: datetime, *, count: int) -> list[Occurrence]:
    """Return the next runs, about `count` of them."""
    ahead = list(islice(cron.occurrences(zone, after=after), count))
    return runs_between(cron, zone, after, max(one.moment for one in ahead)) if ahead else []


def next_swallowed(cron: Cron, zone: ZoneInfo, after: datetime) -> Occurrence | None:
    """Return the next run within a year whose local time will not exist."""
    for day in range(_A_YEAR_AHEAD):
        start = after + day * _DAY
        shift = _offset(zone, start + _DAY) - _offset(zone, start)
        if shift > timedelta(0):
            for run in runs_between(cron, zone, start, start + _DAY + shift):
                if run.swallowed:
                    return run
    return None


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
