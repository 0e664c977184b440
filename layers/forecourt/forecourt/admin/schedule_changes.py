"""Telling the scheduler what an administrator changed."""

from collections.abc import Callable, Sequence
from http import HTTPStatus

from forecourt.errors import ForecourtError
from forecourt.logs import get_logger
from forecourt.problem import Problem
from forecourt.schedules.timetable import Schedule, ScheduleKeeper, Timetable, own_name

_MOST_WRITES = 5


class ScheduleChanges:
    """Makes the scheduler fire as the settings say, after they were stored."""

    def __init__(self, *, timetable: Timetable, keeper: ScheduleKeeper) -> None:
        self._timetable = timetable
        self._keeper = keeper

    def apply_system(self) -> None:
        """Apply the times of the nightly run and of the leads.

        Raises
        ------
        Problem
            503: the settings are stored, the scheduler has not taken them.
        """
        self._apply(self._timetable.system)

    def apply_own(self, dealership_id: int) -> None:
        """Apply a dealership's own schedule, or that it has none.

        Raises
        ------
        Problem
            503: the settings are stored, the scheduler has not taken them.
        """
        self._apply(
            lambda: self._timetable.own(dealership_id), gone_without=own_name(dealership_id)
        )

    def _apply(
        self, stored: Callable[[], Sequence[Schedule]], *, gone_without: str | None = None
    ) -> None:
        """Write until the scheduler was told what is stored.

        Two changes at once may write in either order; whoever writes last has read after both.
        """
        written: Sequence[Schedule] | None = None
        try:
            for _ in range(_MOST_WRITES):
                schedules = stored()
                if schedules == written:
                    return
                if gone_without is not None and not schedules:
                    self._keeper.remove(gone_without)
                else:
                    self._keeper.keep(schedules)
                written = schedules
        except ForecourtError as error:
            get_logger("admin_api").exception(
                "Schedules not applied", code=error.code, target=error.target
            )
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "schedule-not-applied",
                "The settings are stored, but the scheduler did not take the new times. "
                "Send the request again.",
                headers={"Retry-After": "30"},
            ) from error
