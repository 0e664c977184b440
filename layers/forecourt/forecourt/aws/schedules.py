"""Schedules of EventBridge Scheduler, kept as the settings have them."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from forecourt.aws.clients import AwsError, create_client, error_code, translate
from forecourt.schedules.timetable import NIGHTLY_STOCK, OWN_PREFIX, Schedule

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

_TARGET = "EventBridge Scheduler"
_MISSING = "ResourceNotFoundException"
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
        """Make these fire by their cron and zone; make a dealership's own where there is none.

        Raises
        ------
        CronError
            One cannot be kept.
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        try:
            model = self._read(NIGHTLY_STOCK) if any(map(_is_a_dealerships, schedules)) else {}
            for schedule in schedules:
                if _is_a_dealerships(schedule):
                    self._write(_like(model, schedule) | self._times(schedule))
                else:
                    kept = self._read(schedule.name)
                    self._client.update_schedule(**kept | self._times(schedule))
        except AwsError as error:
            raise translate(error, _TARGET) from None

    def remove(self, name: str) -> None:
        """Let a dealership's own schedule fire no more, also where there is none.

        Raises
        ------
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        try:
            self._client.delete_schedule(GroupName=self._group, Name=name)
        except AwsError as error:
            if error_code(error) != _MISSING:
                raise translate(error, _TARGET) from None

    def is_on(self, name: str) -> bool:
        """Say whether a schedule of the system's fires at all; a deployment decides that.

        Raises
        ------
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        try:
            return bool(self._read(name)["State"] == "ENABLED")
        except AwsError as error:
            raise translate(error, _TARGET) from None

    def own_names(self) -> Sequence[str]:
        """Return the names of all dealerships' own schedules that are kept.

        Raises
        ------
        RetryableError, PermanentError
            The scheduler is away, or refuses.
        """
        pages = self._client.get_paginator("list_schedules").paginate(
            GroupName=self._group, NamePrefix=OWN_PREFIX
        )
        try:
            return [found["Name"] for page in pages for found in page["Schedules"]]
        except AwsError as error:
            raise translate(error, _TARGET) from None

    def _write(self, schedule: dict[str, Any]) -> None:
        try:
            self._client.update_schedule(**schedule)
        except self._client.exceptions.ResourceNotFoundException:
            self._client.create_schedule(**schedule)

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


def _is_a_dealerships(schedule: Schedule) -> bool:
    return schedule.dealership_id is not None


def _like(nightly: dict[str, Any], schedule: Schedule) -> dict[str, Any]:
    """Return a dealership's own schedule: the nightly one, for this dealership alone.

    So it goes on and off with the nightly run, and has its role and its patience.
    """
    started_with = {
        "syncType": schedule.sync_type,
        "trigger": "schedule",
        "scheduleName": schedule.name,
        "scheduledTime": "<aws.scheduler.scheduled-time>",
        "dealershipIds": [schedule.dealership_id],
    }
    return nightly | {
        "Description": f"Starts the sync of dealership {schedule.dealership_id}'s stock",
        "Target": nightly["Target"] | {"Input": json.dumps(started_with)},
    }
