"""Deliver the leads of a queue batch: store, claim, call, record (design 5.1, items 1 to 5).

Each step is one commit, and between any two of them the process may die. Once the ledger has a
lead on disk its message has done its work: whatever is pending and due and that no message is on
its way for, the sweeper wakes (:mod:`forecourt.leads.sweep`). So messages only come back while the
database is away or where this invocation had no time for them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from math import ceil
from typing import Protocol

from forecourt.errors import ForecourtError, RetryableError, SkippableError
from forecourt.leads.accounts import Account, Accounts, CredentialVault
from forecourt.leads.announcements import AcceptedLead, LeadEvents, announce
from forecourt.leads.batch import Batch
from forecourt.leads.breaker import CircuitBreaker
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.calls import VendorCalls
from forecourt.leads.gate import Admission, Gate
from forecourt.leads.ledger import (
    Claim,
    ClaimRequest,
    DeliveryLedger,
    DeliveryView,
    Report,
)
from forecourt.leads.message import QueuedMessage
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.preparation import Preparation
from forecourt.leads.reception import Intake, Reception
from forecourt.leads.recording import Alerts, Recorder
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import LeadSink
from forecourt.leads.steps import OnStep, Step, unwatched
from forecourt.leads.tally import DeliveryMetrics, Tally
from forecourt.leads.wake_ups import LONGEST_DELAY_SECONDS, LeadQueue, WakeUp, WakeUps
from forecourt.logs import get_logger

_log = get_logger("lead_delivery")

_RESERVE_SECONDS = 12.0
"""Kept back from the vendor's time, to record what became of the calls."""

_LEAST_SECONDS = 10.0 + 30.0 + _RESERVE_SECONDS
"""With less time than this left nothing is claimed: a token, an answer, and what is kept back."""

_PROBING_SECONDS = 60.0
_LEAST_PROBING_SECONDS = 10.0

_LEAST_ANNOUNCING_SECONDS = 11.0
"""Three tries of 3 s at a topic that gives no answer, and the pauses between them."""


class Prober(Protocol):
    """Finds out what became of creates whose answer was lost (design 5.1.4)."""

    def pass_for(self, views: Sequence[DeliveryView], *, seconds: float) -> None:
        """Look for the unconfirmed leads of these leads' accounts, for at most that long.

        Raises
        ------
        ForecourtError
            The database or the vendor is away; the leads stay unconfirmed and due.
        """
        ...


class LeadDelivery:
    """Delivers batches of messages; one per sandbox, its threads and connections are kept.

    Parameters
    ----------
    ledger, queue, sink, vault, breaker, alerts, events, metrics
        The ports; each has its own page.
    elsewhere
        Where wake-ups of deliveries to other CRMs go.
    policy
        When what failed is tried again.
    prober
        Looks for creates of unknown outcome; without it they wait.
    on_step
        Told of every step, for tests that end the process there.
    clock
        Wall-clock seconds since the epoch; a sandbox that was frozen sees it in this.
    sleep
        Waits that many seconds between two tries to record.
    """

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        queue: LeadQueue,
        sink: LeadSink,
        vault: CredentialVault,
        breaker: CircuitBreaker,
        alerts: Alerts,
        events: LeadEvents,
        metrics: DeliveryMetrics,
        elsewhere: WakeUps,
        policy: RetryPolicy | None = None,
        prober: Prober | None = None,
        on_step: OnStep = unwatched,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        policy = RetryPolicy() if policy is None else policy
        self._ledger = ledger
        self._queue = queue
        self._elsewhere = elsewhere
        self._policy = policy
        self._prober = prober
        self._on_step = on_step
        self._clock = clock
        self._tally = Tally(metrics)
        self._breaker = BreakerWatch(breaker)
        self._gate = Gate(ledger, Accounts(vault), self._breaker)
        self._events = events
        self._preparation = Preparation(ledger, sink, policy, self._interrupted)
        self._calls = VendorCalls(sink, policy, on_step)
        self._reception = Reception(ledger, queue, self._tally.count)
        self._recorder = Recorder(
            ledger=ledger,
            queue=queue,
            alerts=alerts,
            breaker=self._breaker,
            tally=self._tally,
            on_step=on_step,
            clock=clock,
            sleep=sleep,
        )

    def close(self) -> None:
        """End the kept threads."""
        self._calls.close()

    def deliver_batch(
        self,
        messages: Sequence[QueuedMessage],
        *,
        worker: str,
        seconds_left: Callable[[], float] = lambda: 120.0,
    ) -> list[str]:
        """Deliver what a batch asks for, and say which messages must come back.

        Parameters
        ----------
        messages
            At most ten; several may be about the same lead.
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
        accepted: Sequence[AcceptedLead] = ()
        try:
            intake = self._reception.take_in(batch)
            accepted = intake.accepted
            self._on_step(Step.STORED)
            self._wake_elsewhere(intake.elsewhere)
            self._deliver(batch, intake, worker, seconds_left)
        except RetryableError as error:
            self._interrupted(error)
        finally:
            self._breaker.free_trials()
        try:
            self._ledger.make_durable()
            self._announce(accepted, seconds_left)
        except RetryableError as error:
            self._interrupted(error)
            batch.reopen()
        self._on_step(Step.ACKNOWLEDGING)
        returning = batch.open
        for message in returning:
            self._queue.hide(message, batch.wait_of(message))
        self._tally.hand_over()
        return [message.message_id for message in returning]

    def _wake_elsewhere(self, wake_ups: Sequence[WakeUp]) -> None:
        """Wake who brings new leads to other CRMs; what the queue does not take, the sweeper does.

        A message about a lead that is not on disk yet does no harm: whoever gets it looks.
        """
        unsent = self._elsewhere.send_wake_ups(wake_ups) if wake_ups else ()
        if unsent:
            _log.warning(
                "The sweeper wakes these deliveries", delivery_ids=[w.delivery_id for w in unsent]
            )

    def _announce(
        self, accepted: Sequence[AcceptedLead], seconds_left: Callable[[], float]
    ) -> None:
        """Publish that leads were accepted, now that they are on disk; else the sweeper does."""
        if accepted and seconds_left() >= _LEAST_ANNOUNCING_SECONDS:
            announce(accepted, self._events, self._ledger)
            self._on_step(Step.ANNOUNCED)

    def _interrupted(self, error: RetryableError) -> None:
        _log.error(
            "Batch interrupted, its messages come back",
            code=error.code,
            target=error.target,
            detail=error.detail,
        )
        self._tally.count("BatchesInterrupted")

    def _deliver(
        self, batch: Batch, intake: Intake, worker: str, seconds_left: Callable[[], float]
    ) -> None:
        views = self._look(batch, intake)
        self._push(batch, self._sort(batch, views), worker, seconds_left)
        self._probe([view for view in views if _may_be_probed(view)], seconds_left)

    def _probe(self, views: Sequence[DeliveryView], seconds_left: Callable[[], float]) -> None:
        """Look for leads of unknown outcome, in what is left of the vendor's time."""
        seconds = min(seconds_left() - _RESERVE_SECONDS, _PROBING_SECONDS)
        if self._prober is None or not views or seconds < _LEAST_PROBING_SECONDS:
            return
        try:
            self._prober.pass_for(views, seconds=seconds)
        except ForecourtError as error:  # they stay due, and the sweeper asks again
            _log.warning(
                "Probing stopped", code=error.code, target=error.target, detail=error.detail
            )

    def _push(
        self,
        batch: Batch,
        due: Sequence[DeliveryView],
        worker: str,
        seconds_left: Callable[[], float],
    ) -> None:
        """Claim what is due, call the vendor, record."""
        if not due or seconds_left() < _LEAST_SECONDS:
            return
        admission = self._gate.admit(due)
        for _ in admission.parked:
            self._tally.count("LeadsParked")
        let_through = {view.delivery_id for view, _ in admission.open}
        for view in due:
            if view.delivery_id not in let_through:
                batch.settle_lead(view.external_id)
        if seconds_left() < _LEAST_SECONDS:  # reading credentials can take long
            return
        claimed_at = self._clock()
        claims = self._claim(batch, admission, worker)
        self._on_step(Step.CLAIMED)
        made: list[Report] = []
        calls = self._preparation.make_calls(batch, claims, claimed_at, made)
        with closing(self._calls.make(calls, seconds_left() - _RESERVE_SECONDS)) as arrivals:
            self._report_arrivals(batch, arrivals, made, seconds_left)

    def _look(self, batch: Batch, intake: Intake) -> list[DeliveryView]:
        """Read where the leads' deliveries stand, once expired leases are freed."""
        leads = intake.others
        found = self._ledger.look(leads) if leads else {}
        expired = [view.delivery_id for view in found.values() if view and _has_expired(view)]
        if expired:
            _log.warning("A worker died with these deliveries", delivery_ids=expired)
            self._ledger.expire_leases(expired, self._policy.floors)
            found = self._ledger.look(leads)
        for lead, dealership_id in leads:
            if lead not in found:
                detail = f"Dealership {dealership_id} has no lead {lead}."
                reason = SkippableError(code="UNKNOWN_LEAD", detail=detail, target="LeadsQueue")
                self._reception.bury_lead(batch, lead, reason)
        views = {**intake.new, **found}
        for lead, view in views.items():
            if view is None:
                batch.settle_lead(lead)
        return [view for view in views.values() if view is not None]

    def _sort(self, batch: Batch, views: Sequence[DeliveryView]) -> list[DeliveryView]:
        """Settle what has ended, waits or is somebody else's; give back what is due."""
        due: list[DeliveryView] = []
        for view in views:
            if view.state is DeliveryState.PENDING and view.due_in <= 0:
                due.append(view)
            else:
                batch.settle_lead(view.external_id)
        return due

    def _claim(
        self, batch: Batch, admission: Admission, worker: str
    ) -> Sequence[tuple[Claim, Account]]:
        if not admission.open:
            return ()
        accounts = {view.delivery_id: account for view, account in admission.open}
        claims = self._ledger.claim(
            [
                ClaimRequest(
                    delivery_id=name,
                    account_scope=account.credentials.account_scope,
                    lead_source=account.credentials.lead_source,
                )
                for name, account in accounts.items()
            ],
            worker,
        )
        won = {claim.delivery_id for claim in claims}
        for view, _ in admission.open:
            if view.delivery_id not in won:
                batch.settle_lead(view.external_id)
        return [(claim, accounts[claim.delivery_id]) for claim in claims]

    def _report_arrivals(
        self,
        batch: Batch,
        arrivals: Iterable[Sequence[Report]],
        made: list[Report],
        seconds_left: Callable[[], float],
    ) -> None:
        """Record outcomes as they arrive; what the ledger did not take, once more at the end."""
        is_away = False
        for arrived in arrivals:
            made.extend(arrived)
            if is_away:
                continue
            try:
                self._report(batch, made, seconds_left)
            except RetryableError:
                is_away = True
            else:
                made.clear()
        self._report(batch, made, seconds_left)

    def _report(
        self, batch: Batch, reports: Sequence[Report], seconds_left: Callable[[], float]
    ) -> None:
        """Record outcomes, then send wake-ups for retries that are due before long."""
        if not reports:
            return
        leads = {report.claim.delivery_id: report.claim.lead for report in reports}
        wake_ups = []
        for row in self._recorder.record(reports, seconds_left):
            lead = leads[row.delivery_id]
            if row.state is DeliveryState.PENDING and row.due_in <= LONGEST_DELAY_SECONDS:
                wake_ups.append(
                    WakeUp(
                        delivery_id=row.delivery_id,
                        external_id=lead.external_id,
                        dealership_id=lead.dealership_id,
                        delay=_delay(row.due_in),
                    )
                )
            else:
                batch.settle_lead(lead.external_id)
        self._wake(batch, wake_ups)

    def _wake(self, batch: Batch, wake_ups: Sequence[WakeUp]) -> None:
        """Send wake-ups; a message takes the place of one that cannot be sent."""
        if not wake_ups:
            return
        unsent = set(self._queue.send_wake_ups(wake_ups))
        self._on_step(Step.WOKEN)
        for wake_up in wake_ups:
            if wake_up in unsent:
                batch.give_back(wake_up.external_id, wake_up.delay)
            else:
                batch.settle_lead(wake_up.external_id)
        self._ledger.note_woken([wake_up.delivery_id for wake_up in wake_ups])


def _may_be_probed(view: DeliveryView) -> bool:
    return view.state is DeliveryState.UNCONFIRMED and view.due_in <= 0


def _has_expired(view: DeliveryView) -> bool:
    return view.state is DeliveryState.IN_PROGRESS and view.lease_left <= 0


def _delay(seconds: float) -> int:
    """Round up, so that a wake-up is never early, to at most what the queue can delay."""
    return min(max(ceil(seconds), 0), LONGEST_DELAY_SECONDS)
