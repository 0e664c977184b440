"""Write outcomes down as they arrive, and do what follows from them for others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from forecourt.errors import ForecourtError, RetryableError
from forecourt.leads.breaker import OPEN_SECONDS, OPENS_AFTER, Evidence, Turn, evidence_of
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.ledger import DeliveryLedger, Recorded, Report
from forecourt.leads.outcome import DeliveryState, Outcome, OutcomeKind
from forecourt.leads.retry import hold_after
from forecourt.leads.sink import Operation
from forecourt.leads.steps import OnStep, Step
from forecourt.leads.tally import Tally
from forecourt.leads.wake_ups import LeadQueue
from forecourt.logs import get_logger
from forecourt.security.credentials import Environment

_log = get_logger("lead_delivery")

_PAUSES = (0.1, 0.4, 1.0, 2.0, 3.0)
"""Seconds between tries to record: a failover or a cut connection is often over by then, and what
cannot be recorded becomes an unconfirmed lead."""

_ONE_TRY_SECONDS = 9.0
"""What a try can take, its connecting among it, and what the end of the batch needs after it."""

_METRIC_OF = {
    OutcomeKind.DELIVERED: "LeadsDelivered",
    OutcomeKind.RETRYABLE: "LeadsRetried",
    OutcomeKind.PERMANENT: "LeadsParked",
    OutcomeKind.UNKNOWN: "LeadsOfUnknownOutcome",
    OutcomeKind.AUTH: "LeadsHeld",
    OutcomeKind.GIVEN_UP: "ClaimsGivenUp",
}


def persist[T](
    write: Callable[[], T], seconds_left: Callable[[], float], sleep: Callable[[float], None]
) -> T:
    """Write outcomes down, again and again while the database is away and time is left.

    Raises
    ------
    RetryableError
        The database stayed away.
    """
    for pause in _PAUSES:
        try:
            return write()
        except RetryableError as error:
            if seconds_left() < pause + _ONE_TRY_SECONDS:
                raise
            _log.warning("The ledger is away, trying again", code=error.code)
            sleep(pause)
    return write()


class Alerts(Protocol):
    """Where people are told what they should act on."""

    def publish(self, subject: str, text: str) -> None:
        """Send one alert."""
        ...


class Recorder:
    """Records outcomes and looks after holds, breakers, duplicates and numbers."""

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        queue: LeadQueue,
        alerts: Alerts,
        breaker: BreakerWatch,
        tally: Tally,
        on_step: OnStep,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._alerts = alerts
        self._breaker = breaker
        self._tally = tally
        self._on_step = on_step
        self._clock = clock
        self._sleep = sleep

    def record(
        self, reports: Sequence[Report], seconds_left: Callable[[], float]
    ) -> Sequence[Recorded]:
        """Record outcomes and give back where their deliveries stand.

        ``seconds_left`` is how long the invocation may still run; no try begins that might outlive
        it.

        Raises
        ------
        RetryableError
            The database stayed away; the leases run out and are looked after then.
        """
        try:
            recorded = persist(
                lambda: self._ledger.record(self._as_they_count(reports)),
                seconds_left,
                self._sleep,
            )
        except RetryableError:
            for report in reports:
                _log.critical("Outcome could not be recorded", **_facts(report))
            raise
        self._on_step(Step.RECORDED)
        by_delivery = {row.delivery_id: row for row in recorded}
        for report in reports:
            if report.claim.delivery_id not in by_delivery:
                _log.critical("Outcome could not be recorded", **_facts(report))
                continue
            row = by_delivery[report.claim.delivery_id]
            if row.state is None:
                _log.error("The lead was deleted while it was being sent", **_facts(report))
            elif report.outcome.kind is not OutcomeKind.DELIVERED:
                _log.warning("Delivery did not succeed", **_facts(report))
            self._take_stock(report)
            if row.duplicate_of is not None:
                self._tell_of_duplicate(report, row.duplicate_of)
        self._release(reports, by_delivery)
        for environment, turn in self._breaker.observe(reports, by_delivery).items():
            self._tell_of_breaker(environment, turn, reports)
        return recorded

    def _take_stock(self, report: Report) -> None:
        outcome, lead = report.outcome, report.claim.lead
        is_parked = outcome.state is DeliveryState.FAILED
        self._tally.count("LeadsParked" if is_parked else _METRIC_OF[outcome.kind])
        if outcome.latency_ms is not None and evidence_of(outcome) is not Evidence.NONE:
            self._tally.measure("VendorLatency", outcome.latency_ms)
        is_first = report.claim.operation is Operation.CREATE
        if is_first and outcome.kind is OutcomeKind.DELIVERED:
            seconds = self._clock() - lead.received_at.timestamp()
            self._tally.measure("IntakeToDelivered", max(round(seconds * 1000), 0))

    def _as_they_count(self, reports: Sequence[Report]) -> list[Report]:
        """Put the dealerships whose credentials were refused on hold; their leads wait for it.

        A delivery that only tried whether the CRM is back loses no try.
        """
        waits: dict[tuple[int, str], float] = {}
        counted = []
        for report in reports:
            outcome = self._breaker.spare(report)
            if outcome.kind is OutcomeKind.AUTH:
                key = (report.claim.lead.dealership_id, report.account.stamp)
                if key not in waits:
                    waits[key] = self._hold(*key, outcome)
                outcome = replace(outcome, wait=waits[key])
            counted.append(replace(report, outcome=outcome))
        return counted

    def _hold(self, dealership_id: int, stamp: str, outcome: Outcome) -> float:
        reason = (
            f"EasyCars refuses the dealership's credentials ({outcome.detail}). Its leads wait and "
            "lose no tries; one tries again after 1, 2, 4 … 60 minutes. Saving credentials that "
            "work sends all at once."
        )
        wait = hold_after(self._ledger.count_refusals(dealership_id) + 1)
        if not self._ledger.hold(dealership_id, stamp, reason, wait):
            return 0.0  # other credentials have been saved: try those at once
        _log.error(
            "Credentials refused, dealership on hold",
            dealership_id=dealership_id,
            seconds=wait.total_seconds(),
        )
        return wait.total_seconds()

    def _release(self, reports: Sequence[Report], rows: Mapping[int, Recorded]) -> None:
        proven = {
            (report.claim.lead.dealership_id, report.account.stamp)
            for report in reports
            if report.outcome.kind is OutcomeKind.DELIVERED
            and report.outcome.called
            and (row := rows.get(report.claim.delivery_id)) is not None
            and row.on_hold
        }
        for dealership_id, stamp in sorted(proven):
            try:
                released = self._ledger.release_held(dealership_id, stamp)
            except RetryableError as error:  # the next success ends the hold
                _log.error("The hold could not be ended", code=error.code)
                continue
            if released:
                _log.info("Credentials work, hold ended", dealership_id=dealership_id)
            self._queue.send_wake_ups(released)

    def _tell_of_duplicate(self, report: Report, first: str) -> None:
        receipt = report.outcome.receipt
        second = receipt.lead_number if receipt is not None else None
        lead = report.claim.lead
        _log.error("DUPLICATE_IN_EASYCARS", **_facts(report), first_number=first)
        self._tally.count("DuplicatesInEasyCars")
        self._publish(
            "Forecourt: DUPLICATE_IN_EASYCARS",
            f"Lead {lead.external_id} of dealership {lead.dealership_id} is in EasyCars as "
            f"number {first} and again as {second}. Delete the second one there.",
        )

    def _tell_of_breaker(
        self, environment: Environment, turn: Turn, reports: Sequence[Report]
    ) -> None:
        if turn is Turn.OPENED:
            last = next(
                report.outcome.code
                for report in reversed(reports)
                if report.account.credentials.environment is environment
                and evidence_of(report.outcome) in {Evidence.DOWN, Evidence.TROUBLED}
            )
            _log.error("Circuit breaker opened", environment=environment, last_code=last)
            self._tally.count("BreakerOpened")
            self._publish(
                f"Forecourt: EasyCars ({environment}) does not answer",
                f"{OPENS_AFTER} calls in a row to EasyCars ({environment}) failed, the last with "
                f"{last}. Leads are kept and lose no tries. Every {OPEN_SECONDS:.0f} seconds one "
                "call tries whether EasyCars is back; another message will say so.",
            )
        elif turn is Turn.CLOSED:
            _log.warning("Circuit breaker closed", environment=environment)
            self._publish(
                f"Forecourt: EasyCars ({environment}) answers again",
                "The leads that waited for it are being sent. There is nothing to do.",
            )
        elif turn is Turn.STAYS_OPEN:
            _log.info("The vendor is still away", environment=environment)

    def _publish(self, subject: str, text: str) -> None:
        try:
            self._alerts.publish(subject, text)
        except ForecourtError as error:
            _log.error("The alert could not be sent", code=error.code, detail=error.detail)


def _facts(report: Report) -> dict[str, Any]:
    outcome, claim = report.outcome, report.claim
    return {
        "delivery_id": claim.delivery_id,
        "lead_id": str(claim.lead.external_id),
        "dealership_id": claim.lead.dealership_id,
        "operation": claim.operation.value,
        "outcome": outcome.kind.value,
        "code": outcome.code,
        "attempts": claim.attempts,
        "latency_ms": outcome.latency_ms,
        "lead_number": outcome.receipt.lead_number if outcome.receipt is not None else None,
    }
