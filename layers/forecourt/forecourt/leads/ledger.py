"""The delivery ledger as logic sees it: one row per lead and CRM (decision 3).

All times in it are the database server's, so that two workers never disagree about a lease.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from forecourt.errors import SkippableError
from forecourt.leads.accounts import Account
from forecourt.leads.lead import Lead
from forecourt.leads.message import LeadMessage
from forecourt.leads.outcome import DeliveryState, Outcome
from forecourt.leads.refusals import RefusedRequests
from forecourt.leads.sink import Operation
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.credentials import Environment

LEASE_SECONDS = 150
"""Longer than the function may run (120 s), shorter than the queue hides a message (720 s)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One delivery as it stood a moment ago, with what decides whether it may be tried.

    ``due_in``, ``lease_left`` and ``hold_left`` are seconds, negative when past. ``hold_left`` is
    None for a dealership that is not on hold. ``credential_stamp`` changes with every write of
    the dealership's active credentials and is None where it has none. ``breaker_left`` is how many
    seconds nobody calls the CRM in the ``environment`` of those credentials, not positive when one
    may try it, None while all may.
    """

    external_id: UUID
    dealership_id: int
    delivery_id: int
    state: DeliveryState
    due_in: float
    lease_left: float
    credential_stamp: str | None
    hold_left: float | None
    environment: Environment | None = None
    breaker_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to push one lead, for as long as the lease lasts.

    ``remote_scope`` is the account the CRM's number of this lead belongs to; None before the
    first create. ``attempts`` counts this one. ``delivered_fields`` is the state last confirmed.
    """

    delivery_id: int
    attempt_id: int
    lease_token: UUID
    attempts: int
    lead: Lead
    operation: Operation
    delivered_fields: Mapping[str, Any] | None
    remote_scope: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """Which delivery to claim, and the account and client it would be sent with now."""

    delivery_id: int
    account_scope: str
    lead_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A claim's outcome, and the account it was tried with."""

    claim: Claim
    outcome: Outcome
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the ledger holds after a report, which may be another worker's doing by then.

    ``state`` is None where the lead was deleted while it was being sent. ``duplicate_of`` is the
    number the lead already had when the CRM returned another one. ``on_hold`` says that the
    dealership is on hold; a success then proves its credentials. ``breaker_counts`` says that the
    account's circuit breaker is open or has failures on record; an answer then ends those.
    ``claimed_at`` is None when the outcome had been recorded before.
    """

    delivery_id: int
    state: DeliveryState | None
    due_in: float
    claimed_at: datetime | None = None
    duplicate_of: str | None = None
    on_hold: bool = False
    breaker_counts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of leads that were to be stored, by external id.

    ``new`` holds those that were not there before, as :meth:`DeliveryLedger.look` shows them;
    ``refused`` those that cannot be stored, and why. ``elsewhere`` are deliveries to other CRMs,
    which another worker makes; they count as woken.
    """

    new: Mapping[UUID, DeliveryView | None]
    refused: Mapping[UUID, SkippableError]
    elsewhere: Sequence[WakeUp] = ()


class DeliveryLedger(Protocol):
    """Every method is one short transaction; RetryableError when the database is away.

    A commit is seen by everybody at once. Only a claim is also on disk when it returns, because
    the vendor is called next; for everything else :meth:`make_durable` is called once before
    messages are acknowledged, which saves waiting for the disk at every step.
    """

    def accept(self, leads: Sequence[LeadMessage]) -> Accepted:
        """Store leads that are new, with a delivery row per active connection.

        With no connection at all it is an EasyCars row, which waits for credentials. A lead that
        is there already stays as it is.
        """
        ...

    def note_announced(self, external_ids: Collection[UUID]) -> None:
        """Note that ``lead.accepted`` was published for leads."""
        ...

    def make_durable(self) -> None:
        """Return when all that was committed before is on disk."""
        ...

    def look(self, leads: Collection[tuple[UUID, int]]) -> Mapping[UUID, DeliveryView | None]:
        """Show the deliveries of leads named by (external id, dealership).

        Unknown leads are absent; a lead that is delivered nowhere (spam) has None.
        """
        ...

    def expire_leases(self, delivery_ids: Collection[int], floors: Sequence[float]) -> None:
        """Free those whose lease has run out: update → pending, create → unconfirmed.

        An update waits ``floors[n - 1]`` seconds after its try *n*, 180 s at least, and fails
        LEASE_EXPIRED after the last: one that ends its worker each time must not go on for ever.
        """
        ...

    def claim(self, requests: Sequence[ClaimRequest], worker: str) -> Sequence[Claim]:
        """Claim those that are still pending and due; what another worker has is left out."""
        ...

    def forget_fields(self, keys: Mapping[int, tuple[UUID, Collection[str]]]) -> Collection[int]:
        """Before an update is sent, forget what it overwrites: delivery → (lease token, keys).

        Whatever happens to the call, the next difference then has these keys again. Gives back
        the deliveries whose lease still stood.
        """
        ...

    def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        """Write outcomes down. Doing it twice is the same as doing it once.

        What cannot be written is left out of the answer.
        """
        ...

    def note_woken(self, delivery_ids: Collection[int]) -> None:
        """Note that a message comes for pending deliveries when they are due."""
        ...

    def fail(self, delivery_ids: Collection[int], code: str, detail: str) -> None:
        """Park pending deliveries for a person without a try."""
        ...

    def unpark_connected(self, delivery_ids: Collection[int]) -> Collection[int]:
        """Make due again what is parked for want of credentials that are there after all."""
        ...

    def postpone_to_hold(self, delivery_ids: Collection[int]) -> None:
        """Let pending deliveries wait until their dealership's hold ends."""
        ...

    def leave_for_breaker(self, delivery_ids: Collection[int]) -> None:
        """Leave pending deliveries due while the CRM is away; who wakes them looks at it first."""
        ...

    def take_trial(self, dealership_id: int) -> bool:
        """Win the one trial a hold admits when it has run out."""
        ...

    def note_refused_requests(self, refused: Sequence[RefusedRequests]) -> None:
        """Add up what intake refused."""
        ...

    def count_refusals(self, dealership_id: int) -> int:
        """Count how often in a row the present credentials were refused before now."""
        ...

    def hold(self, dealership_id: int, credential_stamp: str, reason: str, wait: timedelta) -> bool:
        """Put a dealership on hold because its credentials were refused.

        False where other credentials were saved since: nothing is known against those.
        """
        ...

    def release_held(self, dealership_id: int, credential_stamp: str) -> Sequence[WakeUp]:
        """End a hold of these credentials and make everything due that waits for them.

        Gives wake-ups for the oldest of them, which count as sent; the sweeper wakes the rest.
        Nothing happens where other credentials were saved since: nothing is known for those.
        """
        ...
