"""Whom a run is for."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from forecourt.stock.due import Cause, SyncKind, due_dealerships

JOB = UUID("0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11")
OTHER = UUID("9a3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b22")


@dataclass
class MemoryStore:
    """Dealerships 3 and 5 are in the nightly plan, 7 and 8 have schedules of their own."""

    nightly: list[int] = field(default_factory=lambda: [3, 5])
    own: list[int] = field(default_factory=lambda: [7, 8])
    running: dict[str, UUID] = field(default_factory=dict)
    busy: set[int] = field(default_factory=set)

    def eligible_dealerships(
        self, sync_type: SyncKind, *, own_schedule: bool | None = None
    ) -> list[int]:
        if own_schedule is None:
            return sorted(self.nightly + self.own)
        assert sync_type == "stock"
        return self.own if own_schedule else self.nightly

    def running_job(self, schedule_name: str, *, beside: UUID) -> UUID | None:
        found = self.running.get(schedule_name)
        return None if found == beside else found

    def busy_dealerships(self, sync_type: SyncKind) -> Collection[int]:
        return self.busy


def due(store: MemoryStore, **given: Any) -> tuple[list[int], str | None]:
    cause: dict[str, Any] = {
        "sync_type": "stock",
        "job_id": JOB,
        "is_manual": False,
        "schedule_name": "nightly-stock",
        "named": None,
    }
    return due_dealerships(store, Cause(**cause | given))


def test_a_dealership_with_a_schedule_of_its_own_leaves_the_nightly_plan() -> None:
    assert due(MemoryStore()) == ([3, 5], None)


def test_leads_of_all_are_refreshed_whatever_their_stocks_schedule() -> None:
    wanted: dict[str, Any] = {"sync_type": "lead", "schedule_name": "hourly-leads"}

    assert due(MemoryStore(), **wanted) == ([3, 5, 7, 8], None)
    assert due(MemoryStore(), **wanted, is_manual=True) == ([3, 5, 7, 8], None)


def test_a_schedule_of_its_own_syncs_its_dealership_alone() -> None:
    assert due(MemoryStore(), schedule_name="stock-dealership-7", named=[7]) == ([7], None)


@pytest.mark.parametrize("gone", [3, 99], ids=["back in the nightly plan", "not eligible"])
def test_a_schedule_that_outlived_its_setting_syncs_nobody(gone: int) -> None:
    planned, reason = due(MemoryStore(), schedule_name=f"stock-dealership-{gone}", named=[gone])

    assert planned == []
    assert reason is not None


def test_a_person_who_names_nobody_means_all_and_one_who_runs_a_schedule_its_own() -> None:
    assert due(MemoryStore(), is_manual=True, schedule_name=None) == ([3, 5, 7, 8], None)
    assert due(MemoryStore(), is_manual=True) == ([3, 5], None)


def test_a_scheduled_start_is_skipped_with_a_warning_while_its_last_run_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = MemoryStore(running={"nightly-stock": OTHER})

    planned, reason = due(store)

    assert planned == []
    assert reason == f"job {OTHER} of schedule nightly-stock is still under way"
    warned = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (warned["level"], warned["reason"]) == ("WARNING", reason)
    assert due(store, is_manual=True) == ([3, 5], None)
    assert due(store, job_id=OTHER) == ([3, 5], None)


def test_a_scheduled_start_leaves_out_whom_another_run_is_syncing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert due(MemoryStore(busy={5, 7})) == ([3], None)
    warned = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (warned["level"], warned["dealership_ids"]) == ("WARNING", [5])

    own: dict[str, Any] = {"schedule_name": "stock-dealership-7", "named": [7]}
    planned, reason = due(MemoryStore(busy={5, 7}), **own)
    assert (planned, reason) == ([], "every dealership that is due is being synced by another run")
