"""What starts a run: a schedule or a person, and the job that follows from it (design 5.3)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
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
from forecourt.stock.due import SyncKind
from forecourt.validation import wrong_value

_JOB_NAMESPACE = UUID("5b0c3f0e-6c0b-5f0e-9a44-6f7265636f75")

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
