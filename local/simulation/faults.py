"""Faults on demand: which, for what operation and account, how often."""

import random
import re
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

PER_LEAD = "lead"
COMMON_KINDS = {
    "slow": "answer after so many seconds",
    "drip": "send the answer byte by byte over so many seconds",
    "hang": "say nothing for so many seconds (for ever without), then close",
    "cut_before": "close the connection and do nothing",
    "cut_after": "do it, then close the connection without an answer",
    "cut_midway": "do it, send half of the answer, then close the connection",
    "late_commit": "close the connection now, do it so many seconds later",
    "html": "answer with an HTML page and HTTP 200",
    "empty": "answer HTTP 200 with an empty body",
    "truncated": "do it and answer half of the JSON as if it were whole",
}
"""Kinds every simulator plays, besides ``http_400`` to ``http_599``."""

COMMON_ACTS = frozenset({"slow", "drip", "cut_after", "cut_midway", "late_commit", "truncated"})
"""Kinds of those that do what was asked unless told otherwise."""

COMMON_KEYS: Mapping[str, str] = {
    "fault": "kind",
    **{
        name: name
        for name in (
            *("operation", "account", "times", "after", "per", "probability", "seed", "acts"),
            *("code", "message", "seconds"),
        )
    },
    "retryAfter": "retry_after",
}
"""Keys of the control API and the attributes they set."""

_NEEDS_SECONDS = ("slow", "drip", "late_commit")

type Check = tuple[bool, str]
"""Whether something is wrong, and the sentence that says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFault:
    """One fault to be played.

    Parameters
    ----------
    kind
        One of :attr:`KINDS`, or ``http_NNN``.
    operation
        One of :attr:`OPERATIONS`; None for all.
    account
        Whose requests meet it; None for everyone's.
    times
        How many requests it meets before it is used up; None for ever.
    after
        How many matching requests go through first.
    per
        ``lead`` counts `times` and `after` for each lead on its own; a request about no lead
        does not meet it, and it is never used up. None counts all requests together.
    probability
        Chance that a matching request meets it, 0 to 1, drawn from `seed`.
    acts
        Whether the vendor does what was asked before the fault shows; None leaves it to the kind.
        ``http_504`` with True is a gateway that gave up on a vendor that did not.
    code, message
        The vendor's own code and text in the answer, for kinds that have them.
    seconds
        For ``slow``, ``drip``, ``hang``, ``late_commit``.
    retry_after
        The Retry-After header of an ``http_NNN``: seconds, or a date as HTTP writes it.

    Raises
    ------
    ValueError
        It makes no sense; says why.
    """

    KINDS: ClassVar[Mapping[str, str]] = COMMON_KINDS
    ACTS: ClassVar[frozenset[str]] = COMMON_ACTS
    OPERATIONS: ClassVar[Collection[str]] = ()
    KEYS: ClassVar[Mapping[str, str]] = COMMON_KEYS

    kind: str
    operation: str | None = None
    account: str | None = None
    times: int | None = 1
    after: int = 0
    per: str | None = None
    probability: float = 1.0
    seed: int = 0
    acts: bool | None = None
    code: int | str | None = None
    message: str | None = None
    seconds: float | None = None
    retry_after: int | str | None = None

    def __post_init__(self) -> None:
        for wrong, problem in (*self._common_checks(), *self.own_checks()):
            if wrong:
                raise ValueError(problem)

    @property
    def http_status(self) -> int | None:
        """The status of an ``http_NNN`` fault."""
        match = re.fullmatch(r"http_([45][0-9]{2})", self.kind)
        return int(match[1]) if match else None

    @property
    def does_act(self) -> bool:
        """Whether the request is carried out all the same."""
        return self.acts_by_itself() if self.acts is None else self.acts

    def acts_by_itself(self) -> bool:
        """Tell whether a fault of this kind acts unless told otherwise."""
        return self.kind in self.ACTS

    def own_checks(self) -> Collection[Check]:
        """Check what one vendor's faults have besides."""
        return ()

    def _common_checks(self) -> Collection[Check]:
        return (
            (
                self.kind not in self.KINDS and self.http_status is None,
                f"fault must be http_400 to http_599 or one of {', '.join(self.KINDS)}.",
            ),
            (
                self.operation is not None and self.operation not in self.OPERATIONS,
                f"operation must be one of {', '.join(sorted(self.OPERATIONS))}.",
            ),
            (
                self.kind in _NEEDS_SECONDS and self.seconds is None,
                f"{self.kind} needs seconds.",
            ),
            (self.per not in (None, PER_LEAD), f"per must be {PER_LEAD}, or null."),
            (not 0 <= self.probability <= 1, "probability must be 0 to 1."),
            (self.times is not None and self.times < 1, "times must be at least 1, or null."),
            (self.seconds is not None and self.seconds < 0, "seconds must not be negative."),
            (self.after < 0, "after must not be negative."),
        )


class FaultPlan[Fault: PlannedFault]:
    """The faults waiting to be played; the first added that matches a request is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting[Fault]] = []

    def add(self, fault: Fault) -> None:
        """Wait for a matching request."""
        with self._lock:
            self._waiting.append(_Waiting(fault))

    def clear(self) -> None:
        """Drop all faults."""
        with self._lock:
            self._waiting.clear()

    def active(self) -> list[tuple[Fault, int | None]]:
        """List the faults not used up, each with how often it is still to come (None: always)."""
        with self._lock:
            return [(waiting.fault, waiting.left) for waiting in self._waiting]

    def choose(
        self, operations: Collection[str], accounts: Collection[str], lead: str | None = None
    ) -> Fault | None:
        """Take the fault a request meets, if any, and count it.

        Parameters
        ----------
        operations
            Every name a fault may call the request's operation by.
        lead
            What tells the lead the request is about from others; None where it is about none.
        """
        with self._lock:
            for waiting in self._waiting:
                fault = waiting.fault
                matches = (fault.operation is None or fault.operation in operations) and (
                    fault.account is None or fault.account in accounts
                )
                if matches and waiting.strikes(lead):
                    if waiting.left == 0:
                        self._waiting.remove(waiting)
                    return fault
        return None


@dataclass(slots=True)
class _Count:
    """How many requests still go through first, and how many are met then (None: all)."""

    to_skip: int
    left: int | None


class _Waiting[Fault: PlannedFault]:
    """A fault with what is left of it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._together = _Count(fault.after, fault.times)
        self._by_lead: dict[str, _Count] = {}
        self._chance = random.Random(fault.seed)  # noqa: S311 - a repeatable draw, not a secret

    @property
    def left(self) -> int | None:
        """How often it is still to come, None for always and for what is counted by lead."""
        return None if self.fault.per == PER_LEAD else self._together.left

    def strikes(self, lead: str | None) -> bool:
        count = self._together
        if self.fault.per == PER_LEAD:
            if lead is None:
                return False
            count = self._by_lead.setdefault(lead, _Count(self.fault.after, self.fault.times))
        if count.left == 0:
            return False
        if count.to_skip > 0:
            count.to_skip -= 1
            return False
        if self.fault.probability < 1 and self._chance.random() >= self.fault.probability:
            return False
        if count.left is not None:
            count.left -= 1
        return True


def fault_from_json[Fault: PlannedFault](made: type[Fault], given: Mapping[str, Any]) -> Fault:
    """Read a fault posted to the control API.

    Raises
    ------
    ValueError
        Says what is unknown, missing or wrong.
    """
    unknown = sorted(given.keys() - made.KEYS.keys())
    if unknown or "fault" not in given:
        message = f"A fault has {', '.join(made.KEYS)}; fault is needed. Unknown: {unknown}."
        raise ValueError(message)
    try:
        return made(**{made.KEYS[key]: value for key, value in given.items()})
    except TypeError as error:
        message = "A value of the fault has the wrong type."
        raise ValueError(message) from error


def fault_as_json(fault: PlannedFault, left: int | None) -> dict[str, Any]:
    """Write an active fault for the control API."""
    shown = {key: getattr(fault, name) for key, name in fault.KEYS.items()}
    return {**shown, "left": left}
