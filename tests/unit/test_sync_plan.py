import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import PermanentError
from forecourt.stock.plan import (
    CONCURRENCY_DEFAULT,
    PlanLocation,
    PlannedRun,
    SyncJob,
    SyncPlanner,
)
from forecourt.stock.plan_request import PlanRequest

JOB = UUID("0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11")


@dataclass
class MemoryStore:
    settings: dict[str, str] = field(default_factory=dict)
    eligible: list[int] = field(default_factory=lambda: [3, 5])
    jobs: dict[UUID, SyncJob] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    running: UUID | None = None

    def switches(self) -> Mapping[str, str]:
        return self.settings

    def eligible_dealerships(
        self, sync_type: str, *, own_schedule: bool | None = None
    ) -> list[int]:
        self.asked_for.append(sync_type)
        return self.eligible

    def running_job(self, schedule_name: str, *, beside: UUID) -> UUID | None:
        return self.running if self.running != beside else None

    def busy_dealerships(self, sync_type: str) -> list[int]:
        return []

    def start_job(self, job: SyncJob) -> bool:
        owner = self.jobs.setdefault(job.job_id, job)
        if owner.execution_name != job.execution_name:
            return False
        self.jobs[job.job_id] = job
        return True


@dataclass
class MemoryFiles:
    files: dict[str, list[int]] = field(default_factory=dict)

    def location(self, job_id: UUID) -> PlanLocation:
        return PlanLocation(bucket="runs", key=f"runs/{job_id}/plan.json")

    def write(self, location: PlanLocation, dealership_ids: Sequence[int]) -> None:
        self.files[location.key] = list(dealership_ids)

    def read(self, location: PlanLocation) -> list[int]:
        return self.files[location.key]


@dataclass
class Desk:
    store: MemoryStore = field(default_factory=MemoryStore)
    files: MemoryFiles = field(default_factory=MemoryFiles)
    capacity: int = 1000

    def plan(self, execution: str = "execution-1", **given: Any) -> PlannedRun:
        request = PlanRequest.from_event(
            {
                "input": {"syncType": "stock", "trigger": "schedule", **given},
                "executionName": execution,
                "startedAt": "2026-03-02T02:00:03.412Z",
            }
        )
        planner = SyncPlanner(store=self.store, files=self.files, capacity=self.capacity)
        return planner.plan(request)

    def planned(self, run: PlannedRun) -> list[int]:
        return self.files.read(run.job.plan)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_scheduled_run_plans_whoever_is_eligible(desk: Desk) -> None:
    run = desk.plan()
    assert desk.planned(run) == [3, 5]
    assert run.to_payload() == {
        "jobId": str(run.job.job_id),
        "syncType": "stock",
        "trigger": "schedule",
        "planned": 2,
        "concurrency": CONCURRENCY_DEFAULT,
        "plan": {"bucket": "runs", "key": f"runs/{run.job.job_id}/plan.json"},
        "acceptRemovals": False,
    }
    assert desk.store.jobs[run.job.job_id] == run.job


def test_the_log_says_what_starts_and_for_how_many(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        run = desk.plan(scheduleName="nightly-stock", scheduledTime="2026-03-02T02:00:00Z")
    said: Any
    [said] = [record for record in caplog.records if record.message == "Sync planned"]
    assert {name: getattr(said, name) for name in ("sync_type", "trigger", "schedule_name")} == {
        "sync_type": "stock",
        "trigger": "schedule",
        "schedule_name": "nightly-stock",
    }
    assert (said.job_id, said.planned) == (str(run.job.job_id), 2)


@pytest.mark.parametrize("sync_type", ["stock", "lead"])
def test_who_is_eligible_is_asked_for_the_kind_of_run(desk: Desk, sync_type: str) -> None:
    run = desk.plan(syncType=sync_type)
    assert desk.store.asked_for == [sync_type]
    assert run.to_payload()["syncType"] == run.job.sync_type == sync_type


def test_named_dealerships_are_all_planned_once_also_when_not_eligible(desk: Desk) -> None:
    run = desk.plan(trigger="manual", jobId=str(JOB), dealershipIds=[9, 3, 9])
    assert desk.planned(run) == [3, 9]
    assert run.job.job_id == JOB


def test_a_persons_agreement_to_removals_travels_with_the_plan(desk: Desk) -> None:
    run = desk.plan(trigger="manual", dealershipIds=[3], acceptRemovals=7)
    assert run.to_payload()["acceptRemovals"] == 7


def test_a_manual_run_without_names_is_for_whoever_is_eligible(desk: Desk) -> None:
    assert desk.planned(desk.plan(trigger="manual", jobId=str(JOB))) == [3, 5]


def test_a_scheduled_start_while_the_last_one_runs_is_a_job_that_planned_nobody(
    desk: Desk,
) -> None:
    desk.store.running = JOB
    run = desk.plan(scheduleName="nightly-stock", scheduledTime="2026-03-02T02:00:00Z")
    assert desk.planned(run) == []
    assert run.reason == f"job {JOB} of schedule nightly-stock is still under way"
    assert desk.store.jobs[run.job.job_id].planned == 0


@pytest.mark.parametrize("off", ["false", " False ", "0", "off", "no"])
@pytest.mark.parametrize(
    "given", [{}, {"trigger": "manual", "dealershipIds": [3]}], ids=["schedule", "manual"]
)
def test_the_global_switch_plans_nobody_and_says_why(
    desk: Desk, off: str, given: dict[str, Any]
) -> None:
    desk.store.settings["easycar_sync_enabled"] = off
    run = desk.plan(**given)
    assert (run.job.planned, desk.planned(run)) == (0, [])
    assert run.to_payload()["reason"] == "easycar_sync_enabled is off"


def test_nobody_eligible_is_said(desk: Desk) -> None:
    desk.store.eligible = []
    run = desk.plan()
    assert run.job.planned == 0
    assert run.reason == "no dealership has auto-sync on and active credentials"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("1000", 1000),
        (" 40 ", 40),
        ("0", CONCURRENCY_DEFAULT),
        ("1001", CONCURRENCY_DEFAULT),
        ("-3", CONCURRENCY_DEFAULT),
        ("many", CONCURRENCY_DEFAULT),
        ("", CONCURRENCY_DEFAULT),
    ],
)
def test_concurrency_is_1_to_1000_or_the_default(desk: Desk, text: str, expected: int) -> None:
    desk.store.settings["easycar_sync_concurrency"] = text
    assert desk.plan().job.concurrency == expected


@pytest.mark.parametrize(("text", "expected"), [("40", 40), ("41", 40), ("1000", 40), ("8", 8)])
def test_no_more_run_at_once_than_have_room(
    desk: Desk, caplog: pytest.LogCaptureFixture, text: str, expected: int
) -> None:
    desk.capacity = 40
    desk.store.settings["easycar_sync_concurrency"] = text
    assert desk.plan().job.concurrency == expected
    assert [record.levelname for record in caplog.records][:-1] == ["WARNING"] * (int(text) > 40)


def test_a_bad_concurrency_is_warned_about(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.store.settings["easycar_sync_concurrency"] = "many"
    desk.plan()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_scheduled_start_has_the_same_job_id_whenever_it_is_delivered(desk: Desk) -> None:
    one = desk.plan(scheduleName="nightly", scheduledTime="2026-03-02T02:00:00Z")
    same = desk.plan(scheduleName="nightly", scheduledTime="2026-03-02T13:00:00+11:00")
    next_night = desk.plan(scheduleName="nightly", scheduledTime="2026-03-03T02:00:00Z")
    other_schedule = desk.plan(scheduleName="other", scheduledTime="2026-03-02T02:00:00Z")
    assert one.job.job_id == same.job.job_id
    assert len({run.job.job_id for run in (one, next_night, other_schedule)}) == 3


def test_a_start_that_is_delivered_twice_does_not_disturb_the_run(desk: Desk) -> None:
    night = {"scheduleName": "nightly", "scheduledTime": "2026-03-02T02:00:00Z"}
    first = desk.plan("execution-1", **night)
    double = desk.plan("execution-2", **night)
    assert double.job.planned == 0
    assert double.job.job_id != first.job.job_id
    assert "started by another execution" in str(double.reason)
    assert desk.planned(first) == [3, 5]
    assert desk.planned(double) == []
    assert desk.store.jobs[first.job.job_id] == first.job


def test_a_repeated_call_of_one_execution_plans_anew(desk: Desk) -> None:
    first = desk.plan()
    desk.store.eligible = [3, 5, 8]
    again = desk.plan()
    assert again.job.job_id == first.job.job_id
    assert desk.planned(again) == [3, 5, 8]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"syncType": "boats"}, "input.syncType"),
        ({"trigger": "luck"}, "input.trigger"),
        ({"dealershipIds": []}, "input.dealershipIds"),
        ({"dealershipIds": ["all"]}, "input.dealershipIds.0"),
        ({"jobId": "today"}, "input.jobId"),
        ({"scheduledTime": "2026-03-02T02:00:00"}, "input.scheduledTime"),
        ({"acceptRemovals": 7, "dealershipIds": [3]}, "input.acceptRemovals"),
        ({"acceptRemovals": 7, "trigger": "manual"}, "input.acceptRemovals"),
        (
            {"acceptRemovals": 7, "trigger": "manual", "dealershipIds": [3, 5]},
            "input.acceptRemovals",
        ),
        (
            {"acceptRemovals": True, "trigger": "manual", "dealershipIds": [3]},
            "input.acceptRemovals",
        ),
        (
            {
                "acceptRemovals": 7,
                "trigger": "manual",
                "syncType": "lead",
                "dealershipIds": [3],
            },
            "input.acceptRemovals",
        ),
    ],
)
def test_a_bad_input_is_refused_by_field(desk: Desk, given: dict[str, Any], field: str) -> None:
    with pytest.raises(PermanentError) as caught:
        desk.plan(**given)
    assert caught.value.code == "INVALID_INPUT"
    assert field in caught.value.detail
    assert desk.store.jobs == {}
