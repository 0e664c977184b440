"""Decide which dealerships a run syncs, and how many at once (design 5.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from forecourt.logs import get_logger
from forecourt.stock.due import Cause, DueStore, SyncKind, due_dealerships
from forecourt.stock.plan_request import Accepted, PlanRequest, Trigger

ENABLED_KEY = "easycar_sync_enabled"
CONCURRENCY_KEY = "easycar_sync_concurrency"
CONCURRENCY_DEFAULT = 1
CONCURRENCY_MAX = 1000

_OFF = frozenset({"false", "off", "no", "0"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLocation:
    """Where a run's list of dealerships lies."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncJob:
    """One run over many dealerships, as its ``sync_job`` row begins."""

    job_id: UUID
    sync_type: SyncKind
    trigger: Trigger
    execution_name: str
    schedule_name: str | None
    scheduled_time: datetime | None
    started_at: datetime
    planned: int
    concurrency: int
    plan: PlanLocation


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """What the state machine goes on with; ``reason`` says why nothing was planned."""

    job: SyncJob
    accept_removals: Accepted = False
    reason: str | None = None

    def to_payload(self) -> dict[str, Any]:
        """Return the planner's output, in the state machine's camelCase."""
        payload: dict[str, Any] = {
            "jobId": str(self.job.job_id),
            "syncType": self.job.sync_type,
            "trigger": self.job.trigger,
            "planned": self.job.planned,
            "concurrency": self.job.concurrency,
            "plan": {"bucket": self.job.plan.bucket, "key": self.job.plan.key},
            "acceptRemovals": self.accept_removals,
        }
        if self.reason is not None:
            payload["reason"] = self.reason
        return payload


class PlanStore(DueStore, Protocol):
    """The switches, the dealerships, and the job rows."""

    def switches(self) -> Mapping[str, str]:
        """Return the ``system_settings`` that are set, by key."""
        ...

    def start_job(self, job: SyncJob) -> bool:
        """Write the job's row; False when another execution has this job already."""
        ...


class PlanFiles(Protocol):
    """Where the Distributed Map reads its items from."""

    def location(self, job_id: UUID) -> PlanLocation:
        """Return where the job's list lies or would lie."""
        ...

    def write(self, location: PlanLocation, dealership_ids: Sequence[int]) -> None:
        """Store the list as ``[{"dealershipId": 1}, …]``."""
        ...

    def read(self, location: PlanLocation) -> list[int]:
        """Return the list that was written there."""
        ...


def are_switched_off(switches: Mapping[str, str]) -> bool:
    """Tell whether the system's switch keeps every run from planning anybody."""
    return switches.get(ENABLED_KEY, "true").strip().lower() in _OFF


class SyncPlanner:
    """Plans one run, writes its list and its job row.

    Parameters
    ----------
    store, files
        The ports.
    capacity
        How many dealerships the functions have reserved room for; more at once would be throttled.
    """

    def __init__(
        self, *, store: PlanStore, files: PlanFiles, capacity: int = CONCURRENCY_MAX
    ) -> None:
        self._store = store
        self._files = files
        self._capacity = capacity
        self._log = get_logger("sync_planner")

    def plan(self, request: PlanRequest) -> PlannedRun:
        """Plan the run of one execution; a repeated call of the same execution plans it anew.

        Who is planned is decided by :func:`due_dealerships`; nobody is while syncs are off.
        """
        switches = self._store.switches()
        dealership_ids, reason = self._choose(request, switches)
        concurrency = self._concurrency(switches)
        job = _job(request, request.job_id, len(dealership_ids), concurrency, self._files)
        if not self._store.start_job(job):
            reason = f"job {job.job_id} was started by another execution already"
            dealership_ids = []
            job = _job(request, request.execution_job_id, 0, concurrency, self._files)
            self._store.start_job(job)
        self._files.write(job.plan, dealership_ids)
        self._log.info(
            "Sync planned",
            sync_type=job.sync_type,
            trigger=job.trigger,
            schedule_name=job.schedule_name,
            job_id=str(job.job_id),
            planned=job.planned,
            concurrency=job.concurrency,
            reason=reason,
        )
        return PlannedRun(job=job, accept_removals=request.input.accept_removals, reason=reason)

    def _choose(
        self, request: PlanRequest, switches: Mapping[str, str]
    ) -> tuple[list[int], str | None]:
        if are_switched_off(switches):
            return [], f"{ENABLED_KEY} is off"
        wanted = request.input
        cause = Cause(
            sync_type=wanted.sync_type,
            job_id=request.job_id,
            is_manual=wanted.trigger == "manual",
            schedule_name=wanted.schedule_name,
            named=wanted.dealership_ids,
        )
        return due_dealerships(self._store, cause)

    def _concurrency(self, switches: Mapping[str, str]) -> int:
        text = switches.get(CONCURRENCY_KEY)
        if text is None:
            return CONCURRENCY_DEFAULT
        try:
            concurrency = int(text)
        except ValueError:
            concurrency = 0
        if self._capacity < concurrency <= CONCURRENCY_MAX:
            self._log.warning(
                "Setting is more than is reserved, so that much is used",
                key=CONCURRENCY_KEY,
                reserved=self._capacity,
            )
            return self._capacity
        if 1 <= concurrency <= CONCURRENCY_MAX:
            return concurrency
        self._log.warning(
            "Setting is not a number from 1 to 1000, so the default is used",
            key=CONCURRENCY_KEY,
            default=CONCURRENCY_DEFAULT,
        )
        return CONCURRENCY_DEFAULT


def _job(
    request: PlanRequest, job_id: UUID, planned: int, concurrency: int, files: PlanFiles
) -> SyncJob:
    return SyncJob(
        job_id=job_id,
        sync_type=request.input.sync_type,
        trigger=request.input.trigger,
        execution_name=request.execution_name,
        schedule_name=request.input.schedule_name,
        scheduled_time=request.input.scheduled_time,
        started_at=request.started_at,
        planned=planned,
        concurrency=concurrency,
        plan=files.location(job_id),
    )
