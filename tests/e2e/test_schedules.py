"""Schedules changed from the command line, on a stack that is started twice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from local.commands.target import StackTarget
from tests.e2e.running_stack import RunningStack, running_stack
from tests.e2e.test_sync_control import enrol

if TYPE_CHECKING:
    from pathlib import Path

FIRST_MINUTE = 75


def told_to_the_scheduler(stack: RunningStack, name: str) -> tuple[str, str]:
    target = StackTarget.find(stack.data, None)
    found = target.client("scheduler").get_schedule(
        GroupName=target.resource("ScheduleGroup"), Name=name
    )
    return found["ScheduleExpression"], found["ScheduleExpressionTimezone"]


def test_schedules_are_changed_fired_run_and_kept_over_a_restart(tmp_path: Path) -> None:
    with running_stack(tmp_path / "data") as stack:
        nightly, own = enrol(stack, 0), enrol(stack, 1)
        name = f"stock-dealership-{own}"

        (changed,) = stack.json("schedule", "set", "nightly-stock", "--cron", "30 1 * * *")[
            "schedules"
        ]
        stack.json("schedule", "set", name, "--cron", "* * * * *", "--timezone", "Asia/Tokyo")
        assert changed["nextRuns"][0]["local"].endswith("T01:30")

        ran = stack.json("schedule", "run", "nightly-stock")
        assert (ran["planned"], ran["succeeded"]) == (1, 1)
        fired = "SELECT trigger, status FROM sync_job WHERE schedule_name = %s"
        deadline = time.monotonic() + FIRST_MINUTE
        while not stack.rows(fired, name) and time.monotonic() < deadline:
            time.sleep(0.5)
        assert stack.rows(fired, name)[0]["trigger"] == "schedule"
        assert stack.json("schedule", "run", name)["succeeded"] == 1

        wrong = stack.run("schedule", "set", "nightly-stock", "--cron", "0 25 * * *")
        assert wrong.returncode == 1
        assert "syncCron: must be a cron whose fields are in range" in wrong.stderr
        assert stack.run("schedule", "set", "weekly", "--cron", "0 2 * * *").returncode == 1
        stack.json("schedule", "set", name, "--cron", "15 4 * * *")
        listed = stack.run("schedule", "list", "--dealership", nightly)
        assert "nightly-stock" in listed.stdout
        assert name not in listed.stdout

    with running_stack(tmp_path / "data") as stack:
        assert told_to_the_scheduler(stack, "nightly-stock") == ("cron(30 1 * * ? *)", "UTC")
        assert told_to_the_scheduler(stack, name) == ("cron(15 4 * * ? *)", "Asia/Tokyo")
        names = [one["name"] for one in stack.json("schedule", "list")["schedules"]]
        assert names == ["nightly-stock", "hourly-leads", name]
        (left,) = stack.json("schedule", "set", name, "--nightly")["schedules"][:1]
        assert left["name"] == "nightly-stock"
