"""What starting a run by hand needs of the world; adapters in aws and storage provide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualRun:
    """A run a person starts; ``accept_removals`` is the log row whose proposal is agreed to."""

    job_id: UUID
    sync_type: str
    dealership_ids: Sequence[int]
    accept_removals: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a dealership's last stock run that ended well would have removed."""

    log_id: int
    stock_numbers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPart:
    """What of an earlier job failed, as far as the asker may see it."""

    sync_type: str
    is_under_way: bool
    concurrency: int
    dealership_ids: Sequence[int]


class SyncStarter(Protocol):
    """The state machine."""

    def start(self, run: ManualRun) -> None:
        """Start a manual run; RetryableError where it cannot be started now."""
        ...


class ManualRuns(Protocol):
    """What has to be known before a run is started by hand."""

    def are_switched_off(self) -> bool:
        """Tell whether the system's switch keeps every run from syncing anybody."""
        ...

    def proposal(self, dealership_id: int) -> Proposal | None:
        """Return what waits for a person's word; None where nothing does."""
        ...

    def failed_of(self, job_id: UUID, scope: int | None) -> FailedPart | None:
        """Return who failed in a job; None where there is no such job, or none with ``scope``."""
        ...

    def running_since(self, dealership_id: int, sync_type: str) -> datetime | None:
        """Return when the run started that holds the dealership's lock; None where none does."""
        ...

    def usual_seconds(self, dealership_ids: Sequence[int], sync_type: str) -> Mapping[int, float]:
        """Return how long a run takes by dealership, where one has ended well before."""
        ...

    def claim(self, dealership_ids: Sequence[int], sync_type: str) -> float | None:
        """Take all these dealerships' turns, or return in how many seconds they are free.

        A turn lasts a minute; of two people who want the same one, one gets it.
        """
        ...

    def release(self, dealership_ids: Sequence[int], sync_type: str) -> None:
        """Give turns back that were not used."""
        ...
