"""The ports to the queues: wake-ups, dead letters, and messages that come back later."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from forecourt.leads.message import QueuedMessage

EASYCARS = "EasyCars"
DYNAMICS = "Dynamics"
"""Which CRM a delivery is for, as the ledger writes it; each has a queue of its own."""

LONGEST_DELAY_SECONDS = 900
"""What SQS allows for DelaySeconds; what is due later the sweeper wakes."""

ON_ITS_WAY_SECONDS = 120
"""How long a message that has been sent may take until it counts as lost."""

MOST_WOKEN = 200
MOST_WOKEN_PER_DEALERSHIP = 10
"""How many due deliveries have a message and wait to be tried, in all and of one dealership."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeUp:
    """A call to look at one delivery to ``target`` again, ``delay`` whole seconds from now."""

    delivery_id: int
    external_id: UUID
    dealership_id: int
    delay: int = 0
    target: str = EASYCARS


class WakeUps(Protocol):
    """Where wake-ups are sent."""

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Send them; gives back those that could not be sent."""
        ...


class LeadQueue(WakeUps, Protocol):
    """The queue the messages came from."""

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        """Copy a message to the dead-letter queue, with the reason as attributes.

        Raises
        ------
        RetryableError, PermanentError
            It is not there; the message must come back.
        """
        ...

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        """Let a message that is not acknowledged come back after that long; best effort."""
        ...
