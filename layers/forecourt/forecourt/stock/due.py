"""Which dealerships a run is for: the nightly plan, a schedule of one's own, or a person's wish."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from forecourt.logs import get_logger

SyncKind = Literal["stock", "lead"]


class DueStore(Protocol):
    """Who could be synced, and what is under way."""

    def eligible_dealerships(
        self, sync_type: SyncKind, *, own_schedule: bool | None = None
    ) -> list[int]:
        """Return who has auto-sync on (no settings row means on) and active credentials.

        For leads also: whose credentials the vendor does not refuse. Deliveries find out when it
        takes them again; each hour's failure would only repeat what is known.

        Parameters
        ----------
        own_schedule
            Only who has, or has not, a stock schedule of its own; None for both.
        """
        ...

    def running_job(self, schedule_name: str, *, beside: UUID) -> UUID | None:
        """Return another job of this schedule that showed a sign of life in ten minutes."""
        ...

    def busy_dealerships(self, sync_type: SyncKind) -> Collection[int]:
        """Return whose lock of this kind is held by a run that is alive."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What started a run. ``named`` are the dealerships it is for, None for all that are due."""

    sync_type: SyncKind
    job_id: UUID
    is_manual: bool
    schedule_name: str | None
    named: Sequence[int] | None


def due_dealerships(store: DueStore, cause: Cause) -> tuple[list[int], str | None]:
    """Return who is to be synced, and why it is nobody.

    Dealerships a person named are all synced, also without credentials, so that each comes back
    with its outcome instead of vanishing. A schedule waits for nobody: it is skipped while its
    last run is under way, and it leaves out a dealership that is being synced at the moment.
    """
    if cause.is_manual and cause.named is not None:
        return sorted(set(cause.named)), None
    if cause.is_manual and cause.schedule_name is None:
        return _unless_nobody(store.eligible_dealerships(cause.sync_type))
    if cause.is_manual:
        return _unless_nobody(_due_by_schedule(store, cause))
    log = get_logger("sync_planner")
    if cause.schedule_name is not None:
        running = store.running_job(cause.schedule_name, beside=cause.job_id)
        if running is not None:
            reason = f"job {running} of schedule {cause.schedule_name} is still under way"
            log.warning("Scheduled start skipped", reason=reason, job_id=str(cause.job_id))
            return [], reason
    due = _due_by_schedule(store, cause)
    busy = set(due) & set(store.busy_dealerships(cause.sync_type))
    if busy:
        log.warning(
            "Dealerships left out, as another run is syncing them",
            dealership_ids=sorted(busy),
            job_id=str(cause.job_id),
        )
    if due and busy == set(due):
        return [], "every dealership that is due is being synced by another run"
    return _unless_nobody([one for one in due if one not in busy])


def _due_by_schedule(store: DueStore, cause: Cause) -> list[int]:
    """Return the nightly plan, or whom a schedule names as long as it is theirs.

    A schedule that outlived the setting it was made of plans nobody.
    """
    if cause.sync_type == "lead":
        return store.eligible_dealerships("lead")
    if cause.named is None:
        return store.eligible_dealerships("stock", own_schedule=False)
    eligible = store.eligible_dealerships("stock", own_schedule=True)
    return sorted(set(cause.named).intersection(eligible))


def _unless_nobody(due: list[int]) -> tuple[list[int], str | None]:
    return due, None if due else "no dealership has auto-sync on and active credentials"
