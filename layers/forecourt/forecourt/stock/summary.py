"""Account for every dealership of a run and tell a person about those that failed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Protocol
from uuid import UUID

from forecourt.logs import get_logger
from forecourt.stock.alerts import alerts_of
from forecourt.stock.dealership_classes import ClassTally, DealershipClass, tally
from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.plan import PlanFiles, PlanLocation
from forecourt.stock.run import Counts, SyncStatus, SyncType


class SummaryStore(Protocol):
    """The log rows of a job, and its job row."""

    def settle(
        self, job_id: UUID, sync_type: SyncType, planned: Sequence[int]
    ) -> list[DealershipEnd]:
        """Close what is open, add what is missing, and return every row of the planned.

        A row still InProgress is closed Failed ("did not finish") under a new run token, so that
        a straggler stops at its next chunk; a dealership without a row gets a Failed one ("did
        not start"). A dealership that does not exist cannot have a row and is not returned.
        """
        ...

    def is_finished(self, job_id: UUID) -> bool:
        """Whether the job's row is closed, so that nobody is told twice."""
        ...

    def finish_job(self, summary: JobSummary) -> None:
        """Close the job's row."""
        ...


class AlertPublisher(Protocol):
    """Who is told when something needs a person."""

    def publish(self, subject: str, text: str) -> None:
        """Send one alert; ``subject`` has at most 100 characters."""
        ...


class SyncMetrics(Protocol):
    """Where a run's numbers go."""

    def job_finished(
        self,
        sync_type: SyncType,
        summary: JobSummary,
        totals: Counts,
        classes: Mapping[DealershipClass, ClassTally],
    ) -> None:
        """Record one run, in sum and by class of dealership."""
        ...


class SyncSummary:
    """Closes runs."""

    def __init__(
        self,
        *,
        store: SummaryStore,
        files: PlanFiles,
        alerts: AlertPublisher,
        metrics: SyncMetrics,
    ) -> None:
        self._store = store
        self._files = files
        self._alerts = alerts
        self._metrics = metrics
        self._log = get_logger("sync_summary")

    def summarise(self, job_id: UUID, sync_type: SyncType, plan: PlanLocation) -> JobSummary:
        """Settle a job against its plan, alert, and close it.

        A repeated call returns the same numbers; what there is to tell goes out before the job is
        closed, so that a crash between the two says it twice rather than never.
        """
        planned = self._files.read(plan)
        ends = {end.dealership_id: end for end in self._store.settle(job_id, sync_type, planned)}
        outcomes = [ends.get(dealership_id, _unknown(dealership_id)) for dealership_id in planned]
        failed = [end for end in outcomes if not end.succeeded]
        summary = JobSummary(
            job_id=job_id,
            planned=len(planned),
            succeeded=len(planned) - len(failed),
            failed=len(failed),
        )
        if self._store.is_finished(job_id):
            return summary
        totals, classes = _total(outcomes), tally(outcomes)
        self._log.info(
            "Sync finished",
            sync_type=sync_type.value,
            job_id=str(job_id),
            planned=summary.planned,
            succeeded=summary.succeeded,
            dealerships_failed=summary.failed,
            result=totals.in_words(),
            counts=asdict(totals),
            classes={
                name.value: {"succeeded": one.succeeded, "failed": one.failed}
                for name, one in classes.items()
            },
        )
        self._metrics.job_finished(sync_type, summary, totals, classes)
        for alert in alerts_of(summary, sync_type, outcomes):
            self._alerts.publish(alert.subject, alert.text)
        self._store.finish_job(summary)
        return summary


def _unknown(dealership_id: int) -> DealershipEnd:
    return DealershipEnd(
        dealership_id=dealership_id,
        name=None,
        status=SyncStatus.FAILED,
        reason="there is no such dealership",
        counts=Counts(),
    )


def _total(outcomes: Sequence[DealershipEnd]) -> Counts:
    return Counts(
        received=sum(end.counts.received for end in outcomes),
        created=sum(end.counts.created for end in outcomes),
        updated=sum(end.counts.updated for end in outcomes),
        unchanged=sum(end.counts.unchanged for end in outcomes),
        failed=sum(end.counts.failed for end in outcomes),
        removed=sum(end.counts.removed for end in outcomes),
    )
