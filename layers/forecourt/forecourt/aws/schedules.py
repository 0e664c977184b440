"""Schedules of EventBridge Scheduler, kept as the settings have them."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from forecourt.aws.clients import AwsError, create_client, translate
from forecourt.schedules.timetable import Schedule

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

_TARGET = "EventBridge Scheduler"
_WRITTEN_BACK = (
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "KmsKeyArn",
    "StartDate",
    "State",
    "Target",
)
"""UpdateSchedule sets whatever it is not given to its default, so all is read and sent again."""


class EventBridgeSchedules:
    """Adapter of :class:`forecourt.schedules.timetable.ScheduleKeeper`.

    Parameters
    ----------
    group
        The name of the schedule group that all of this stack's schedules are in.
    """

    def __init__(self, group: str) -> None:
        self._group = group

    @cached_property
    def _client(self) -> "EventBridgeSchedulerClient":
        client: EventBridgeSchedulerClient = create_client("scheduler")
        return client

    def keep(self, schedules: Sequence[Schedule]) -> None:
        """Make these fire by their cron and zone; all else about a schedule stays as it is.

        Raises
        ------
        CronError
            One cannot be kept.
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        try:
            for schedule in schedules:
                kept = self._read(schedule.name)
                self._client.update_schedule(**kept | self._times(schedule))
        except AwsError as error:
            raise translate(error, _TARGET) from None

    def _read(self, name: str) -> dict[str, Any]:
        found = cast("dict[str, Any]", self._client.get_schedule(GroupName=self._group, Name=name))
        return {key: found[key] for key in _WRITTEN_BACK if found.get(key) is not None}

    def _times(self, schedule: Schedule) -> dict[str, Any]:
        return {
            "GroupName": self._group,
            "Name": schedule.name,
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": schedule.zone,
        }
