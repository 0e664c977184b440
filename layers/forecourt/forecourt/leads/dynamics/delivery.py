"""Deliver leads to Dynamics: a message wakes a connection, whose due leads go in rounds.

Each step is one commit, and between any two of them the process may die. What was claimed is freed
when its lease runs out and sent again whole, which the alternate key makes harmless (decision 18).
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import ceil

from forecourt.errors import ForecourtError, RetryableError, SkippableError
from forecourt.leads.batch import Batch
from forecourt.leads.breaker import CircuitBreaker
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.dynamics.budget import Budget
from forecourt.leads.dynamics.connections import Connections, ConnectionVault
from forecourt.leads.dynamics.gate import Gate, Work
from forecourt.leads.dynamics.ledger import DynamicsLedger
from forecourt.leads.dynamics.recording import DynamicsRecorder
from forecourt.leads.dynamics.rounds import ROUND_SECONDS, Rounds
from forecourt.leads.dynamics.sink import DynamicsSink
from forecourt.leads.message import QueuedMessage, WakeUpMessage, parse_message
from forecourt.leads.recording import Alerts
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.steps import OnStep, Step, unwatched
from forecourt.leads.tally import DeliveryMetrics, Tally
from forecourt.leads.wake_ups import LONGEST_DELAY_SECONDS, LeadQueue
from forecourt.logs import get_logger

_log = get_logger("dynamics_delivery")

WORK_SECONDS = 20.0
"""For so long an invocation goes on after each connection's first round; then others have a turn,
and another message goes on with what is left."""

_SLEPT_SECONDS = 2.0
"""A wait this short is slept through; for a longer one a message comes back later."""


class DynamicsDelivery:
    """Delivers batches of wake-ups; one per sandbox, its threads and connections are kept.

    Parameters
    ----------
    ledger, queue, sink, vault, budget, breaker, alerts, metrics
        The ports; each has its own page.
    policy
        When what failed is tried again.
    on_step
        Told of every step, for tests that end the process there.
    clock
        Wall-clock seconds since the epoch; a sandbox that was frozen sees it in this.
    sleep
        Waits that many seconds.
    """

    def __init__(
        self,
        *,
        ledger: DynamicsLedger,
        queue: LeadQueue,
        sink: DynamicsSink,
        vault: ConnectionVault,
        budget: Budget,
        breaker: CircuitBreaker,
        alerts: Alerts,
        metrics: DeliveryMetrics,
        policy: RetryPolicy | None = None,
        on_step: OnStep = unwatched,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._policy = RetryPolicy() if policy is None else policy
        self._ledger = ledger
        self._queue = queue
        self._on_step = on_step
        self._sleep = sleep
        self._tally = Tally(metrics)
        self._breaker = BreakerWatch(breaker)
        connections = Connections(vault, sink, clock=clock)
        self._gate = Gate(ledger, connections, self._breaker, self._count_parked)
        self._rounds = Rounds(
            ledger=ledger,
            sink=sink,
            budget=budget,
            connections=connections,
            recorder=DynamicsRecorder(
                ledger=ledger,
                queue=queue,
                alerts=alerts,
                breaker=self._breaker,
                tally=self._tally,
                on_step=on_step,
                clock=clock,
                sleep=sleep,
            ),
            policy=self._policy,
            on_step=on_step,
            clock=clock,
        )

    def close(self) -> None:
        """End the kept threads."""
        self._rounds.close()

    def deliver_batch(
        self,
        messages: Sequence[QueuedMessage],
        *,
        worker: str,
        seconds_left: Callable[[], float] = lambda: 120.0,
    ) -> list[str]:
        """Push what is due of the connections a batch names; say which messages must come back.

        Parameters
        ----------
        messages
            At most ten; several may be about the same connection.
        worker
            Names this invocation in the attempts' rows.
        seconds_left
            How long the invocation may still run.

        Returns
        -------
        list of str
            Ids of the messages that are not done with. How soon each comes back is already set.
        """
        batch = Batch(messages)
        dealerships = self._read(batch)
        try:
            if dealerships:
                self._deliver(list(dealerships), worker, seconds_left)
            self._ledger.make_durable()
        except RetryableError as error:
            _log.error(
                "Batch interrupted, its messages come back",
                code=error.code,
                target=error.target,
                detail=error.detail,
            )
            self._tally.count("BatchesInterrupted")
        else:
            for about in dealerships.values():
                for message in about:
                    batch.settle(message)
        finally:
            self._breaker.free_trials()
        self._on_step(Step.ACKNOWLEDGING)
        returning = batch.open
        for message in returning:
            self._queue.hide(message, batch.wait_of(message))
        self._tally.hand_over()
        return [message.message_id for message in returning]

    def _read(self, batch: Batch) -> Mapping[int, list[QueuedMessage]]:
        """Give the messages by dealership; what is no wake-up goes to the dead-letter queue."""
        about: dict[int, list[QueuedMessage]] = {}
        for message in batch.open:
            try:
                read = parse_message(message.body)
                if not isinstance(read, WakeUpMessage):
                    raise _not_a_wake_up()
            except SkippableError as poison:
                self._bury(batch, message, poison)
            else:
                about.setdefault(read.dealership_id, []).append(message)
        return about

    def _bury(self, batch: Batch, message: QueuedMessage, reason: SkippableError) -> None:
        _log.error(
            "Message cannot be used and goes to the dead-letter queue",
            message_id=message.message_id,
            code=reason.code,
            detail=reason.detail,
        )
        try:
            self._queue.bury(message, reason.code, reason.detail)
        except ForecourtError as error:  # it comes back
            _log.error(
                "The dead-letter queue took no message",
                message_id=message.message_id,
                code=error.code,
                detail=error.detail,
            )
            return
        self._tally.count("DynamicsDeadLettered")
        batch.discard(message)

    def _deliver(
        self, dealerships: Sequence[int], worker: str, seconds_left: Callable[[], float]
    ) -> None:
        self._ledger.expire_leases(dealerships, self._policy.floors)
        admitted = self._gate.admit(self._ledger.look(dealerships))
        left_over = self._work_by_turns(admitted, worker, seconds_left)
        for dealership_id, wait in left_over.items():
            self._wake(dealership_id, wait)

    def _work_by_turns(
        self, admitted: Sequence[Work], worker: str, seconds_left: Callable[[], float]
    ) -> Mapping[int, float]:
        """Make a round of one connection after the other; give who is left, and for how long."""
        left_over: dict[int, float] = {}
        until = time.monotonic() + WORK_SECONDS
        turns = deque(admitted)
        in_vain = 0
        while turns:
            work = turns.popleft()
            is_over = work.rounds > 0 and time.monotonic() > until
            if is_over or seconds_left() < ROUND_SECONDS:
                left_over[work.dealership_id] = 0.0
                continue
            if work.rounds == 1 and work.has_backlog:
                self._wake(work.dealership_id, 0.0)  # another worker joins, and wakes the next
            end = self._rounds.run(work, worker, seconds_left)
            work.rounds += 1
            if end.wait > _SLEPT_SECONDS:
                left_over[work.dealership_id] = end.wait
                continue
            in_vain = in_vain + 1 if end.wait else 0
            if end.wait or end.more:
                turns.append(work)
            if in_vain and in_vain >= len(turns) and turns:
                self._sleep(end.wait)
                in_vain = 0
        return left_over

    def _wake(self, dealership_id: int, wait: float) -> None:
        """Let another message go on with what is left; else the sweeper sends one."""
        delay = min(ceil(wait), LONGEST_DELAY_SECONDS)
        wake_ups = self._ledger.wake_next(dealership_id, delay)
        if wake_ups and self._queue.send_wake_ups(wake_ups):
            _log.warning("The sweeper wakes this connection", dealership_id=dealership_id)
        self._on_step(Step.WOKEN)

    def _count_parked(self, deliveries: int) -> None:
        for _ in range(deliveries):
            self._tally.count("DynamicsParked")


def _not_a_wake_up() -> SkippableError:
    return SkippableError(
        code="MALFORMED_MESSAGE",
        detail="The message is no wake-up; nothing else belongs on this queue.",
        target="DynamicsQueue",
    )
