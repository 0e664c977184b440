import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.scheduler import Scheduler, target_input

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 30, 1, 59, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Cloud:
    """Stands for the clients of Scheduler, Step Functions, Lambda and SQS."""

    def __init__(self, *schedules: dict[str, Any]) -> None:
        self.schedules = {schedule["Name"]: schedule for schedule in schedules}
        self.started: list[tuple[str, str, str]] = []
        self.listed = 0

    def __call__(self, service: str) -> Any:
        return self

    def get_paginator(self, operation: str) -> Any:
        return self

    def paginate(self) -> list[dict[str, Any]]:
        self.listed += 1
        return [{"Schedules": [{"Name": name, "GroupName": "g"} for name in self.schedules]}]

    def get_schedule(self, *, GroupName: str, Name: str) -> dict[str, Any]:  # noqa: N803
        return self.schedules[Name]

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> None:  # noqa: A002, N803
        self.started.append(("states", stateMachineArn, input))

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:  # noqa: N803
        self.started.append((f"lambda {InvocationType}", FunctionName, Payload.decode()))

    def get_queue_url(self, *, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": f"http://{QueueName}"}

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        self.started.append(("sqs", QueueUrl, MessageBody))


def schedule(name: str = "nightly", **changes: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Arn": f"arn:schedule:{name}",
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "CreationDate": CREATED,
        "State": "ENABLED",
        "Target": {"Arn": "arn:aws:states:r:1:stateMachine:m", "Input": "{}"},
        **changes,
    }


def test_a_schedule_fires_once_when_its_time_has_come() -> None:
    cloud, clock = Cloud(schedule()), Clock()
    scheduler = Scheduler(cloud, clock=clock)

    assert scheduler.fire_due() == datetime(2026, 1, 30, 2, tzinfo=UTC)
    assert cloud.started == []
    clock.move(seconds=31)
    scheduler.fire_due()
    scheduler.fire_due()

    assert cloud.started == [("states", "arn:aws:states:r:1:stateMachine:m", "{}")]


def test_a_changed_schedule_does_not_fire_for_a_moment_before_the_change() -> None:
    cloud, clock = Cloud(schedule(ScheduleExpression="cron(30 5 * * ? *)")), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    clock.move(seconds=40)
    cloud.schedules["nightly"] = schedule(LastModificationDate=clock())
    scheduler.schedules_changed()

    scheduler.fire_due()
    assert cloud.started == []

    clock.move(days=1)
    scheduler.fire_due()
    assert len(cloud.started) == 1


def test_what_was_due_while_the_machine_slept_fires_in_order_when_it_wakes() -> None:
    hourly = schedule(
        ScheduleExpression="rate(1 hour)",
        Target={"Arn": "arn:aws:states:::m", "Input": "<aws.scheduler.scheduled-time>"},
    )
    cloud, clock = Cloud(hourly), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    clock.move(hours=2)

    scheduler.fire_due()

    assert [sent for _, _, sent in cloud.started] == [
        "2026-01-30T02:00:00Z",
        "2026-01-30T03:00:00Z",
    ]


def test_a_firing_older_than_its_schedule_allows_is_left_out() -> None:
    every_minute = schedule(
        ScheduleExpression="rate(1 minute)",
        Target={
            "Arn": "arn:aws:lambda:r:1:function:f",
            "Input": "<aws.scheduler.scheduled-time>",
            "RetryPolicy": {"MaximumEventAgeInSeconds": 60},
        },
    )
    cloud, clock = Cloud(every_minute), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    clock.move(hours=8, seconds=10)

    scheduler.fire_due()

    assert len(cloud.started) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"State": "DISABLED"},
        {"StartDate": datetime(2026, 2, 1, tzinfo=UTC)},
        {"EndDate": datetime(2026, 1, 30, 1, tzinfo=UTC)},
        {"ScheduleExpression": "cron(nonsense)"},
    ],
)
def test_a_schedule_that_is_off_not_begun_over_or_unreadable_does_not_fire(changes: Any) -> None:
    cloud, clock = Cloud(schedule(**changes), schedule("other")), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    clock.move(minutes=10)

    scheduler.fire_due()

    assert len(cloud.started) == 1  # the other one


def test_a_change_counts_from_the_next_look_without_asking_each_time() -> None:
    cloud, clock = Cloud(schedule(ScheduleExpression="cron(0 9 * * ? *)")), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    scheduler.fire_due()
    scheduler.fire_due()
    assert cloud.listed == 1

    cloud.schedules["nightly"] = schedule()
    scheduler.schedules_changed()
    clock.move(minutes=1)
    scheduler.fire_due()

    assert len(cloud.started) == 1


@pytest.mark.parametrize(
    ("arn", "started"),
    [
        ("arn:aws:lambda:r:1:function:f", ("lambda Event", "arn:aws:lambda:r:1:function:f", "{}")),
        ("arn:aws:sqs:r:1:leads", ("sqs", "http://leads", "{}")),
    ],
)
def test_functions_and_queues_can_be_targets(arn: str, started: tuple[str, str, str]) -> None:
    cloud, clock = Cloud(schedule(Target={"Arn": arn, "Input": "{}"})), Clock()
    scheduler = Scheduler(cloud, clock=clock)
    clock.move(minutes=1)

    scheduler.fire_due()

    assert cloud.started == [started]


def test_context_attributes_are_filled_in() -> None:
    fixed = (
        '["<aws.scheduler.scheduled-time>", "<aws.scheduler.schedule-arn>", '
        '"<aws.scheduler.execution-id>", <aws.scheduler.attempt-number>]'
    )
    target = {"Arn": "a", "Input": fixed}

    filled = json.loads(target_input(schedule(Target=target), CREATED, "e-1"))

    assert filled == ["2026-01-01T00:00:00Z", "arn:schedule:nightly", "e-1", 1]


def test_a_target_without_input_gets_the_schedulers_own_event() -> None:
    event = json.loads(target_input(schedule(Target={"Arn": "a"}), CREATED, "e-1"))

    assert event["source"] == "aws.scheduler"
    assert event["time"] == "2026-01-01T00:00:00Z"
    assert event["resources"] == ["arn:schedule:nightly"]
