"""Which schedules there are: two of the system's, and one per dealership with a cron of its own.

The settings in the database are the truth. EventBridge Scheduler is told of them when one changes
and after every deploy, which writes the template's own times over them (design 5.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

from forecourt.schedules.cron import Cron, CronError, time_zone

NIGHTLY_STOCK: Final = "nightly-stock"
HOURLY_LEADS: Final = "hourly-leads"
OWN_PREFIX: Final = "stock-dealership-"

CRON_KEY: Final = "easycar_sync_cron"
ZONE_KEY: Final = "easycar_sync_timezone"
LEAD_CRON_KEY: Final = "easycar_lead_sync_cron"
DEFAULTS: Final = {CRON_KEY: "0 2 * * *", ZONE_KEY: "UTC", LEAD_CRON_KEY: "0 * * * *"}
"""What counts where a key of ``system_settings`` has no value."""

type SyncKind = Literal["stock", "lead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule as the settings have it; somebody may have written there what cannot be kept.

    ``in_force_since`` is aware: before it nobody expected this schedule to fire.
    """

    name: str
    sync_type: SyncKind
    cron: str
    zone: str
    in_force_since: datetime
    dealership_id: int | None = None

    @property
    def expression(self) -> str:
        """Return ``ScheduleExpression``; raises CronError where cron or zone cannot be kept."""
        time_zone(self.zone)
        return Cron(self.cron).expression

    @property
    def fault(self) -> str | None:
        """Say what the cron or the zone must do to be kept; None when they can be."""
        try:
            _ = self.expression
        except CronError as error:
            return str(error)
        return None


class Timetable(Protocol):
    """The schedules as the settings have them."""

    def system(self) -> Sequence[Schedule]:
        """Return the nightly run's and the leads' schedule."""
        ...


class ScheduleKeeper(Protocol):
    """What fires schedules: EventBridge Scheduler."""

    def keep(self, schedules: Sequence[Schedule]) -> None:
        """Make these fire by their cron and zone; all else about a schedule stays as it is.

        Raises
        ------
        CronError
            One cannot be kept; ask :attr:`Schedule.fault` first.
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        ...
