"""The delivery ledger in PostgreSQL."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from forecourt.leads.ledger import Accepted, Claim, ClaimRequest, DeliveryView, Recorded, Report
from forecourt.leads.message import LeadMessage
from forecourt.leads.refusals import RefusedRequests
from forecourt.leads.wake_ups import WakeUp
from forecourt.storage import announcements, deliveries, delivery_records, holds, leads, refusals
from forecourt.storage.durability import Durability
from forecourt.storage.postgres import Database


class PostgresLedger:
    """Adapter of :class:`forecourt.leads.ledger.DeliveryLedger`; each method is one commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._durability = Durability(database)

    def accept(self, messages: Sequence[LeadMessage]) -> Accepted:
        """Store new leads with their delivery rows."""
        accepted = leads.accept_leads(self._database, messages)
        self._durability.wrote_relaxed()
        return accepted

    def note_announced(self, external_ids: Collection[UUID]) -> None:
        """Note that leads were announced."""
        announcements.note_announced(self._database, external_ids)

    def make_durable(self) -> None:
        """Wait until all that was committed before is on disk."""
        self._durability.make_durable()

    def look(self, wanted: Collection[tuple[UUID, int]]) -> Mapping[UUID, DeliveryView | None]:
        """Show where leads stand."""
        return deliveries.look_at_deliveries(self._database, wanted)

    def expire_leases(self, delivery_ids: Collection[int], floors: Sequence[float]) -> None:
        """Free deliveries whose lease has run out."""
        deliveries.expire_leases(self._database, delivery_ids, floors)

    def claim(self, requests: Sequence[ClaimRequest], worker: str) -> Sequence[Claim]:
        """Claim what is pending and due."""
        claims = deliveries.claim_deliveries(self._database, requests, worker)
        if claims:
            self._durability.wrote_durably()
        return claims

    def forget_fields(self, keys: Mapping[int, tuple[UUID, Collection[str]]]) -> Collection[int]:
        """Strike fields off the last confirmed state."""
        return deliveries.forget_fields(self._database, keys)

    def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        """Write outcomes down."""
        recorded = delivery_records.record_outcomes(self._database, reports)
        self._durability.wrote_relaxed()
        return recorded

    def note_woken(self, delivery_ids: Collection[int]) -> None:
        """Note that messages are on their way."""
        deliveries.note_woken(self._database, delivery_ids)
        self._durability.wrote_relaxed()

    def fail(self, delivery_ids: Collection[int], code: str, detail: str) -> None:
        """Park pending deliveries."""
        deliveries.fail_deliveries(self._database, delivery_ids, code, detail)

    def unpark_connected(self, delivery_ids: Collection[int]) -> Collection[int]:
        """Make due again what is parked though its dealership has credentials."""
        return deliveries.unpark_connected(self._database, delivery_ids)

    def postpone_to_hold(self, delivery_ids: Collection[int]) -> None:
        """Let pending deliveries wait for the end of a hold."""
        holds.postpone_to_hold(self._database, delivery_ids)

    def leave_for_breaker(self, delivery_ids: Collection[int]) -> None:
        """Leave pending deliveries due while the vendor is away, and say why they wait."""
        deliveries.leave_for_breaker(self._database, delivery_ids)

    def take_trial(self, dealership_id: int) -> bool:
        """Win the one trial of a hold that has run out."""
        return holds.take_trial(self._database, dealership_id)

    def note_refused_requests(self, refused: Sequence[RefusedRequests]) -> None:
        """Add up what intake refused."""
        refusals.store_refused_requests(self._database, refused)
        self._durability.wrote_relaxed()

    def count_refusals(self, dealership_id: int) -> int:
        """Count refusals of the present credentials in a row."""
        return holds.count_refusals(self._database, dealership_id)

    def hold(self, dealership_id: int, credential_stamp: str, reason: str, wait: timedelta) -> bool:
        """Put a dealership on hold."""
        return holds.hold_dealership(self._database, dealership_id, credential_stamp, reason, wait)

    def release_held(self, dealership_id: int, credential_stamp: str) -> Sequence[WakeUp]:
        """End a hold of these credentials."""
        return holds.release_held(self._database, dealership_id, credential_stamp)
