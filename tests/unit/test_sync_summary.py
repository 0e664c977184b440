import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from forecourt.errors import RetryableError
from forecourt.stock.dealership_classes import ClassTally, DealershipClass
from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.plan import PlanLocation
from forecourt.stock.run import Counts, SyncStatus, SyncType
from forecourt.stock.summary import SyncSummary

JOB = UUID("0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11")
PLAN = PlanLocation(bucket="runs", key="plan.json")


def end(
    dealership_id: int, status: SyncStatus = SyncStatus.SUCCESS, reason: str | None = None
) -> DealershipEnd:
    return DealershipEnd(
        dealership_id=dealership_id,
        name=f"Dealer {dealership_id}",
        status=status,
        reason=reason,
        counts=Counts(received=3, created=1, unchanged=2),
    )


@dataclass
class Memory:
    """Store, files, alerts and metrics of one job."""

    planned: list[int]
    ends: list[DealershipEnd]
    finished: list[JobSummary] = field(default_factory=list)
    sent: list[tuple[str, str]] = field(default_factory=list)
    measured: list[tuple[JobSummary, Counts]] = field(default_factory=list)
    classes: dict[DealershipClass, tuple[int, int]] = field(default_factory=dict)
    topic_is_away: bool = False

    def summarise(self) -> JobSummary:
        summary = SyncSummary(store=self, files=self, alerts=self, metrics=self)
        return summary.summarise(JOB, SyncType.STOCK, PLAN)

    def location(self, job_id: UUID) -> PlanLocation:
        return PLAN

    def write(self, location: PlanLocation, dealership_ids: Sequence[int]) -> None:
        self.planned = list(dealership_ids)

    def read(self, location: PlanLocation) -> list[int]:
        return self.planned

    def settle(
        self, job_id: UUID, sync_type: SyncType, planned: Sequence[int]
    ) -> list[DealershipEnd]:
        return [one for one in self.ends if one.dealership_id in planned]

    def is_finished(self, job_id: UUID) -> bool:
        return bool(self.finished)

    def finish_job(self, summary: JobSummary) -> None:
        self.finished.append(summary)

    def publish(self, subject: str, text: str) -> None:
        if self.topic_is_away:
            raise RetryableError(code="AWS_AWAY", detail="away", target="SNS")
        self.sent.append((subject, text))

    def job_finished(
        self,
        sync_type: SyncType,
        summary: JobSummary,
        totals: Counts,
        classes: Mapping[DealershipClass, ClassTally],
    ) -> None:
        self.measured.append((summary, totals))
        self.classes = {name: (one.succeeded, one.failed) for name, one in classes.items()}


def test_a_warning_counts_as_succeeded_and_nobody_is_alerted() -> None:
    memory = Memory([1, 2], [end(1), end(2, SyncStatus.WARNING, "1 of 3 items")])
    assert memory.summarise().to_payload() == {
        "jobId": str(JOB),
        "planned": 2,
        "succeeded": 2,
        "failed": 0,
    }
    assert memory.sent == []
    assert memory.finished == [memory.measured[0][0]]
    assert memory.measured[0][1] == Counts(received=6, created=2, unchanged=4)


def test_the_failed_are_named_with_their_reasons() -> None:
    memory = Memory(
        [1, 2, 3],
        [
            end(1),
            end(2, SyncStatus.FAILED, "EasyCars AUTH_FAILED: refused"),
            end(3, SyncStatus.FAILED, "did not start"),
        ],
    )
    summary = memory.summarise()
    assert (summary.planned, summary.succeeded, summary.failed) == (3, 1, 2)
    [(subject, text)] = memory.sent
    assert subject == "Forecourt: Stock sync failed for 2 of 3 dealerships (2 new)"
    assert "- Dealer 2 (id 2): EasyCars AUTH_FAILED: refused" in text
    assert "- Dealer 3 (id 3): did not start" in text
    assert "Dealer 1 " not in text
    assert str(JOB) in text


def test_a_planned_dealership_that_does_not_exist_counts_as_failed() -> None:
    memory = Memory([1, 404], [end(1)])
    summary = memory.summarise()
    assert (summary.planned, summary.succeeded, summary.failed) == (2, 1, 1)
    assert "- unknown (id 404): there is no such dealership" in memory.sent[0][1]


def test_an_empty_plan_is_a_finished_job() -> None:
    memory = Memory([], [])
    assert memory.summarise() == JobSummary(job_id=JOB, planned=0, succeeded=0, failed=0)
    assert len(memory.finished) == 1


def test_a_repeated_call_alerts_nobody_again() -> None:
    memory = Memory([2], [end(2, SyncStatus.FAILED, "why")])
    assert memory.summarise() == memory.summarise()
    assert len(memory.sent) == len(memory.measured) == len(memory.finished) == 1


def test_a_job_is_not_closed_before_its_alert_is_out() -> None:
    memory = Memory([2], [end(2, SyncStatus.FAILED, "why")], topic_is_away=True)
    with pytest.raises(RetryableError):
        memory.summarise()
    assert memory.finished == []
    memory.topic_is_away = False
    memory.summarise()
    assert len(memory.sent) == len(memory.finished) == 1


def test_the_log_says_the_runs_numbers_in_words_and_in_sum(
    caplog: pytest.LogCaptureFixture,
) -> None:
    quiet = DealershipEnd(
        dealership_id=2,
        name="Two",
        status=SyncStatus.SUCCESS,
        reason=None,
        counts=Counts(received=412, unchanged=412, removed=0),
    )
    with caplog.at_level(logging.INFO):
        Memory([2], [quiet]).summarise()
        Memory([1, 2], [end(1), quiet]).summarise()

    said: list[Any] = [record for record in caplog.records if record.message == "Sync finished"]
    assert [one.result for one in said] == [
        "nothing new: 412 unchanged",
        "1 created, 414 unchanged",
    ]
    assert (said[1].planned, said[1].succeeded, said[1].counts["received"]) == (2, 2, 415)
    assert said[1].classes == {
        "small": {"succeeded": 1, "failed": 0},
        "medium": {"succeeded": 1, "failed": 0},
    }


def test_a_run_is_measured_by_class_of_dealership() -> None:
    memory = Memory([1, 2, 3], [end(1), end(2, SyncStatus.FAILED, "no")])
    memory.summarise()
    assert memory.classes == {DealershipClass.SMALL: (1, 0), DealershipClass.NEW: (0, 2)}
