"""A standard SQS queue as AWS may behave, with a clock of its own.

At least once and in no order: a receive takes any of what is visible, a message may be handed out
while it is still with somebody, and a deletion may come to nothing. After 200 receives a message
goes to the dead letters.
"""

import itertools
import random
import threading
from dataclasses import dataclass, field

VISIBILITY_SECONDS = 720
MOST_RECEIVES = 200
BATCH = 10


@dataclass(slots=True)
class _Message:
    message_id: str
    body: str
    visible_at: float
    receives: int = 0
    handles: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Received:
    """One message as a receive hands it over."""

    message_id: str
    handle: str
    body: str
    receives: int


@dataclass(frozen=True, slots=True)
class Habits:
    """How likely the queue does what AWS does seldom.

    Parameters
    ----------
    twice
        Hands a message out and leaves it visible to the next.
    undeleted
        Forgets a deletion, so that the message comes back when its visibility time is over.
    split
        Gives fewer messages than there are.
    """

    twice: float = 0.0
    undeleted: float = 0.0
    split: float = 0.0


class StandardQueue:
    """Keeps messages; every method may be called from any thread."""

    def __init__(self, chance: random.Random, habits: Habits) -> None:
        self.habits = habits
        self.dead: list[str] = []
        self.handed_out_twice = 0
        self._chance = chance
        self._now = 0.0
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._messages: dict[str, _Message] = {}

    def __len__(self) -> int:
        """Count what is not deleted, visible or not."""
        with self._lock:
            return len(self._messages)

    def send(self, body: str, delay: float = 0.0) -> str:
        """Take a message that becomes visible after so many seconds."""
        with self._lock:
            message_id = f"m{next(self._numbers)}"
            self._messages[message_id] = _Message(message_id, body, self._now + delay)
            return message_id

    def receive(self, most: int = BATCH) -> list[Received]:
        """Hand out some of what is visible and hide it."""
        with self._lock:
            self._bury()
            visible = [each for each in self._messages.values() if each.visible_at <= self._now]
            if most > 1 and self._chance.random() < self.habits.split:
                most = self._chance.randint(1, most)
            taken = self._chance.sample(visible, min(most, len(visible)))
            return [self._hand_out(message) for message in taken]

    def delete(self, handle: str) -> None:
        """Acknowledge a message by any handle it was handed out with."""
        with self._lock:
            message = self._holder_of(handle)
            if message is not None and self._chance.random() >= self.habits.undeleted:
                del self._messages[message.message_id]

    def change_visibility(self, handle: str, seconds: float) -> bool:
        """Set when a message comes back; False for one there is no more."""
        with self._lock:
            message = self._holder_of(handle)
            if message is None:
                return False
            message.visible_at = self._now + seconds
            return True

    def let_pass(self, seconds: float) -> None:
        """Let time pass for delays and visibility."""
        with self._lock:
            self._now += seconds

    def next_visible_in(self) -> float | None:
        """Tell in how many seconds something is visible; None for an empty queue."""
        with self._lock:
            times = [message.visible_at for message in self._messages.values()]
            return max(min(times) - self._now, 0.0) if times else None

    def _hand_out(self, message: _Message) -> Received:
        message.receives += 1
        handle = f"{message.message_id}#{message.receives}"
        message.handles.add(handle)
        if self._chance.random() < self.habits.twice:
            self.handed_out_twice += 1
        else:
            message.visible_at = self._now + VISIBILITY_SECONDS
        return Received(message.message_id, handle, message.body, message.receives)

    def _bury(self) -> None:
        for message in list(self._messages.values()):
            if message.receives >= MOST_RECEIVES and message.visible_at <= self._now:
                del self._messages[message.message_id]
                self.dead.append(message.body)

    def _holder_of(self, handle: str) -> _Message | None:
        message = self._messages.get(handle.partition("#")[0])
        return message if message is not None and handle in message.handles else None
