"""Decide which dealerships a run syncs, and how many at once (design 5.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID, uuid5

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from forecourt.errors import PermanentError
from forecourt.logs import get_logger
from forecourt.stock.due import Cause, DueStore, SyncKind, due_dealerships
from forecourt.validation import wrong_value

ENABLED_KEY = "easycar_sync_enabled"
CONCURRENCY_KEY = "easycar_sync_concurrency"
CONCURRENCY_DEFAULT = 1
CONCURRENCY_MAX = 1000

_JOB_NAMESPACE = UUID("5b0c3f0e-6c0b-5f0e-9a44-6f7265636f75")
_OFF = frozenset({"false", "off", "no", "0"})

Trigger = Literal["schedule", "catch_up", "manual"]
"""A schedule in time, a schedule's run that was missed and is made up for, or a person."""

Accepted = Annotated[int, Field(strict=True, ge=1)] | Literal[False]
"""The log row whose proposed removals a person agreed to; False where nobody agreed."""


class _Input(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, extra="ignore"
    )


class SyncInput(_Input):
    """What started the state machine: a schedule, or a person who may name dealerships.

    ``accept_removals`` is the log row of the stock run whose proposed removals a person agreed to;
    nothing else may name one.
    """

    sync_type: SyncKind
    trigger: Trigger
    job_id: UUID | None = None
    schedule_name: str | None = Field(default=None, max_length=255)
    scheduled_time: AwareDatetime | None = None
    dealership_ids: tuple[int, ...] | None = Field(default=None, min_length=1)
    accept_removals: Accepted = False

    @field_validator("accept_removals")
    @classmethod
    def _is_agreed_by_a_person(cls, value: Accepted, info: ValidationInfo) -> Accepted:
        agreed = (
            info.data.get("sync_type") == "stock"
            and info.data.get("trigger") == "manual"
            and len(info.data.get("dealership_ids") or ()) == 1
        )
        if value and not agreed:
            raise wrong_value(cure="is for manual stock runs of one named dealership only")
        return value


def scheduled_job_id(schedule_name: str, scheduled_time: datetime) -> UUID:
    """Return the id of the job a schedule starts at a time (design 5.3)."""
    moment = scheduled_time.astimezone(UTC).isoformat(timespec="seconds")
    return uuid5(_JOB_NAMESPACE, f"schedule\n{schedule_name}\n{moment}")


class PlanRequest(_Input):
    """One execution's call of the planner."""

    input: SyncInput
    execution_name: str = Field(min_length=1, max_length=255)
    started_at: AwareDatetime

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "PlanRequest":
        """Read the state machine's call.

        Raises
        ------
        PermanentError
            ``INVALID_INPUT``, naming every bad field.
        """
        try:
            return cls.model_validate(event)
        except ValidationError as error:
            fields = "; ".join(
                f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)
            )
            raise PermanentError(code="INVALID_INPUT", detail=fields, target="Forecourt") from error

    @property
    def job_id(self) -> UUID:
        """Return the same id for the same cause, however often it is delivered.

        A person's run brings its own; a schedule's is UUIDv5 of schedule and scheduled time
        (design 5.3), so a start that is delivered twice is one job.
        """
        if self.input.job_id is not None:
            return self.input.job_id
        if self.input.schedule_name is not None and self.input.scheduled_time is not None:
            return scheduled_job_id(self.input.schedule_name, self.input.scheduled_time)
        return self.execution_job_id

    @property
    def execution_job_id(self) -> UUID:
        """The id of an execution that cannot have its cause's."""
        return uuid5(_JOB_NAMESPACE, f"execution\n{self.execution_name}")


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
