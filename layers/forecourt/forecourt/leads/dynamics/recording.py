"""Write outcomes of pushes down as they arrive, and do what follows from them for others."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forecourt.errors import ForecourtError, RetryableError
from forecourt.leads.breaker import OPEN_SECONDS, OPENS_AFTER, Evidence, Observation, Turn
from forecourt.leads.breaker_watch import BreakerWatch
from forecourt.leads.dynamics.ledger import DynamicsLedger, DynamicsRecorded, DynamicsReport
from forecourt.leads.dynamics.outcome import DynamicsOutcome, evidence_of, spare_trial
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.leads.outcome import DeliveryState, OutcomeKind
from forecourt.leads.recording import Alerts, persist
from forecourt.leads.retry import hold_after
from forecourt.leads.sink import Operation
from forecourt.leads.steps import OnStep, Step
from forecourt.leads.tally import Tally
from forecourt.leads.wake_ups import WakeUps
from forecourt.logs import get_logger
from forecourt.security.dynamics_connections import DynamicsConnection

_log = get_logger("dynamics_delivery")

_LONE_REFUSALS = 3
"""After so many in a day, with other leads sent in between, a refusal is the lead's own."""

_METRIC_OF = {
    OutcomeKind.DELIVERED: "DynamicsDelivered",
    OutcomeKind.RETRYABLE: "DynamicsRetried",
    OutcomeKind.PERMANENT: "DynamicsParked",
    OutcomeKind.UNKNOWN: "DynamicsRetried",
    OutcomeKind.AUTH: "DynamicsHeld",
    OutcomeKind.GIVEN_UP: "DynamicsRetried",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequences:
    """What recording did: to the breaker, and whether a lead is due again for a newer version."""

    turn: Turn | None
    due_again: bool


class DynamicsRecorder:
    """Records the outcomes of one connection's round and looks after its hold and breaker."""

    def __init__(
        self,
        *,
        ledger: DynamicsLedger,
        queue: WakeUps,
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
        self,
        connection: DynamicsConnection,
        reports: Sequence[DynamicsReport],
        seconds_left: Callable[[], float],
    ) -> Consequences:
        """Record outcomes of one connection, and say what followed from them.

        Raises
        ------
        RetryableError
            The database stayed away; the leases run out and everything is sent again.
        """
        reports = [self._as_its_own(report) for report in reports]
        try:
            recorded = persist(
                lambda: self._ledger.record(self._as_they_count(connection, reports)),
                seconds_left,
                self._sleep,
            )
        except RetryableError:
            for report in reports:
                _log.critical("Outcome could not be recorded", **_facts(report))
            raise
        self._on_step(Step.RECORDED)
        rows = {row.delivery_id: row for row in recorded}
        for report in reports:
            self._take_stock(report, rows.get(report.claim.delivery_id))
        self._end_hold(connection, reports, rows)
        return Consequences(
            turn=self._tell_breaker(connection, reports, rows),
            due_again=any(
                report.outcome.state is not DeliveryState.PENDING
                and (row := rows.get(report.claim.delivery_id)) is not None
                and row.state is DeliveryState.PENDING
                for report in reports
            ),
        )

    def _as_its_own(self, report: DynamicsReport) -> DynamicsReport:
        """Park a lead that may not be written while others of its connection may.

        Somebody in Dynamics owns it, say; it must not put the connection on hold for ever.
        """
        outcome = report.outcome
        if outcome.code != DynamicsReason.PRIVILEGE_MISSING or outcome.latency_ms is None:
            return report
        try:
            lone = self._ledger.count_lone_refusals(report.claim.delivery_id)
        except RetryableError:  # the next refusal tells
            return report
        if lone < _LONE_REFUSALS:
            return report
        parked = replace(
            outcome, kind=OutcomeKind.PERMANENT, state=DeliveryState.FAILED, burns=True
        )
        return replace(report, outcome=parked)

    def _as_they_count(
        self, connection: DynamicsConnection, reports: Sequence[DynamicsReport]
    ) -> list[DynamicsReport]:
        """Put a refused connection on hold; its leads wait for it and lose no tries."""
        wait: float | None = None
        counted = []
        for report in reports:
            outcome = report.outcome
            if self._breaker.is_trial(connection.environment_url):
                outcome = spare_trial(outcome)
            if outcome.kind is OutcomeKind.AUTH:
                if wait is None:
                    wait = self._hold(connection, outcome)
                outcome = replace(outcome, wait=wait)
            counted.append(replace(report, outcome=outcome))
        return counted

    def _hold(self, connection: DynamicsConnection, outcome: DynamicsOutcome) -> float:
        reason = (
            f"Dynamics cannot be used with the dealership's connection: {outcome.detail} Its "
            "leads wait and lose no tries; one tries again after 1, 2, 4 … 60 minutes. Saving a "
            "connection that works sends all at once."
        )
        wait = hold_after(self._ledger.count_refusals(connection.dealership_id) + 1)
        if not self._ledger.hold(connection, reason, wait):
            return 0.0  # another connection has been saved: try that at once
        _log.error(
            "Connection refused, on hold",
            dealership_id=connection.dealership_id,
            code=outcome.code,
            seconds=wait.total_seconds(),
        )
        return wait.total_seconds()

    def _take_stock(self, report: DynamicsReport, row: DynamicsRecorded | None) -> None:
        outcome = report.outcome
        if row is None:
            _log.critical("Outcome could not be recorded", **_facts(report))
            return
        if row.state is None:
            _log.error("The lead was deleted while it was being sent", **_facts(report))
        elif outcome.kind is not OutcomeKind.DELIVERED:
            _log.warning("Push did not succeed", **_facts(report))
        elif outcome.detail:
            _log.info("Some columns were left out", **_facts(report), left_out=outcome.detail)
        is_parked = outcome.state is DeliveryState.FAILED
        self._tally.count("DynamicsParked" if is_parked else _METRIC_OF[outcome.kind])
        if outcome.code == DynamicsReason.RATE_LIMITED:
            self._tally.count("DynamicsRateLimited")
        if outcome.latency_ms is not None and evidence_of(outcome) is not Evidence.NONE:
            self._tally.measure("DynamicsLatency", outcome.latency_ms)
        is_first = report.claim.operation is Operation.CREATE
        if is_first and outcome.kind is OutcomeKind.DELIVERED:
            seconds = self._clock() - report.claim.lead.received_at.timestamp()
            self._tally.measure("IntakeToDynamics", max(round(seconds * 1000), 0))

    def _end_hold(
        self,
        connection: DynamicsConnection,
        reports: Sequence[DynamicsReport],
        rows: Mapping[int, DynamicsRecorded],
    ) -> None:
        is_proven = any(
            report.outcome.kind is OutcomeKind.DELIVERED
            and report.outcome.called
            and (row := rows.get(report.claim.delivery_id)) is not None
            and row.on_hold
            for report in reports
        )
        if not is_proven:
            return
        try:
            released = self._ledger.release_held(connection)
        except RetryableError as error:  # the next success ends the hold
            _log.error("The hold could not be ended", code=error.code)
            return
        _log.info("Connection works, hold ended", dealership_id=connection.dealership_id)
        self._queue.send_wake_ups(released)

    def _tell_breaker(
        self,
        connection: DynamicsConnection,
        reports: Sequence[DynamicsReport],
        rows: Mapping[int, DynamicsRecorded],
    ) -> Turn | None:
        observations = [
            Observation(
                evidence=evidence_of(report.outcome),
                dealership_id=connection.dealership_id,
                begun_at=row.claimed_at if row is not None else None,
            )
            for report in reports
            for row in (rows.get(report.claim.delivery_id),)
        ]
        is_counting = any(row.breaker_counts for row in rows.values())
        address = connection.environment_url
        turn = self._breaker.tell(address, observations, is_counting=is_counting)
        if turn is Turn.OPENED:
            _log.error("Circuit breaker opened", environment=address)
            self._tally.count("BreakerOpened")
            self._publish(
                f"Forecourt: Dynamics ({address}) does not answer",
                f"{OPENS_AFTER} calls in a row to {address} failed. Leads are kept and lose no "
                f"tries. Every {OPEN_SECONDS:.0f} seconds one call tries whether it is back; "
                "another message will say so.",
            )
        elif turn is Turn.CLOSED:
            _log.warning("Circuit breaker closed", environment=address)
            self._publish(
                f"Forecourt: Dynamics ({address}) answers again",
                "The leads that waited for it are being sent. There is nothing to do.",
            )
        return turn

    def _publish(self, subject: str, text: str) -> None:
        try:
            self._alerts.publish(subject, text)
        except ForecourtError as error:
            _log.error("The alert could not be sent", code=error.code, detail=error.detail)


def _facts(report: DynamicsReport) -> dict[str, Any]:
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
        "record_id": str(outcome.receipt.remote_id) if outcome.receipt is not None else None,
    }
