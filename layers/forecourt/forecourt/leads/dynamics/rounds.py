"""One round of pushes of one connection: permits, claims, calls side by side, records."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from forecourt.errors import ForecourtError, OutcomeUnknownError, PermanentError, RetryableError
from forecourt.leads.calls import WRITE_WITHIN_SECONDS
from forecourt.leads.dynamics.budget import Budget
from forecourt.leads.dynamics.connections import Connections
from forecourt.leads.dynamics.gate import Work
from forecourt.leads.dynamics.ledger import DynamicsClaim, DynamicsLedger, DynamicsReport
from forecourt.leads.dynamics.outcome import (
    MAPPING_FAULTS,
    WRITE_WINDOW_CLOSED,
    DynamicsOutcome,
    could_not_begin,
    failed,
    nothing_to_do,
    renewing,
    succeeded,
)
from forecourt.leads.dynamics.recording import DynamicsRecorder
from forecourt.leads.dynamics.round_notes import RoundEnd, RoundNotes
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsSink, Standing
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.slots import Slots
from forecourt.leads.steps import OnStep, Step
from forecourt.security.dynamics_connections import DynamicsConnection

CALL_SECONDS = 60.0
"""One push, its token among it: plug-ins of the tenant run within it."""

METADATA_SECONDS = 20.0
"""Reading a tenant's lead table; what is left of the write window is for the pushes after it."""

RESERVE_SECONDS = 12.0
"""Kept back to record what became of the calls."""

ROUND_SECONDS = METADATA_SECONDS + CALL_SECONDS + RESERVE_SECONDS
"""With less time than this left no round begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    claim: DynamicsClaim
    push: DynamicsPush
    connection: DynamicsConnection
    write_by: float


class Rounds:
    """Makes rounds; its threads are kept."""

    def __init__(
        self,
        *,
        ledger: DynamicsLedger,
        sink: DynamicsSink,
        budget: Budget,
        connections: Connections,
        recorder: DynamicsRecorder,
        policy: RetryPolicy,
        on_step: OnStep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._sink = sink
        self._budget = budget
        self._connections = connections
        self._recorder = recorder
        self._policy = policy
        self._on_step = on_step
        self._clock = clock
        self._slots = Slots(self._make_one, "dynamics-delivery")

    def close(self) -> None:
        """End the kept threads."""
        self._slots.close()

    def run(self, work: Work, worker: str, seconds_left: Callable[[], float]) -> RoundEnd:
        """Push what is due longest, as many as there are permits and slots.

        Raises
        ------
        RetryableError
            The database is away; what is claimed is freed when its lease runs out.
        """
        connection = work.ready.connection
        scope = connection.budget_scope
        grant = self._budget.take(scope, connection.connection_id, work.limit)
        if not grant.permits:
            return RoundEnd(wait=grant.wait)
        notes = RoundNotes(work, grant)
        try:
            write_by = self._clock() + WRITE_WITHIN_SECONDS
            claims = self._ledger.claim(connection, limit=grant.permits, worker=worker)
            self._on_step(Step.CLAIMED)
            if claims and self._make_ready(notes, claims, seconds_left):
                self._push(notes, claims, write_by, seconds_left)
        finally:
            self._budget.give_back(scope, grant, notes.spent())
        if notes.renews:
            self._connections.forget_metadata(work.ready)
        return notes.end()

    def _make_ready(
        self, notes: RoundNotes, claims: Sequence[DynamicsClaim], seconds_left: Callable[[], float]
    ) -> bool:
        """Read the tenant's metadata where they lack; False where that ended the round."""
        ready = notes.work.ready
        if not self._connections.lacks_metadata(ready):
            return True
        started = time.monotonic()
        try:
            self._connections.read_metadata(ready, seconds=METADATA_SECONDS)
        except Exception as error:  # noqa: BLE001 - a table we trip over stops its tenant alone
            known = error if isinstance(error, ForecourtError) else _cannot_read_table(error)
            outcome = could_not_begin(known)
            self._record(
                notes,
                [DynamicsReport(claim=c, outcome=outcome, connection=ready.connection)
                 for c in claims],
                seconds_left,
            )  # fmt: skip
            return False
        finally:
            notes.note_metadata(time.monotonic() - started)
        return True

    def _push(
        self,
        notes: RoundNotes,
        claims: Sequence[DynamicsClaim],
        write_by: float,
        seconds_left: Callable[[], float],
    ) -> None:
        made: list[DynamicsReport] = []
        calls = self._calls(notes, claims, write_by, made)
        is_away = False
        with closing(self._slots.make(calls)) as arrivals:
            for arrived in arrivals:
                made.extend(self._reconsidered(notes, arrived))
                if is_away:
                    continue
                try:
                    self._record(notes, made, seconds_left)
                except RetryableError:  # once more when all have come in
                    is_away = True
                else:
                    made.clear()
        self._record(notes, made, seconds_left)

    def _calls(
        self,
        notes: RoundNotes,
        claims: Sequence[DynamicsClaim],
        write_by: float,
        made: list[DynamicsReport],
    ) -> Iterator[_Call]:
        """Make calls out of claims, one when it is asked for; `made` gets what needs none."""
        connection = notes.work.ready.connection
        for claim in claims:
            prepared = self._prepare(claim, connection)
            if isinstance(prepared, DynamicsOutcome):
                made.append(DynamicsReport(claim=claim, outcome=prepared, connection=connection))
            else:
                yield _Call(claim=claim, push=prepared, connection=connection, write_by=write_by)

    def _prepare(
        self, claim: DynamicsClaim, connection: DynamicsConnection
    ) -> DynamicsPush | DynamicsOutcome:
        standing = Standing(
            remote_id=claim.remote_id,
            delivered_fields=claim.delivered_fields,
            payload_hash=claim.payload_hash,
            attempts=claim.attempts,
        )
        try:
            push = self._sink.prepare(claim.lead, connection, standing)
        except PermanentError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - a lead we trip over must not stop the others
            problem = _cannot_prepare(error)
        else:
            return push if push.fields or push.remote_id is None else nothing_to_do(push)
        return failed(problem, attempts=claim.attempts, policy=self._policy, called=False)

    def _make_one(self, call: _Call) -> DynamicsReport:
        started = time.monotonic()
        try:
            if self._clock() > call.write_by:
                raise _too_late()  # noqa: TRY301 - judged as every failure is
            self._on_step(Step.CALLING)
            receipt = self._sink.send(call.push, call.connection, seconds=CALL_SECONDS)
            self._on_step(Step.CALLED)
            outcome = succeeded(call.push, receipt, _milliseconds_since(started))
        except ForecourtError as error:
            outcome = self._judge(call, error, started)
        except Exception as error:  # noqa: BLE001 - a thread must always hand something over
            outcome = self._judge(call, _surprise(error), started)
        return DynamicsReport(claim=call.claim, outcome=outcome, connection=call.connection)

    def _judge(self, call: _Call, error: ForecourtError, started: float) -> DynamicsOutcome:
        return failed(
            error,
            attempts=call.claim.attempts,
            policy=self._policy,
            latency_ms=_milliseconds_since(started),
        )

    def _reconsidered(
        self, notes: RoundNotes, reports: Iterable[DynamicsReport]
    ) -> Iterator[DynamicsReport]:
        """Give what old metadata may be to blame for a try with fresh ones, before it is parked."""
        is_fresh = self._connections.has_fresh_metadata(notes.work.ready)
        for report in reports:
            if report.outcome.code in MAPPING_FAULTS and not is_fresh:
                yield DynamicsReport(
                    claim=report.claim,
                    outcome=renewing(report.outcome),
                    connection=report.connection,
                )
            else:
                yield report

    def _record(
        self,
        notes: RoundNotes,
        reports: Sequence[DynamicsReport],
        seconds_left: Callable[[], float],
    ) -> None:
        if reports:
            connection = notes.work.ready.connection
            notes.note(reports)
            notes.follow(self._recorder.record(connection, reports, seconds_left))


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _too_late() -> RetryableError:
    return RetryableError(
        code=WRITE_WINDOW_CLOSED,
        detail="The worker stood still for too long after its claim; nothing was sent.",
        target="Forecourt",
    )


def _surprise(error: Exception) -> OutcomeUnknownError:
    """Call a defect of ours what it is: nobody knows how far the request got."""
    return OutcomeUnknownError(
        code="UNEXPECTED_ERROR",
        detail=f"The call ended with {type(error).__name__}.",
        target="Forecourt",
    )


def _cannot_read_table(error: Exception) -> PermanentError:
    return PermanentError(
        code="UNEXPECTED_ERROR",
        detail=f"Reading the lead table ended with {type(error).__name__}; nothing was sent.",
        target="Forecourt",
    )


def _cannot_prepare(error: Exception) -> PermanentError:
    return PermanentError(
        code="UNEXPECTED_ERROR",
        detail=f"Preparing the lead ended with {type(error).__name__}; nothing was sent.",
        target="Forecourt",
    )
