"""What a lead refresh needs of the world; adapters in easycars and storage provide it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from forecourt.leads.inbound import ConfirmedChoices, HeldLead, InboundLead, Joined
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.stock.run import Closing, Counts, SyncResult, SyncRun


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLead:
    """A lead to ask for. ``claimed_at`` is when its delivery was last under way before that."""

    lead_id: int
    external_id: UUID
    lead_number: str
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLeads:
    """The leads of one run, least recently asked first, and how many wait in all."""

    leads: Sequence[DueLead]
    waiting: int


class LeadSource(Protocol):
    """Where a dealership's leads are read."""

    def read_lead(
        self, credentials: EasyCarsCredentials, lead_number: str, *, deadline: float
    ) -> InboundLead:
        """Return one lead; ``deadline`` is in seconds of ``time.monotonic()``.

        Raises
        ------
        RetryableError, PermanentError, AuthenticationError
            The vendor is away, knows no such lead, or refuses the credentials.
        """
        ...

    def confirmed_choices(self, delivered_fields: Mapping[str, Any] | None) -> ConfirmedChoices:
        """Return the choices that were last confirmed to us, in our words."""
        ...


class RefreshStore(Protocol):
    """The log row that is the lock, and the leads."""

    def open_run(self, job_id: UUID, dealership_id: int) -> SyncRun | SyncResult:
        """Take the dealership's lock, or return how this job's run already ended.

        Raises
        ------
        PermanentError
            ``ALREADY_RUNNING``: another job holds the lock; ``UNKNOWN_DEALERSHIP``.
        """
        ...

    def setting(self, key: str) -> str | None:
        """Return one of the system's settings."""
        ...

    def is_vendor_away(self, environment: Environment) -> bool:
        """Say whether deliveries have found the vendor away and are waiting for it."""
        ...

    def due_leads(self, run: SyncRun, account_scope: str, limit: int) -> DueLeads:
        """Return open leads of the last 90 days that live in that account.

        Left out is what this job has asked for already, what is being delivered, and whom nobody
        may know any more.
        """
        ...

    def refresh(
        self,
        run: SyncRun,
        due: DueLead,
        inbound: InboundLead,
        joined: Callable[[HeldLead], Joined],
        progress: Counts,
    ) -> tuple[Joined, bool] | None:
        """Join and store one lead in one transaction, and renew the lease.

        The lead is locked, so an edit made meanwhile is part of what ``joined`` is given.

        Returns
        -------
        tuple of Joined and bool, or None
            What was stored, and whether a conflict is new. None where a delivery was under way
            since `due` was read, so that nobody knows which of the two EasyCars' answer is older
            than; nothing but the time of asking was stored.

        Raises
        ------
        SkippableError
            ``LEAD_REFUSED``: a value is none of its column; nothing was stored.
        PermanentError
            ``LEASE_LOST``: another run holds the row now; nothing was stored.
        """
        ...

    def pass_over(self, run: SyncRun, due: DueLead, progress: Counts, *, for_good: bool) -> None:
        """Let a lead that was asked for in vain go last, and renew the lease.

        Unless it is `for_good`, a retry of the same job asks for it again.

        Raises
        ------
        PermanentError
            ``LEASE_LOST``.
        """
        ...

    def close_run(self, run: SyncRun, closing: Closing) -> bool:
        """End the run if it still holds its row; say whether it did."""
        ...
