"""Faults on demand: which, for what operation and account, how often."""

import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.easycars_simulator.request_tables import IMAGE, OPERATIONS, REQUEST_TOKEN, Service

KINDS = {
    "code": "answer with this Code",
    "code_missing": "answer without a Code",
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
    "success_without_number": "do it and answer Code 0 without what was asked for",
    "malformed_item": "spoil one item of the list (see variant)",
    "expired_token": "revoke the client's tokens, so that this request is refused with Code 1",
}
"""Every kind besides ``http_400`` to ``http_599``."""

VARIANTS = {
    "year_null": "YearGroup is null",
    "wrong_type": "YearGroup and Price are texts, IsUsed is a number",
    "stock_number_missing": "there is no StockNumber",
    "stock_number_null": "StockNumber is null",
    "stock_number_blank": "StockNumber is blank",
    "stock_number_number": "StockNumber is a number",
    "negative_price": "Price is below 0",
    "year_impossible": "YearGroup is 20201",
    "null_byte": "AdvDescription holds U+0000",
    "not_an_object": "the item is a text",
    "null": "the item is null",
    "empty_object": "the item has no field",
    "unknown_field": "the item has a field the document does not know",
}
ACTS_BY_DEFAULT = frozenset(
    {
        *("slow", "drip", "cut_after", "cut_midway", "late_commit", "truncated"),
        *("success_without_number", "malformed_item"),
    }
)
PER_LEAD = "lead"
_NEEDS_SECONDS = ("slow", "drip", "late_commit")
_WARNING = 5
_OPERATION_NAMES = {
    *(name for tables in OPERATIONS.values() for name in tables),
    *(REQUEST_TOKEN, IMAGE),
    *(f"{service}/{REQUEST_TOKEN}" for service in Service),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault to be played.

    Parameters
    ----------
    kind
        One of :data:`KINDS`, or ``http_NNN``.
    operation
        Name of an operation, ``StockService/RequestToken`` for one service's alone, ``Image`` for
        the pictures; None for all.
    account
        Account number; None for all.
    times
        How many requests it meets before it is used up; None for ever.
    after
        How many matching requests go through first.
    per
        ``lead`` counts `times` and `after` for each lead on its own: by the ExternalID of a
        CreateLead, by the LeadNumber of what is about a lead there is. A request about no lead
        does not meet it, and it is never used up. None counts all requests together.
    probability
        Chance that a matching request meets it, 0 to 1, drawn from `seed`.
    acts
        Whether the vendor does what was asked before the fault shows; None leaves it to the kind.
        ``Fault(kind="http_504", acts=True)`` is a gateway that gave up on a vendor that did not.
    code, message
        For ``code``. Code 5 keeps the payload (it acts unless told otherwise).
    seconds
        For ``slow``, ``drip``, ``hang``, ``late_commit``.
    retry_after
        The Retry-After header of an ``http_NNN``: seconds, or a date as HTTP writes it.
    variant, index
        For ``malformed_item``: one of :data:`VARIANTS`, and which item is spoilt.
    """

    kind: str
    operation: str | None = None
    account: str | None = None
    times: int | None = 1
    after: int = 0
    per: str | None = None
    probability: float = 1.0
    seed: int = 0
    acts: bool | None = None
    code: int | None = None
    message: str | None = None
    seconds: float | None = None
    retry_after: int | str | None = None
    variant: str = "year_null"
    index: int = 0

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ValueError(problem)

    @property
    def http_status(self) -> int | None:
        """The status of an ``http_NNN`` fault."""
        match = re.fullmatch(r"http_([45][0-9]{2})", self.kind)
        return int(match[1]) if match else None

    @property
    def does_act(self) -> bool:
        """Whether the request is carried out all the same."""
        if self.acts is not None:
            return self.acts
        return self.kind in ACTS_BY_DEFAULT or (self.kind == "code" and self.code == _WARNING)

    def _problem(self) -> str | None:
        checks = (
            (
                self.kind not in KINDS and self.http_status is None,
                f"fault must be http_400 to http_599 or one of {', '.join(KINDS)}.",
            ),
            (
                self.operation is not None and self.operation not in _OPERATION_NAMES,
                f"operation must be one of {', '.join(sorted(_OPERATION_NAMES))}.",
            ),
            (self.kind == "code" and self.code is None, "code is needed."),
            (
                self.kind in _NEEDS_SECONDS and self.seconds is None,
                f"{self.kind} needs seconds.",
            ),
            (
                self.kind == "malformed_item" and self.variant not in VARIANTS,
                f"variant must be one of {', '.join(VARIANTS)}.",
            ),
            (self.per not in (None, PER_LEAD), f"per must be {PER_LEAD}, or null."),
            (not 0 <= self.probability <= 1, "probability must be 0 to 1."),
            (self.times is not None and self.times < 1, "times must be at least 1, or null."),
            (self.seconds is not None and self.seconds < 0, "seconds must not be negative."),
            (self.after < 0 or self.index < 0, "after and index must not be negative."),
        )
        return next((problem for wrong, problem in checks if wrong), None)


class FaultPlan:
    """The faults waiting to be played; the first added that matches a request is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []

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
        self, service: str, operation: str, accounts: Sequence[str], lead: str | None = None
    ) -> Fault | None:
        """Take the fault a request meets, if any, and count it.

        Parameters
        ----------
        lead
            What tells the lead the request is about from others; None where it is about none.
        """
        with self._lock:
            for waiting in self._waiting:
                matches = _matches(waiting.fault, service, operation, accounts)
                if matches and waiting.strikes(lead):
                    if waiting.left == 0:
                        self._waiting.remove(waiting)
                    return waiting.fault
        return None


@dataclass(slots=True)
class _Count:
    """How many requests still go through first, and how many are met then (None: all)."""

    to_skip: int
    left: int | None


class _Waiting:
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


def _matches(fault: Fault, service: str, operation: str, accounts: Sequence[str]) -> bool:
    return fault.operation in (None, operation, f"{service}/{operation}") and (
        fault.account is None or fault.account in accounts
    )


FAULT_KEYS: Mapping[str, str] = {
    "fault": "kind",
    **{
        name: name
        for name in (
            *("operation", "account", "times", "after", "per", "probability", "seed", "acts"),
            *("code", "message", "seconds", "variant", "index"),
        )
    },
    "retryAfter": "retry_after",
}
"""Keys of the control API and the attributes they set."""


def fault_from_json(given: Mapping[str, Any]) -> Fault:
    """Read a fault posted to the control API.

    Raises
    ------
    ValueError
        Says what is unknown, missing or wrong.
    """
    unknown = sorted(given.keys() - FAULT_KEYS.keys())
    if unknown or "fault" not in given:
        message = f"A fault has {', '.join(FAULT_KEYS)}; fault is needed. Unknown: {unknown}."
        raise ValueError(message)
    try:
        return Fault(**{FAULT_KEYS[key]: value for key, value in given.items()})
    except TypeError as error:
        message = "A value of the fault has the wrong type."
        raise ValueError(message) from error


def fault_as_json(fault: Fault, left: int | None) -> dict[str, Any]:
    """Write an active fault for the control API."""
    shown = {key: getattr(fault, name) for key, name in FAULT_KEYS.items()}
    return {**shown, "left": left}
