"""The ledger of deliveries to Dynamics in PostgreSQL."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from forecourt.leads.dynamics.ledger import (
    ConnectionView,
    DynamicsClaim,
    DynamicsRecorded,
    DynamicsReport,
)
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.storage import dynamics_deliveries as deliveries
from forecourt.storage import dynamics_holds as holds
from forecourt.storage import dynamics_records as records
from forecourt.storage.durability import Durability
from forecourt.storage.postgres import Database


class PostgresDynamicsLedger:
    """Adapter of :class:`forecourt.leads.dynamics.ledger.DynamicsLedger`; one commit a method."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._durability = Durability(database)

    def look(self, dealership_ids: Collection[int]) -> Sequence[ConnectionView]:
        """Show connections."""
        return deliveries.look_at_connections(self._database, dealership_ids)

    def expire_leases(self, dealership_ids: Collection[int], floors: Sequence[float]) -> None:
        """Free deliveries whose lease has run out."""
        deliveries.expire_leases(self._database, dealership_ids, floors)

    def claim(
        self, connection: DynamicsConnection, *, limit: int, worker: str
    ) -> Sequence[DynamicsClaim]:
        """Claim what is due longest."""
        claims = deliveries.claim_due(self._database, connection, limit, worker)
        if claims:
            self._durability.wrote_durably()
        return claims

    def record(self, reports: Sequence[DynamicsReport]) -> Sequence[DynamicsRecorded]:
        """Write outcomes down."""
        recorded = records.record_outcomes(self._database, reports)
        self._durability.wrote_relaxed()
        return recorded

    def wake_next(self, dealership_id: int, delay: int) -> Sequence[WakeUp]:
        """Choose what is due longest."""
        woken = deliveries.wake_next(self._database, dealership_id, delay)
        self._durability.wrote_relaxed()
        return woken

    def park_due(self, dealership_id: int, code: str, detail: str, stamp: str | None) -> int:
        """Park what is due."""
        return deliveries.park_due(self._database, dealership_id, code, detail, stamp)

    def postpone_to_hold(self, dealership_id: int) -> None:
        """Let what is due wait for the end of a hold."""
        holds.postpone_to_hold(self._database, dealership_id)

    def leave_for_breaker(self, dealership_id: int) -> None:
        """Leave what is due as it is while Dynamics is away."""
        deliveries.leave_for_breaker(self._database, dealership_id)

    def take_trial(self, dealership_id: int) -> bool:
        """Win the one trial of a hold that has run out."""
        return holds.take_trial(self._database, dealership_id)

    def count_refusals(self, dealership_id: int) -> int:
        """Count refusals of the present connection in a row."""
        return holds.count_refusals(self._database, dealership_id)

    def count_lone_refusals(self, delivery_id: int) -> int:
        """Count refusals of a lead that others got through after."""
        return holds.count_lone_refusals(self._database, delivery_id)

    def hold(self, connection: DynamicsConnection, reason: str, wait: timedelta) -> bool:
        """Put a connection on hold."""
        return holds.hold_connection(self._database, connection, reason, wait)

    def release_held(self, connection: DynamicsConnection) -> Sequence[WakeUp]:
        """End a hold of this connection."""
        return holds.release_held(self._database, connection)

    def make_durable(self) -> None:
        """Wait until all that was committed before is on disk."""
        self._durability.make_durable()
