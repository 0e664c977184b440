"""Making the scheduler's schedules equal to the settings, all at once."""

from collections.abc import Mapping
from dataclasses import dataclass

from forecourt.logs import get_logger
from forecourt.schedules.timetable import ScheduleKeeper, Timetable


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was done; ``refused`` says of a schedule what its cron or zone must do to be kept."""

    kept: int
    removed: int
    refused: Mapping[str, str]


def keep_timetable(timetable: Timetable, keeper: ScheduleKeeper) -> Kept:
    """Apply every schedule of the settings, and remove dealerships' own that have none any more.

    One that cannot be kept, as somebody wrote it past the admin API, stays as it is and is named.

    Raises
    ------
    RetryableError, PermanentError
        The database or the scheduler is away, or refuses. Doing it again does no harm.
    """
    schedules = [*timetable.system(), *timetable.own()]
    refused = {one.name: one.fault for one in schedules if one.fault is not None}
    keeper.keep([one for one in schedules if one.name not in refused])
    stale = sorted(set(keeper.own_names()) - {one.name for one in schedules})
    for name in stale:
        keeper.remove(name)
    kept = Kept(kept=len(schedules) - len(refused), removed=len(stale), refused=refused)
    if refused:
        get_logger("migrate").warning(
            "Schedules cannot be kept as the settings say", schedules=refused
        )
    return kept
