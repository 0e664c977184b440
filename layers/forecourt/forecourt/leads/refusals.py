"""Counting refused requests of websites, so that a form that only fails is noticed.

Counted are requests with a genuine site key, by dealership, key, reason and field; never a value
and nothing of the visitor. Intake has no database: it adds up in the sandbox's memory and sends
sums on the leads queue. Sums of a sandbox that ends unasked are lost, and a message that arrives
twice counts twice: the counts are for alarms, not for accounts.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from forecourt.problem import FieldError

REASONS = frozenset({
    "origin-not-allowed", "too-many-leads", "unsupported-content-type", "body-too-large",
    "broken-body", "broken-json", "invalid-fields",
})  # fmt: skip
"""Kinds of problems that are the website's; the others are the key's or ours."""

_LONGEST_FIELD = 50
_MOST_FIELDS = 20
_MOST_NAMED = 200
_MOST_SUMS = 800
"""Below what one message may hold. Names of fields are anybody's to make up, so they may use up a
part only, and the sums over all fields go on: keys and reasons are few."""

_UNNAMED = "(unnamed)"
_BODY = "(body)"
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")

type _What = tuple[str, str, str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRequests:
    """How many requests of one key were refused in one hour, why and for which field.

    ``field`` is empty in the sum over all requests of that reason: a request with two bad fields
    counts once there and once for each field.
    """

    dealership_id: int
    key_id: str
    reason: str
    field: str
    hour: datetime
    requests: int

    def to_wire(self) -> dict[str, Any]:
        """Return it as a message holds it."""
        return {
            "dealershipId": self.dealership_id,
            "keyId": self.key_id,
            "reason": self.reason,
            "field": self.field,
            "hour": self.hour.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "requests": self.requests,
        }


def field_names(errors: Iterable[FieldError]) -> list[str]:
    """Return the fields errors are about, as they may be stored and logged; at most 20.

    An unknown field's name was chosen by the page: it stays only where it looks like a name in a
    program, at most 50 long. List positions are left out.
    """
    return list(dict.fromkeys(_field_name(error.field) for error in errors))[:_MOST_FIELDS]


def _field_name(path: str) -> str:
    if path == _BODY:
        return path
    parts = [part for part in path.split(".") if not part.isdecimal()]
    if not parts or not all(map(_IDENTIFIER.fullmatch, parts)):
        return _UNNAMED
    return ".".join(parts)[:_LONGEST_FIELD]


@dataclass(slots=True)
class _Sums:
    sent_at: float | None = None
    waiting: Counter[_What] = field(default_factory=Counter)


class RefusalTally:
    """Adds up refusals in one sandbox.

    A dealership's first refusal is due at once, further ones a minute after the last were taken.

    Parameters
    ----------
    clock
        Monotonic seconds.
    pause_seconds
        How long sums of a dealership wait after some were taken.
    capacity
        Most dealerships remembered at once.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause_seconds: float = 60.0,
        capacity: int = 2000,
    ) -> None:
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._capacity = capacity
        self._sums: dict[int, _Sums] = {}
        self._waiting: set[int] = set()

    def count(
        self, dealership_id: int, key_id: str, reason: str, fields: Sequence[str], at: datetime
    ) -> None:
        """Add one refused request.

        Parameters
        ----------
        fields
            As :func:`field_names` gives them.
        at
            When, in UTC.
        """
        sums = self._sums.setdefault(dealership_id, _Sums())
        hour = at.replace(minute=0, second=0, microsecond=0)
        for name in ("", *fields):
            what = (key_id, reason, name, hour)
            most = _MOST_NAMED if name else _MOST_SUMS
            if what in sums.waiting or len(sums.waiting) < most:
                sums.waiting[what] += 1
        self._waiting.add(dealership_id)
        while len(self._sums) > self._capacity:
            forgotten = next(iter(self._sums))
            del self._sums[forgotten]
            self._waiting.discard(forgotten)

    def take_due(self) -> Sequence[RefusedRequests]:
        """Hand over the sums of one dealership that are due; empty where there are none."""
        now = self._clock()
        for dealership_id in self._waiting:
            sums = self._sums[dealership_id]
            if sums.sent_at is None or now - sums.sent_at >= self._pause_seconds:
                taken, sums.waiting = sums.waiting, Counter()
                sums.sent_at = now
                self._waiting.discard(dealership_id)
                return _listed(dealership_id, taken)
        return ()

    def give_back(self, refused: Sequence[RefusedRequests]) -> None:
        """Add sums that could not be sent; they are due again after the pause."""
        for one in refused:
            sums = self._sums.setdefault(one.dealership_id, _Sums())
            sums.waiting[one.key_id, one.reason, one.field, one.hour] += one.requests
            self._waiting.add(one.dealership_id)


def _listed(dealership_id: int, sums: Mapping[_What, int]) -> Sequence[RefusedRequests]:
    return [
        RefusedRequests(
            dealership_id=dealership_id,
            key_id=key_id,
            reason=reason,
            field=name,
            hour=hour,
            requests=requests,
        )
        for (key_id, reason, name, hour), requests in sums.items()
    ]
