"""Writes every request into the log: on its arrival, when it is answered, when it is over."""

from collections.abc import Callable
from dataclasses import replace

from local.simulation.faults import PlannedFault
from local.simulation.request_log import RequestLog, RequestRecord, Verdict
from local.simulation.wire import Answer


class Recorder:
    """Keeps a request's record up to date in the log.

    Parameters
    ----------
    now
        Seconds since 1970 UTC on the vendor's clock.
    """

    def __init__(self, log: RequestLog, now: Callable[[], float]) -> None:
        self._log = log
        self._now = now

    def record(
        self,
        service: str,
        operation: str,
        *,
        account: str | None = None,
        verdict: Verdict = Verdict.VALID,
        reasons: tuple[str, ...] = (),
        fault: PlannedFault | None = None,
        external_id: str | None = None,
    ) -> RequestRecord:
        """Put a record into the log before anything is done, so that it survives what comes."""
        record = RequestRecord(
            number=self._log.next_number(),
            at=self._now(),
            service=service,
            operation=operation,
            account=account,
            verdict=verdict,
            reasons=reasons,
            fault=None if fault is None else fault.kind,
            external_id=external_id,
        )
        self._log.add(record)
        return record

    def answered(self, record: RequestRecord, answer: Answer) -> RequestRecord:
        """Write down what is (or would have been) answered."""
        answered = replace(
            record, status=answer.status, code=answer.code, lead_number=answer.lead_number
        )
        self._log.complete(answered)
        return answered

    def finish(self, record: RequestRecord, seconds: float) -> None:
        """Write down how long a request took."""
        self._log.complete(replace(record, seconds=round(seconds, 4)))
