"""Which schedules there are: two of the system's, and one per dealership with a cron of its own.

The settings in the database are the truth. EventBridge Scheduler is told of them when one changes
and after every deploy, which writes the template's own times over them (design 5.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from forecourt.schedules.cron import Cron, CronError, time_zone
from forecourt.stock.due import SyncKind

NIGHTLY_STOCK: Final = "nightly-stock"
HOURLY_LEADS: Final = "hourly-leads"
OWN_PREFIX: Final = "stock-dealership-"

CRON_KEY: Final = "easycar_sync_cron"
ZONE_KEY: Final = "easycar_sync_timezone"
LEAD_CRON_KEY: Final = "easycar_lead_sync_cron"
DEFAULTS: Final = {CRON_KEY: "0 2 * * *", ZONE_KEY: "UTC", LEAD_CRON_KEY: "0 * * * *"}
"""What counts where a key of ``system_settings`` has no value."""


def own_name(dealership_id: int) -> str:
    """Name the schedule a dealership has of its own, or would have."""
    return f"{OWN_PREFIX}{dealership_id}"


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

    @classmethod
    def own(
        cls, dealership_id: int, *, cron: str, zone: str, in_force_since: datetime
    ) -> "Schedule":
        """Return a dealership's own; it leaves the nightly plan for it."""
        return cls(
            name=own_name(dealership_id),
            sync_type="stock",
            cron=cron,
            zone=zone,
            in_force_since=in_force_since,
            dealership_id=dealership_id,
        )

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

    def own(self, dealership_id: int | None = None) -> Sequence[Schedule]:
        """Return dealerships' own schedules by id, or the one's, which may have none."""
        ...


class ScheduleKeeper(Protocol):
    """What fires schedules: EventBridge Scheduler."""

    def keep(self, schedules: Sequence[Schedule]) -> None:
        """Make these fire by their cron and zone.

        All else about a schedule of the system's stays as it is. A dealership's own is made where
        there is none, like the nightly run's in everything but its times and what it starts.

        Raises
        ------
        CronError
            One cannot be kept; ask :attr:`Schedule.fault` first.
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        ...

    def remove(self, name: str) -> None:
        """Let a dealership's own schedule fire no more, also where there is none."""
        ...

    def is_on(self, name: str) -> bool:
        """Say whether a schedule of the system's fires at all; a deployment decides that."""
        ...

    def own_names(self) -> Sequence[str]:
        """Return the names of all dealerships' own schedules that are kept."""
        ...
