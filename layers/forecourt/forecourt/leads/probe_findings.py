"""What a pass concluded about each create, in the words its attempt's row keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from forecourt.errors import ForecourtError, RetryableError
from forecourt.leads.outcome import DeliveryState
from forecourt.leads.probe_ports import Finding, KnownNumbers, Unconfirmed
from forecourt.leads.probe_rules import MOST_READS, Sought, Trail, number_value, write_number
from forecourt.leads.retry import RetryPolicy

PROBE_AGAIN_SECONDS = 3600.0
"""When what stays unconfirmed is looked for again, if no later number comes before."""

_GO_ON_SECONDS = 60.0
_VENDOR_AWAY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a pass ended before it had seen everything, and how soon the next one begins."""

    outcome: str = "inconclusive"
    code: str | None = None
    detail: str
    wait: float

    @classmethod
    def limit_reached(cls) -> Self:
        """Say that time or reads were used up."""
        return cls(detail="The search is not finished and goes on.", wait=_GO_ON_SECONDS)

    @classmethod
    def another_number(cls, number: str) -> Self:
        """Say that the vendor answered what was not asked."""
        detail = f"EasyCars answered with another lead than number {number}."
        return cls(detail=detail, wait=PROBE_AGAIN_SECONDS)

    @classmethod
    def for_error(cls, error: ForecourtError) -> Self:
        """Say that the vendor did not answer, or not the question."""
        if isinstance(error, RetryableError):
            return cls(
                outcome="retryable",
                code=error.code,
                detail=f"EasyCars gave no answer when the lead was looked for. {error.detail}",
                wait=max(_VENDOR_AWAY_SECONDS, error.retry_after or 0.0),
            )
        detail = f"EasyCars refused to be searched for the lead. {error.detail}"
        return cls(code=error.code, detail=detail, wait=PROBE_AGAIN_SECONDS)


class Verdicts:
    """Collects what is found out in a pass.

    Parameters
    ----------
    known
        The account's numbers before the pass.
    policy
        When what is created again is due.
    """

    def __init__(self, known: KnownNumbers, policy: RetryPolicy) -> None:
        self._known = known
        self._policy = policy
        self._reasons: dict[int, str] = {}
        self._unknown_customers: set[int] = set()
        self._adopted: set[int] = set()
        self._highest = known.highest
        self.stop: Stop | None = None

    @property
    def new_highest(self) -> str | None:
        """The highest number as the vendor writes it, where it came to be known in this pass."""
        return None if self._highest == self._known.highest else self._highest

    def saw(self, number: str) -> None:
        """Note a number the vendor showed."""
        if (number_value(number) or 0) > (number_value(self._highest) or 0):
            self._highest = number

    def nobody_knows(self, row: Unconfirmed) -> None:
        """Conclude that a lead is absent because its customer is."""
        self._unknown_customers.add(row.delivery_id)

    def is_absent(self, row: Unconfirmed) -> bool:
        """Tell whether that was concluded."""
        return row.delivery_id in self._unknown_customers

    def adopted(self, row: Unconfirmed) -> None:
        """Note that a lead was found and has its number."""
        self._adopted.add(row.delivery_id)

    def explain(self, row: Unconfirmed, reason: str) -> None:
        """Say why a lead stays unconfirmed, whatever else may speak for creating it again."""
        self._unknown_customers.discard(row.delivery_id)
        self._reasons[row.delivery_id] = reason

    def findings(
        self, rows: Sequence[Unconfirmed], sought: Mapping[int, Sought]
    ) -> Sequence[Finding]:
        """Conclude about those that were not adopted."""
        return [
            self._finding(row, sought.get(row.delivery_id))
            for row in rows
            if row.delivery_id not in self._adopted
        ]

    def _finding(self, row: Unconfirmed, sought: Sought | None) -> Finding:
        if self.is_absent(row):
            why = "EasyCars knows nobody with the lead's e-mail or phone"
            return self._create_again(row, why)
        if row.delivery_id in self._reasons or sought is None:
            return self._inconclusive(row, sought)
        if sought.is_absent:
            why = f"EasyCars' numbers up to {row.later_number} are all accounted for"
            return self._create_again(row, why)
        return self._inconclusive(row, sought)

    def _create_again(self, row: Unconfirmed, why: str) -> Finding:
        wait = self._policy.wait_after(row.attempts)
        if wait is None:
            return Finding(
                delivery_id=row.delivery_id,
                claimed_at=row.claimed_at,
                outcome="permanent",
                state=DeliveryState.FAILED,
                code="TRIES_USED_UP",
                detail=f"{why}: it is not there. All {row.attempts} tries to send it are used up.",
            )
        return Finding(
            delivery_id=row.delivery_id,
            claimed_at=row.claimed_at,
            outcome="create_again",
            state=DeliveryState.PENDING,
            detail=f"{why}: it is not there and is sent again.",
            wait=max(0.0, wait.total_seconds() - row.since_sent),
        )

    def _inconclusive(self, row: Unconfirmed, sought: Sought | None) -> Finding:
        stop = self.stop
        reason = self._reasons.get(row.delivery_id)
        trail = None if sought is None else sought.trail
        if reason is not None or stop is None:
            stop = Stop(detail=reason or self._reason(trail), wait=PROBE_AGAIN_SECONDS)
        return Finding(
            delivery_id=row.delivery_id,
            claimed_at=row.claimed_at,
            outcome=stop.outcome,
            state=DeliveryState.UNCONFIRMED,
            code=stop.code,
            detail=stop.detail,
            wait=stop.wait,
            probe_from=row.probe_from if trail is None else self._text(trail.base),
            probe_upto=row.probe_upto if trail is None else self._text(trail.upto),
        )

    def _reason(self, trail: Trail | None) -> str:
        if trail is not None and trail.base is not None:
            return (
                f"The lead is not found up to number {self._highest or 'none'}. It is sent again "
                "when a lead sent three minutes or more after it has a number and it is still "
                "not found."
            )
        if self._known.first is None:
            return (
                "The lead is not among the account's first numbers. The search goes on when a "
                "number of the account is known."
            )
        return (
            f"None of the {MOST_READS} numbers below {self._known.first}, the account's first "
            "known one, is old enough to search from."
        )

    def _text(self, value: int | None) -> str | None:
        if value is None:
            return None
        return write_number(value, like=self._known.highest or self._known.first)
