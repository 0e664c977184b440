"""The ledger of deliveries to Dynamics as logic sees it: one row per lead (decision 3).

A message wakes a connection, not a lead: what is due is claimed oldest first, a few at a time.
All times are the database server's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from forecourt.leads.dynamics.outcome import DynamicsOutcome
from forecourt.leads.lead import Lead
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.sink import Operation
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.dynamics_connections import DynamicsConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A dealership's connection as it stood a moment ago, with what decides whether it is used.

    Parameters
    ----------
    has_due
        Whether a delivery of the dealership is due.
    is_enabled
        The system's feature flag; False lets nothing be claimed.
    connection_id, stamp, environment_url
        None where there is no connection; the stamp changes with every save of it.
    is_active
        Whether the connection is switched on.
    hold_left
        Seconds a hold still lasts, negative when past; None without a hold.
    breaker_left
        Seconds nobody calls the organisation, not positive when one may try it, None while all may.
    metadata_age
        Seconds since the tenant's metadata was read; None where it is not there.
    """

    dealership_id: int
    has_due: bool
    is_enabled: bool = True
    connection_id: int | None = None
    stamp: str | None = None
    environment_url: str | None = None
    is_active: bool = False
    hold_left: float | None = None
    breaker_left: float | None = None
    metadata_age: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsClaim:
    """The right to push one lead, for as long as the lease lasts; ``attempts`` counts this one.

    ``remote_id``, ``delivered_fields`` and ``payload_hash`` are what was confirmed last in the
    present organisation, None where nothing is known.
    """

    delivery_id: int
    attempt_id: int
    lease_token: UUID
    attempts: int
    lead: Lead
    operation: Operation
    remote_id: UUID | None
    delivered_fields: Mapping[str, Any] | None
    payload_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsReport:
    """A claim's outcome, and the connection it was tried with."""

    claim: DynamicsClaim
    outcome: DynamicsOutcome
    connection: DynamicsConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsRecorded:
    """What the ledger holds after a report, which may be another worker's doing by then.

    ``state`` is None where the lead was deleted meanwhile; ``on_hold`` says that the connection is
    on hold, ``breaker_counts`` that its breaker is open or has failures on record. ``claimed_at``
    is None when the outcome had been recorded before.
    """

    delivery_id: int
    state: DeliveryState | None
    claimed_at: datetime | None = None
    on_hold: bool = False
    breaker_counts: bool = False


class DynamicsLedger(Protocol):
    """Every method is one short transaction; RetryableError when the database is away.

    Only a claim is on disk when it returns: should its record be lost with the server, its lease
    runs out and everything is sent again. For the rest :meth:`make_durable` is called once.
    """

    def look(self, dealership_ids: Collection[int]) -> Sequence[ConnectionView]:
        """Show the connections of dealerships, and whether anything is due."""
        ...

    def expire_leases(self, dealership_ids: Collection[int], floors: Sequence[float]) -> None:
        """Free those whose lease has run out; all they send is sent again.

        They wait ``floors[n - 1]`` seconds after try *n* and fail LEASE_EXPIRED after the last.
        """
        ...

    def claim(
        self, connection: DynamicsConnection, *, limit: int, worker: str
    ) -> Sequence[DynamicsClaim]:
        """Claim what is due longest, unless the connection was saved or switched off since."""
        ...

    def record(self, reports: Sequence[DynamicsReport]) -> Sequence[DynamicsRecorded]:
        """Write outcomes down. Doing it twice is the same as doing it once.

        A success is recorded though its lease ran out, as long as nobody claimed since.
        """
        ...

    def wake_next(self, dealership_id: int, delay: int) -> Sequence[WakeUp]:
        """Choose the delivery that is due longest, and note that a message comes after `delay`."""
        ...

    def park_due(self, dealership_id: int, code: str, detail: str, stamp: str | None) -> int:
        """Park what is due for a person; says how many.

        None where another connection was saved than the one with this stamp, None for none.
        """
        ...

    def postpone_to_hold(self, dealership_id: int) -> None:
        """Let what is due wait until the connection's hold ends, and say why."""
        ...

    def leave_for_breaker(self, dealership_id: int) -> None:
        """Leave what is due as it is while Dynamics is away, and say why it waits."""
        ...

    def take_trial(self, dealership_id: int) -> bool:
        """Win the one trial a hold admits when it has run out."""
        ...

    def count_refusals(self, dealership_id: int) -> int:
        """Count how often in a row the present connection was refused before now."""
        ...

    def count_lone_refusals(self, delivery_id: int) -> int:
        """Count refusals of a lead by the present connection that others got through after."""
        ...

    def hold(self, connection: DynamicsConnection, reason: str, wait: timedelta) -> bool:
        """Put a connection on hold; False where it was saved since."""
        ...

    def release_held(self, connection: DynamicsConnection) -> Sequence[WakeUp]:
        """End a hold of this connection and make due what waits for it; wakes the oldest."""
        ...

    def make_durable(self) -> None:
        """Return when all that was committed before is on disk."""
        ...
