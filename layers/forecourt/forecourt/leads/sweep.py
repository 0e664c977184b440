"""Keep deliveries going that no message is on its way for (design 5.1.5).

The ledger says what is due; the queue only wakes. So whatever a crash, a lost message or an absent
queue left behind is found here, every minute: due deliveries, due probes, leases of workers that
died, leads nobody was told of. Waking is rationed, so that a dealership whose thousands of leads
come due at once neither floods the vendor nor delays another dealership's one.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import batched
from typing import Protocol

from forecourt.errors import RetryableError
from forecourt.leads.announcements import AcceptedLead, AnnouncementLog, LeadEvents, announce
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.wake_ups import WakeUp, WakeUps
from forecourt.logs import get_logger

_log = get_logger("delivery_sweeper")

LONGEST_RUN_SECONDS = 55.0
"""The next run begins after a minute."""

TOP_UP_SECONDS = 1.0

RESERVE_SECONDS = 20.0
"""Kept back for a request to the queue that gets no answer: three tries of 7 s."""

_SENT_AT_ONCE = 10


class SweepLedger(AnnouncementLog, Protocol):
    """What the ledger shows and notes; each method is one short transaction.

    All but :meth:`gauges` read and change a few hundred rows at most, however many there are.
    RetryableError when the database is away.
    """

    def free_expired(self, floors: Sequence[float]) -> int:
        """Free deliveries whose lease has run out; says how many.

        As :meth:`forecourt.leads.ledger.DeliveryLedger.expire_leases`.
        """
        ...

    def return_forgotten(self) -> int:
        """Make due what stayed parked for want of credentials that are there; says how many.

        Saving credentials releases it in a transaction of its own, which a crash may prevent.
        """
        ...

    def wake_due(self) -> Sequence[WakeUp]:
        """Choose due deliveries that no message is on its way for, and note that one is.

        At most 200 are woken and untried at once, and ten of one dealership; dealerships take
        turns, and each gives its oldest first. None of a dealership on hold or of an environment
        whose breaker is open; one where either waits for a trial.
        """
        ...

    def wake_dynamics(self) -> Sequence[WakeUp]:
        """As :meth:`wake_due`, of deliveries to Dynamics, with limits of their own.

        None of a connection that is switched off, nor of one whose application user was asked to
        be silent.
        """
        ...

    def wake_probes(self) -> Sequence[WakeUp]:
        """Choose one due unconfirmed delivery per account, and note that a message is coming."""
        ...

    def forget_woken(self, delivery_ids: Collection[int]) -> None:
        """Take back that a message is on its way."""
        ...

    def awaits_waking(self, seconds: float) -> bool:
        """Tell whether something will want to be woken or freed before that long."""
        ...

    def unannounced(self) -> Sequence[AcceptedLead]:
        """Show leads that were stored a while ago and never announced."""
        ...

    def gauges(self) -> Mapping[str, float]:
        """Count what an operator should see, by metric name."""
        ...


class SweepMetrics(Protocol):
    """Where gauges go."""

    def swept(self, gauges: Mapping[str, float]) -> None:
        """Take one run's gauges by metric name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep did.

    Parameters
    ----------
    freed
        Leases that had run out.
    returned
        Deliveries parked for want of credentials that had been saved all the same.
    woken, probes
        Due deliveries, and accounts to be probed, that a message was sent for.
    announced
        Leads whose ``lead.accepted`` was published late.
    interrupted
        Whether the database or the queue was away; the next run goes on.
    """

    freed: int = 0
    returned: int = 0
    woken: int = 0
    probes: int = 0
    announced: int = 0
    interrupted: bool = False

    def __add__(self, other: "Swept") -> "Swept":
        """Add up two sweeps."""
        return Swept(
            freed=self.freed + other.freed,
            returned=self.returned + other.returned,
            woken=self.woken + other.woken,
            probes=self.probes + other.probes,
            announced=self.announced + other.announced,
            interrupted=self.interrupted or other.interrupted,
        )


class DeliverySweeper:
    """Sweeps the ledger; two at once do no harm.

    Parameters
    ----------
    ledger, queue, events, metrics
        The ports.
    policy
        When an update is tried again whose worker died.
    clock, sleep
        Seconds that only go forward, and a wait of so many.
    """

    def __init__(
        self,
        *,
        ledger: SweepLedger,
        queue: WakeUps,
        events: LeadEvents,
        metrics: SweepMetrics,
        policy: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._events = events
        self._metrics = metrics
        self._policy = RetryPolicy() if policy is None else policy
        self._clock = clock
        self._sleep = sleep

    def run(self, seconds_left: float = LONGEST_RUN_SECONDS + RESERVE_SECONDS) -> Swept:
        """Sweep every second until nothing is due or the run's time is over.

        Parameters
        ----------
        seconds_left
            How long the invocation may last; a run takes 55 s at most.
        """
        ends_at = self._clock() + min(seconds_left - RESERVE_SECONDS, LONGEST_RUN_SECONDS)
        total = Swept()
        try:
            self._metrics.swept(self._ledger.gauges())
            total += Swept(returned=self._ledger.return_forgotten())
            while True:
                total += self.sweep_once()
                left = ends_at - self._clock()
                if total.interrupted or left < TOP_UP_SECONDS:
                    break
                if not self._ledger.awaits_waking(left):
                    break
                self._sleep(TOP_UP_SECONDS)
        except RetryableError as error:
            total += _interrupted(error)
        if total != Swept():
            _log.info("Sweep ended", **asdict(total))
        return total

    def sweep_once(self) -> Swept:
        """Do one bounded round: free, wake, announce."""
        swept = Swept()
        try:
            swept += Swept(freed=self._ledger.free_expired(self._policy.floors))
            due = self._ledger.wake_due()
            swept += Swept(woken=len(due))
            probes = self._ledger.wake_probes()
            unsent = self._send([*due, *probes])
            swept += Swept(probes=len(probes), interrupted=unsent > 0)
            elsewhere = self._ledger.wake_dynamics()
            unsent = self._send(elsewhere)
            swept += Swept(woken=len(elsewhere), interrupted=unsent > 0)
            late = announce(self._ledger.unannounced(), self._events, self._ledger)
            swept += Swept(announced=late)
        except RetryableError as error:
            swept += _interrupted(error)
        return swept

    def _send(self, wake_ups: Sequence[WakeUp]) -> int:
        """Send wake-ups until the queue refuses some; says how many are not sent.

        Those count as asleep again. Where even that cannot be noted, the note runs out by itself.
        """
        sent = 0
        for chunk in batched(wake_ups, _SENT_AT_ONCE, strict=False):
            unsent = self._queue.send_wake_ups(chunk)
            if unsent:
                left = [*unsent, *wake_ups[sent + len(chunk) :]]
                self._ledger.forget_woken([wake_up.delivery_id for wake_up in left])
                return len(left)
            sent += len(chunk)
        return 0


def _interrupted(error: RetryableError) -> Swept:
    _log.error(
        "Sweep interrupted, the next one goes on",
        code=error.code,
        target=error.target,
        detail=error.detail,
    )
    return Swept(interrupted=True)
