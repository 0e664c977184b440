"""Dead letters: messages that could not be worked on, kept until a person has seen to them.

Either a delivery put a message on its dead-letter queue, with ``reason`` and ``detail`` as
attributes, or SQS moved it there because it was received too often. The queue forgets a message
14 days after it was first sent, so each is also copied, once, to where it stays longer. What is
redriven leaves both places.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from forecourt.errors import ForecourtError, RetryableError
from forecourt.logs import get_logger

_log = get_logger("dead_letters")

TOO_MANY_RECEIVES = "TOO_MANY_RECEIVES"
LEADS_QUEUE = "leads"
DYNAMICS_QUEUE = "dynamics"
"""Which queue a letter was for; it goes back there."""

KEPT_IN_QUEUE = timedelta(days=14)
"""SQS counts from when the message was first sent, on whichever queue that was."""

MOST_PER_RUN = 10_000
COPYING_SECONDS = 30.0
"""One run of copying takes up no more new letters after this long."""

_HIDDEN_SECONDS = 120
"""Longer than a run lasts: none comes twice, and all come back should the run die."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAttribute:
    """A message attribute of SQS; ``value`` is text, in Base64 where ``kind`` is Binary."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One dead letter, from the queue or from its copy.

    ``sent_at`` is when the message was first sent; ``group`` the MessageGroupId it came with;
    ``receipt_handle`` None for a copy; ``queue`` is which queue it was for. ``body`` is the
    visitor's and holds personal data.
    """

    message_id: str
    sent_at: datetime
    body: str
    receive_count: int = 1
    group: str | None = None
    attributes: Mapping[str, MessageAttribute] = field(default_factory=dict)
    receipt_handle: str | None = None
    queue: str = LEADS_QUEUE

    @property
    def reason(self) -> str:
        """Why it is here, as a code."""
        return self._attribute("reason") or TOO_MANY_RECEIVES

    @property
    def detail(self) -> str:
        """Why it is here, as a sentence without the visitor's data."""
        return self._attribute("detail") or (
            f"Nobody finished it; it was received {self.receive_count} times, looks at it included."
        )

    @property
    def lead_id(self) -> str | None:
        """The lead it is about, as far as the body can be read."""
        found = self._envelope().get("leadId")
        return found if isinstance(found, str) else None

    @property
    def dealership_id(self) -> str | None:
        """Whose lead it is: its group, else what the body says."""
        found = self._envelope().get("dealershipId")
        return self.group or (str(found) if type(found) is int else None)

    @property
    def in_queue_until(self) -> datetime:
        """When SQS deletes it from the dead-letter queue."""
        return self.sent_at + KEPT_IN_QUEUE

    def _attribute(self, name: str) -> str | None:
        found = self.attributes.get(name)
        return found.value if found is not None else None

    def _envelope(self) -> dict[str, Any]:
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}


class DeadLetterQueue(Protocol):
    """The dead-letter queue. SQS shows a message only by receiving, which hides it for a while."""

    def receive(self, *, hidden_seconds: int) -> Iterator[Sequence[DeadLetter]]:
        """Receive what is visible, batch by batch, each letter once."""
        ...

    def give_back(self, receipt_handles: Sequence[str]) -> None:
        """Make received letters visible at once; best effort."""
        ...

    def count_visible(self) -> int:
        """Say how many can be received now, about."""
        ...

    def count_hidden(self) -> int:
        """Say how many somebody has received and not given back, about."""
        ...

    def send_again(self, letter: DeadLetter) -> None:
        """Put a letter on the queue it was for, with its attributes and its group."""
        ...

    def delete(self, letter: DeadLetter) -> None:
        """Delete a received letter from the dead-letter queue."""
        ...


class DeadLetterQueues:
    """Several dead-letter queues as one, by the name of the queue their letters were for."""

    def __init__(self, queues: Mapping[str, DeadLetterQueue]) -> None:
        self._queues = queues

    def receive(self, *, hidden_seconds: int) -> Iterator[Sequence[DeadLetter]]:
        """Receive what is visible, one queue after the other."""
        for name, queue in self._queues.items():
            for letters in queue.receive(hidden_seconds=hidden_seconds):
                yield [
                    replace(one, queue=name, receipt_handle=f"{name}:{one.receipt_handle}")
                    for one in letters
                ]

    def give_back(self, receipt_handles: Sequence[str]) -> None:
        """Make received letters visible at once; best effort."""
        of_queue: dict[str, list[str]] = {}
        for whole in receipt_handles:
            name, _, handle = whole.partition(":")
            of_queue.setdefault(name, []).append(handle)
        for name, handles in of_queue.items():
            self._queues[name].give_back(handles)

    def count_visible(self) -> int:
        """Say how many can be received now, about."""
        return sum(queue.count_visible() for queue in self._queues.values())

    def count_hidden(self) -> int:
        """Say how many somebody has received and not given back, about."""
        return sum(queue.count_hidden() for queue in self._queues.values())

    def send_again(self, letter: DeadLetter) -> None:
        """Put a letter on the queue it was for."""
        self._queues[letter.queue].send_again(letter)

    def delete(self, letter: DeadLetter) -> None:
        """Delete a received letter from its dead-letter queue."""
        handle = letter.receipt_handle and letter.receipt_handle.partition(":")[2]
        self._queues[letter.queue].delete(replace(letter, receipt_handle=handle))


class DeadLetterCopies(Protocol):
    """Where copies lie, one document per letter, by the day it was first sent."""

    def ids_of(self, day: date) -> set[str]:
        """List the letters of a day that have a copy."""
        ...

    def write(self, letter: DeadLetter) -> bool:
        """Write a letter's copy; False where it has one."""
        ...

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        """Read copies, the last sent days first."""
        ...

    def find(self, message_ids: Collection[str]) -> Sequence[DeadLetter]:
        """Read the copies of letters, of those that have one."""
        ...

    def delete(self, letter: DeadLetter) -> None:
        """Delete a letter's copy, if there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyingRun:
    """What one run came to; ``uncopied`` is what still has no copy, ``oldest_seconds`` an age."""

    copied: int
    uncopied: int
    oldest_seconds: float


class CopyingMetrics(Protocol):
    """Where the numbers of a run go."""

    def copying_finished(self, run: CopyingRun) -> None:
        """Take the numbers of one run."""
        ...


class DeadLetterArchive:
    """Copies every dead letter once and leaves it on its queue, visible.

    Parameters
    ----------
    queue, copies, metrics
        The ports.
    clock
        The present time, aware.
    """

    def __init__(
        self,
        queue: DeadLetterQueue,
        copies: DeadLetterCopies,
        metrics: CopyingMetrics,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._queue = queue
        self._copies = copies
        self._metrics = metrics
        self._clock = clock

    def copy(self) -> CopyingRun:
        """Copy what has no copy yet, at most 10,000 letters or 30 s.

        A letter that cannot be copied is counted and tried again by the next run.

        Raises
        ------
        RetryableError, PermanentError
            The dead-letter queue cannot be read.
        """
        started = self._clock()
        handles: list[str] = []
        known: dict[date, set[str]] = {}
        copied = uncopied = 0
        oldest = started
        try:
            for letters in self._queue.receive(hidden_seconds=_HIDDEN_SECONDS):
                handles.extend(letter.receipt_handle or "" for letter in letters)
                oldest = min(oldest, *(letter.sent_at for letter in letters))
                written, failed, is_away = self._copy_batch(letters, known)
                copied += written
                uncopied += failed
                spent = (self._clock() - started).total_seconds()
                if is_away or spent > COPYING_SECONDS or len(handles) >= MOST_PER_RUN:
                    uncopied += self._queue.count_visible()
                    break
        finally:
            self._queue.give_back(handles)
        run = CopyingRun(
            copied=copied,
            uncopied=uncopied,
            oldest_seconds=(started - oldest).total_seconds(),
        )
        _log.info("Dead letters copied", seen=len(handles), copied=copied, uncopied=uncopied)
        self._metrics.copying_finished(run)
        return run

    def _copy_batch(
        self, letters: Sequence[DeadLetter], known: dict[date, set[str]]
    ) -> tuple[int, int, bool]:
        """Copy a batch; (written, not written, whether the store is away)."""
        written = failed = 0
        for number, letter in enumerate(letters):
            day = letter.sent_at.date()
            try:
                if day not in known:
                    known[day] = self._copies.ids_of(day)
                if letter.message_id not in known[day]:
                    written += self._copies.write(letter)
            except RetryableError as error:
                _log.error("Copies cannot be stored now", code=error.code, target=error.target)
                return written, failed + len(letters) - number, True
            except ForecourtError as error:
                _log.error(
                    "A dead letter could not be copied",
                    message_id=letter.message_id,
                    code=error.code,
                    detail=error.detail,
                )
                failed += 1
        return written, failed, False
