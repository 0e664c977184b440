"""Fires the schedules that moto's EventBridge Scheduler holds but never fires."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.cron import ScheduleExpressionError, next_times

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_LONGEST_SLEEP = timedelta(minutes=1)
"""A laptop that slept wakes with its clock moved on; look at it at least this often."""


@dataclass(frozen=True)
class Firing:
    """One moment at which a schedule is due."""

    moment: datetime
    schedule: dict[str, Any]


class Scheduler:
    """Starts the targets of schedules when their time has come.

    Parameters
    ----------
    clients
        boto3 clients by service name.
    clock
        Gives the present moment, aware, in UTC.
    """

    def __init__(
        self,
        clients: Callable[[str], Any],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clients = clients
        self._clock = clock
        self._looked = clock()
        self._wake = threading.Event()
        self._ended = False
        self._stale = True
        self._schedules: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin to watch the clock."""
        self._thread.start()

    def stop(self) -> None:
        """Fire nothing more, and wait for a firing that is under way."""
        self._ended = True
        self._wake.set()
        self._thread.join()

    def schedules_changed(self) -> None:
        """Read the schedules anew before the next firing."""
        self._stale = True
        self._wake.set()

    def fire_due(self) -> datetime:
        """Fire everything that became due since the last look; return the next due moment."""
        now = self._clock()
        due: list[Firing] = []
        upcoming = now + _LONGEST_SLEEP
        for schedule in self._current():
            try:
                for moment in _moments(schedule, after=self._looked):
                    if moment > now:
                        upcoming = min(upcoming, moment)
                        break
                    if now - moment <= _longest_age(schedule):
                        due.append(Firing(moment, schedule))
            except ScheduleExpressionError as error:
                _log.warning("Schedule %s never fires: %s", schedule["Name"], error)
        self._looked = now
        for firing in sorted(due, key=lambda firing: firing.moment):
            self._fire(firing)
        return upcoming

    def _run(self) -> None:
        while not self._ended:
            try:
                upcoming = self.fire_due()
            except (BotoCoreError, ClientError) as error:
                _log.warning("The schedules could not be read: %s", error)
                upcoming = self._clock() + timedelta(seconds=5)
            self._wake.wait(max(0.0, (upcoming - self._clock()).total_seconds()))
            self._wake.clear()

    def _current(self) -> list[dict[str, Any]]:
        if self._stale:
            self._stale = False
            client = self._clients("scheduler")
            found = []
            for page in client.get_paginator("list_schedules").paginate():
                for entry in page["Schedules"]:
                    full = client.get_schedule(GroupName=entry["GroupName"], Name=entry["Name"])
                    found.append(full)
            self._schedules = found
        return self._schedules

    def _fire(self, firing: Firing) -> None:
        schedule = firing.schedule
        execution = uuid.uuid4().hex
        text = target_input(schedule, firing.moment, execution)
        arn = schedule["Target"]["Arn"]
        service = arn.split(":")[2]
        try:
            if service == "states":
                self._clients("stepfunctions").start_execution(
                    stateMachineArn=arn, name=execution, input=text
                )
            elif service == "lambda":
                self._clients("lambda").invoke(
                    FunctionName=arn, InvocationType="Event", Payload=text.encode()
                )
            elif service == "sqs":
                sqs = self._clients("sqs")
                url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
                sqs.send_message(QueueUrl=url, MessageBody=text)
            else:
                _log.warning("Schedule %s has a target that does not run here", schedule["Name"])
        except (BotoCoreError, ClientError) as error:
            _log.warning("Schedule %s could not start its target: %s", schedule["Name"], error)


def target_input(schedule: dict[str, Any], moment: datetime, execution: str) -> str:
    """Return the input a firing hands to its target, with the context attributes filled in.

    Source: EventBridge Scheduler User Guide, "Adding context attributes".
    """
    fixed = schedule["Target"].get("Input")
    if fixed is None:
        return json.dumps(
            {
                "version": "0",
                "id": str(uuid.uuid4()),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "time": _text(moment),
                "resources": [schedule["Arn"]],
                "detail": "{}",
            }
        )
    attributes = {
        "scheduled-time": _text(moment),
        "schedule-arn": schedule["Arn"],
        "execution-id": execution,
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        fixed = fixed.replace(f"<aws.scheduler.{name}>", value)
    return str(fixed)


def _longest_age(schedule: dict[str, Any]) -> timedelta:
    """Say how late a firing may start; a laptop that slept all night owes no sweep per minute.

    Source: EventBridge Scheduler API Reference, "RetryPolicy".
    """
    seconds = schedule["Target"].get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", 86_400)
    return timedelta(seconds=int(seconds))


def _moments(schedule: dict[str, Any], *, after: datetime) -> Any:  # noqa: ANN401 - an iterator
    if schedule.get("State", "ENABLED") != "ENABLED":
        return iter(())
    start, end = schedule.get("StartDate"), schedule.get("EndDate")
    # A time that has just been set does not fire for a moment before it was.
    begins = [after, schedule.get("LastModificationDate"), start]
    times = next_times(
        schedule["ScheduleExpression"],
        zone=schedule.get("ScheduleExpressionTimezone") or "UTC",
        after=max(moment for moment in begins if moment is not None),
        since=start or schedule["CreationDate"],
    )
    return takewhile(lambda moment: end is None or moment <= end, times)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
