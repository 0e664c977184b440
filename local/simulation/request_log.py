"""What a vendor saw: every request, judged, with secrets and personal data left out."""

import threading
from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

KEPT = 50_000


class Verdict(StrEnum):
    """How a request stands to the vendor's documents."""

    VALID = "valid"
    UNAUTHENTICATED = "unauthenticated"
    """Right in form; the token or a credential is refused."""
    INVALID = "invalid"
    """It breaks the documents: a client that knows them never sends it."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request as the vendor saw it.

    Parameters
    ----------
    number
        Counts up from 1 in the order of arrival.
    at
        Seconds since 1970 UTC on the vendor's clock, on arrival.
    account
        The dealer's account or environment, when it is one the vendor knows.
    reasons
        What breaks the documents; field names, never values.
    fault
        Kind of the fault it met.
    status, code
        What was (or would have been) answered, in HTTP and in the vendor's own codes; None while
        it is under way.
    lead_number, external_id
        What the vendor calls the lead the request is about, and what its sender does.
    seconds
        How long it took by the wall clock.
    """

    number: int
    at: float
    service: str
    operation: str
    account: str | None
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    fault: str | None = None
    status: int | None = None
    code: int | str | None = None
    lead_number: str | None = None
    external_id: str | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Write it for the control API."""
        return {
            "number": self.number,
            "at": self.at,
            "service": self.service,
            "operation": self.operation,
            "account": self.account,
            "verdict": self.verdict.value,
            "reasons": list(self.reasons),
            "fault": self.fault,
            "status": self.status,
            "code": self.code,
            "leadNumber": self.lead_number,
            "externalId": self.external_id,
            "seconds": self.seconds,
        }


class RequestLog:
    """Collects records; a request is in it from its arrival, whatever becomes of it.

    Parameters
    ----------
    kept
        How many requests are kept in full; counts and invalid requests are kept beyond it.
    """

    def __init__(self, *, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._last_number = 0
        self._records: dict[int, RequestRecord] = {}
        self._order: deque[int] = deque()
        self._invalid: list[int] = []
        self._counts: Counter[str] = Counter()
        self._under_way = 0
        self._peak = 0

    def arrived(self) -> None:
        """Count a request as under way."""
        with self._lock:
            self._under_way += 1
            self._peak = max(self._peak, self._under_way)

    def left(self) -> None:
        """Count a request as no longer under way."""
        with self._lock:
            self._under_way -= 1

    def next_number(self) -> int:
        """Give the number of the next record."""
        with self._lock:
            self._last_number += 1
            return self._last_number

    def add(self, record: RequestRecord) -> None:
        """Add a record."""
        with self._lock:
            self._records[record.number] = record
            self._counts[record.operation] += 1
            self._order.append(record.number)
            if record.verdict is Verdict.INVALID:
                self._invalid.append(record.number)
            if len(self._order) > self._kept:
                self._forget(self._order.popleft())

    def complete(self, record: RequestRecord) -> None:
        """Replace the record of the same number, unless it was forgotten meanwhile."""
        with self._lock:
            if record.number in self._records:
                self._records[record.number] = record

    def mark_invalid(self, record: RequestRecord) -> None:
        """Count a record as against the documents, which showed only when it was carried out."""
        with self._lock:
            if record.number in self._records and record.number not in self._invalid:
                self._invalid.append(record.number)
                self._records[record.number] = record

    def records(self, operation: str | None = None) -> list[RequestRecord]:
        """List what is kept, in the order of arrival."""
        with self._lock:
            return [
                record
                for _, record in sorted(self._records.items())
                if operation in (None, record.operation)
            ]

    def invalid(self) -> list[RequestRecord]:
        """List every request that breaks the vendor's documents."""
        with self._lock:
            return [self._records[number] for number in self._invalid]

    def counts(self) -> dict[str, int]:
        """Count requests by operation."""
        with self._lock:
            return dict(self._counts)

    def under_way(self) -> int:
        """Tell how many requests are under way now."""
        with self._lock:
            return self._under_way

    def peak_concurrency(self) -> int:
        """Tell how many requests were under way at once at most."""
        with self._lock:
            return self._peak

    def clear(self) -> None:
        """Forget all records and counts; what is under way stays under way."""
        with self._lock:
            self._records.clear()
            self._order.clear()
            self._invalid.clear()
            self._counts.clear()
            self._peak = self._under_way

    def _forget(self, number: int) -> None:
        if self._records[number].verdict is not Verdict.INVALID:
            del self._records[number]
