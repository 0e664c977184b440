"""How a run over many dealerships ended, dealership by dealership and in sum."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from forecourt.stock.run import Counts, SyncStatus

FAILURES_LOOKED_BACK = 3
"""How many runs before this one are looked at to tell what is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DealershipEnd:
    """How one dealership's part of a run ended, and how its runs before it had.

    Parameters
    ----------
    was_refused
        Whether another run was syncing the dealership, so that this one did not begin.
    removals_held
        How many vehicles the run only proposed to remove.
    failures_before
        How many of the dealership's runs just before this one failed in a row, at most
        :data:`FAILURES_LOOKED_BACK`.
    reason_before
        Why the run before this one failed; None where it did not.
    usual_records
        What the last run before this one that ended well received; None where none has.
    seconds
        How long this run took.
    failed_today, held_today
        Whether an earlier run of the same day (UTC) failed, or proposed removals.
    """

    dealership_id: int
    name: str | None
    status: SyncStatus
    reason: str | None
    counts: Counts
    was_refused: bool = False
    removals_held: int = 0
    failures_before: int = 0
    reason_before: str | None = None
    usual_records: int | None = None
    seconds: float | None = None
    failed_today: bool = False
    held_today: bool = False

    @property
    def succeeded(self) -> bool:
        """A Warning counts as succeeded: what could be used is in."""
        return self.status in {SyncStatus.SUCCESS, SyncStatus.WARNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """A finished run; ``planned`` is the sum of the other two."""

    job_id: UUID
    planned: int
    succeeded: int
    failed: int

    def to_payload(self) -> dict[str, Any]:
        """Return the summary's output, in the state machine's camelCase."""
        return {
            "jobId": str(self.job_id),
            "planned": self.planned,
            "succeeded": self.succeeded,
            "failed": self.failed,
        }
