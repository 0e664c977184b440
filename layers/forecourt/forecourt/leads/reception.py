"""Take in a batch: read its messages, store new leads, bury what can never be delivered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from forecourt.errors import ForecourtError, SkippableError
from forecourt.leads.announcements import AcceptedLead
from forecourt.leads.batch import Batch
from forecourt.leads.ledger import DeliveryLedger, DeliveryView
from forecourt.leads.message import LeadMessage, QueuedMessage, RefusalsMessage, parse_message
from forecourt.leads.wake_ups import LeadQueue, WakeUp
from forecourt.logs import get_logger

_log = get_logger("lead_delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a batch is about.

    ``new`` are leads stored just now, None for one that is delivered nowhere; ``others`` are
    (external id, dealership) of leads that were there before, or that nobody has heard of.
    ``accepted`` are the new ones to be announced: spam is not. ``elsewhere`` wakes who brings new
    leads to other CRMs.
    """

    new: Mapping[UUID, DeliveryView | None]
    others: set[tuple[UUID, int]]
    accepted: Sequence[AcceptedLead] = ()
    elsewhere: Sequence[WakeUp] = ()


class Reception:
    """Turns messages into ledger rows; poison goes to the dead-letter queue with its reason."""

    def __init__(
        self, ledger: DeliveryLedger, queue: LeadQueue, count: Callable[[str], None]
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._count = count

    def take_in(self, batch: Batch) -> Intake:
        """Store the leads of a batch, and say what else it is about.

        Raises
        ------
        RetryableError
            The database is away; nothing is acknowledged that was not buried.
        """
        leads: dict[UUID, LeadMessage] = {}
        about: set[tuple[UUID, int]] = set()
        for message in batch.open:
            try:
                read = parse_message(message.body)
            except SkippableError as poison:
                self.bury(batch, message, poison)
                continue
            if isinstance(read, RefusalsMessage):
                self._ledger.note_refused_requests(read.sums())
                batch.settle(message)
                continue
            batch.assign(message, read.lead_id)
            about.add((read.lead_id, read.dealership_id))
            if isinstance(read, LeadMessage):
                leads.setdefault(read.lead_id, read)
        if not leads:
            return Intake(new={}, others=about)
        accepted = self._ledger.accept(list(leads.values()))
        for lead, reason in accepted.refused.items():
            self.bury_lead(batch, lead, reason)
        seen = accepted.new.keys() | accepted.refused.keys()
        return Intake(
            new=accepted.new,
            others={pair for pair in about if pair[0] not in seen},
            accepted=[_accepted(leads[lead]) for lead in accepted.new if not leads[lead].spam],
            elsewhere=accepted.elsewhere,
        )

    def bury_lead(self, batch: Batch, lead: UUID, reason: SkippableError) -> None:
        """Send every message about a lead to the dead-letter queue."""
        for message in batch.about(lead):
            self.bury(batch, message, reason)

    def bury(self, batch: Batch, message: QueuedMessage, reason: SkippableError) -> None:
        """Send one message to the dead-letter queue; it comes back if that fails."""
        _log.error(
            "Message cannot be delivered and goes to the dead-letter queue",
            message_id=message.message_id,
            code=reason.code,
            detail=reason.detail,
        )
        try:
            self._queue.bury(message, reason.code, reason.detail)
        except ForecourtError as error:
            _log.error(
                "The dead-letter queue took no message",
                message_id=message.message_id,
                code=error.code,
                detail=error.detail,
            )
            return
        self._count("LeadsDeadLettered")
        batch.discard(message)


def _accepted(lead: LeadMessage) -> AcceptedLead:
    return AcceptedLead(
        external_id=lead.lead_id,
        dealership_id=lead.dealership_id,
        received_at=lead.received_at,
    )
