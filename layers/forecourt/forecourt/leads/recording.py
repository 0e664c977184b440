"""Write outcomes down as they arrive, and do what follows from them for others."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from forecourt.errors import ForecourtError, RetryableError
from forecourt.leads.ledger import DeliveryLedger, Recorded, Report
from forecourt.leads.outcome import OutcomeKind
from forecourt.leads.retry import hold_after
from forecourt.leads.steps import OnStep, Step
from forecourt.leads.wake_ups import LeadQueue
from forecourt.logs import get_logger

_log = get_logger("lead_delivery")

_PAUSES = (0.1, 0.4, 1.0, 2.0, 3.0)
"""Seconds between tries to record: a failover or a cut connection is often over by then, and what
cannot be recorded becomes an unconfirmed lead."""

_METRIC_OF = {
    OutcomeKind.DELIVERED: "LeadsDelivered",
    OutcomeKind.RETRYABLE: "LeadsRetried",
    OutcomeKind.PERMANENT: "LeadsParked",
    OutcomeKind.UNKNOWN: "LeadsOfUnknownOutcome",
    OutcomeKind.AUTH: "LeadsHeld",
    OutcomeKind.GIVEN_UP: "ClaimsGivenUp",
}


class Alerts(Protocol):
    """Where people are told what they should act on."""

    def publish(self, subject: str, text: str) -> None:
        """Send one alert."""
        ...


class Recorder:
    """Records outcomes and looks after holds, duplicates and counts."""

    def __init__(
        self,
        *,
        ledger: DeliveryLedger,
        queue: LeadQueue,
        alerts: Alerts,
        count: Callable[[str], None],
        on_step: OnStep,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._alerts = alerts
        self._count = count
        self._on_step = on_step
        self._sleep = sleep

    def record(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        """Record outcomes and give back where their deliveries stand.

        Raises
        ------
        RetryableError
            The database stayed away; the leases run out and are looked after then.
        """
        try:
            recorded = self._persist(reports)
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
            if report.outcome.kind is not OutcomeKind.DELIVERED:
                _log.warning("Delivery did not succeed", **_facts(report))
            self._count(_METRIC_OF[report.outcome.kind])
            row = by_delivery[report.claim.delivery_id]
            if row.duplicate_of is not None:
                self._tell_of_duplicate(report, row.duplicate_of)
        self._release(reports, by_delivery)
        return recorded

    def _persist(self, reports: Sequence[Report]) -> Sequence[Recorded]:
        for pause in _PAUSES:
            try:
                return self._ledger.record(self._with_holds(reports))
            except RetryableError as error:
                _log.warning("The ledger is away, trying again", code=error.code)
                self._sleep(pause)
        return self._ledger.record(self._with_holds(reports))

    def _with_holds(self, reports: Sequence[Report]) -> list[Report]:
        """Put the dealerships whose credentials were refused on hold; their leads wait for it."""
        waits: dict[tuple[int, str], float] = {}
        held = []
        for report in reports:
            outcome = report.outcome
            if outcome.kind is OutcomeKind.AUTH:
                key = (report.claim.lead.dealership_id, report.account.stamp)
                if key not in waits:
                    waits[key] = self._hold(*key, reason=outcome.detail or "")
                outcome = replace(outcome, wait=waits[key])
            held.append(replace(report, outcome=outcome))
        return held

    def _hold(self, dealership_id: int, stamp: str, *, reason: str) -> float:
        wait = hold_after(self._ledger.count_refusals(dealership_id) + 1)
        if not self._ledger.hold(dealership_id, stamp, reason, wait):
            return 0.0  # other credentials have been saved: try those at once
        _log.error(
            "Credentials refused, dealership on hold",
            dealership_id=dealership_id,
            seconds=wait.total_seconds(),
        )
        return wait.total_seconds()

    def _release(self, reports: Sequence[Report], rows: dict[int, Recorded]) -> None:
        proven = {
            report.claim.lead.dealership_id
            for report in reports
            if report.outcome.kind is OutcomeKind.DELIVERED
            and report.outcome.called
            and (row := rows.get(report.claim.delivery_id)) is not None
            and row.on_hold
        }
        for dealership_id in sorted(proven):
            _log.info("Credentials work again, hold ended", dealership_id=dealership_id)
            try:
                released = self._ledger.release_held(dealership_id)
            except RetryableError as error:  # the next success ends the hold
                _log.error("The hold could not be ended", code=error.code)
                continue
            self._queue.send_wake_ups(released)

    def _tell_of_duplicate(self, report: Report, first: str) -> None:
        receipt = report.outcome.receipt
        second = receipt.lead_number if receipt is not None else None
        lead = report.claim.lead
        _log.error("DUPLICATE_IN_EASYCARS", **_facts(report), first_number=first)
        self._count("DuplicatesInEasyCars")
        try:
            self._alerts.publish(
                "Forecourt: DUPLICATE_IN_EASYCARS",
                f"Lead {lead.external_id} of dealership {lead.dealership_id} is in EasyCars as "
                f"number {first} and again as {second}. Delete the second one there.",
            )
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
