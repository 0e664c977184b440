"""Which messages of a batch are done with and which must come back."""

from collections.abc import Sequence
from uuid import UUID

from forecourt.leads.message import QueuedMessage

_FIRST_WAIT = 30
_LONGEST_WAIT = 30 * 60
_LONGEST_HIDE = 43_200
"""SQS hides a message for 12 hours at most."""


def outage_wait(receive_count: int) -> int:
    """Say for how many seconds a message hides while a service of ours is away.

    30 s, doubling with every receipt, half an hour at most (design 5.1.5): with 200 receipts
    allowed, an outage of four days sends no message to the dead-letter queue.
    """
    return int(min(_FIRST_WAIT * 2.0 ** min(max(receive_count - 1, 0), 10), _LONGEST_WAIT))


class Batch:
    """The messages of one invocation, by the lead they are about.

    Until it is settled a message counts as failed: whatever goes wrong, it comes back.
    """

    def __init__(self, messages: Sequence[QueuedMessage]) -> None:
        self._messages = {message.message_id: message for message in messages}
        self._settled: set[str] = set()
        self._returning: dict[str, int] = {}
        self._about: dict[UUID, list[QueuedMessage]] = {}

    def assign(self, message: QueuedMessage, lead: UUID) -> None:
        """Note which lead a message is about; several may be about one."""
        self._about.setdefault(lead, []).append(message)

    def about(self, lead: UUID) -> Sequence[QueuedMessage]:
        """Give the messages about one lead."""
        return self._about.get(lead, ())

    def settle(self, message: QueuedMessage) -> None:
        """Acknowledge one message."""
        self._settled.add(message.message_id)

    def discard(self, message: QueuedMessage) -> None:
        """Acknowledge one message for good: it is somewhere else."""
        self._messages.pop(message.message_id, None)

    def reopen(self) -> None:
        """Acknowledge nothing after all, but for what was discarded."""
        self._settled.clear()

    def settle_lead(self, lead: UUID) -> None:
        """Acknowledge every message about a lead."""
        for message in self.about(lead):
            self.settle(message)

    def give_back(self, lead: UUID, seconds: float) -> None:
        """Let the messages about a lead come back after that long."""
        for message in self.about(lead):
            self._returning[message.message_id] = int(min(max(seconds, 1), _LONGEST_HIDE))

    @property
    def open(self) -> Sequence[QueuedMessage]:
        """What is not acknowledged."""
        return tuple(
            message for name, message in self._messages.items() if name not in self._settled
        )

    def wait_of(self, message: QueuedMessage) -> int:
        """Say after how many seconds an open message should come back."""
        return self._returning.get(message.message_id, outage_wait(message.receive_count))
