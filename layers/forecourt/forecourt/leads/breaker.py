"""Stop calling a CRM that is down (design 5.1.6): what counts, when it opens, how it closes.

One breaker per CRM and environment, shared by all workers. Everything that changes one is a pure
function of its state here; where the state is kept is behind the port :class:`CircuitBreaker`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import Protocol
from uuid import UUID

from forecourt.leads.outcome import (
    PROBE_AFTER_SECONDS,
    DeliveryState,
    Outcome,
    OutcomeKind,
)
from forecourt.leads.sink import Operation

OPENS_AFTER = 5
"""Failures in a row."""

OPEN_SECONDS = 60.0
TRIED_AGAIN_AFTER_SECONDS = 90.0
"""When a delivery whose trial failed is due again: the next trial is another's, in case this one's
own request is what fails."""

TRIAL_SECONDS = 150.0
"""After this a trial whose worker died is given to another; no worker lives longer."""

_TROUBLED_DEALERSHIPS = 3
_VENDOR_AWAY_CODES = frozenset({
    "CONNECT_FAILED", "TIMEOUT", "CONNECTION_CUT", "HTTP_502", "HTTP_503", "HTTP_504",
})  # fmt: skip
_NOTHING_SENT_CODES = frozenset({
    "NO_TIME_LEFT", "WRITE_WINDOW_CLOSED", "INVALID_CREDENTIALS", "INVALID_REQUEST",
    "INVALID_EMAIL", "UNEXPECTED_ERROR",
})  # fmt: skip
_SPOKEN_CODES = frozenset({
    "AUTHENTICATION_FAILED", "VENDOR_REFUSED", "VENDOR_SYSTEM_ERROR", "MISSING_PAYLOAD",
    "UNUSABLE_LEAD_NUMBER",
})  # fmt: skip
_SPOKEN_PREFIXES = ("VENDOR_CODE_", "HTTP_4")


class Evidence(StrEnum):
    """What one outcome says about the CRM's health."""

    ALIVE = "alive"
    """It answered for itself, whatever it said."""
    DOWN = "down"
    """It could not be reached, fell silent, or a gateway said that it is away."""
    TROUBLED = "troubled"
    """A plain HTTP 500: the CRM, or this dealership's data in it."""
    DOUBTFUL = "doubtful"
    """Something answered, and it may not have been the CRM, e.g. a page for people."""
    NONE = "none"
    """It was not asked."""


def evidence_of(outcome: Outcome) -> Evidence:
    """Say what an outcome tells about the CRM."""
    code = outcome.code or ""
    if not outcome.called or code in _NOTHING_SENT_CODES:
        return Evidence.NONE
    if outcome.kind is OutcomeKind.DELIVERED:
        return Evidence.ALIVE
    if code in _VENDOR_AWAY_CODES:
        return Evidence.DOWN
    if code == "HTTP_500":
        return Evidence.TROUBLED
    if code in _SPOKEN_CODES or code.startswith(_SPOKEN_PREFIXES):
        return Evidence.ALIVE
    return Evidence.DOUBTFUL


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One outcome as the breaker sees it.

    ``begun_at`` is when the delivery was claimed, by the database's clock; None where that is not
    known, and then its failure counts for nothing.
    """

    evidence: Evidence
    dealership_id: int
    begun_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """One breaker as it stands.

    Parameters
    ----------
    failures
        Outcomes in a row that say the CRM is down.
    troubled
        The dealership of each plain 500 among them; at most three entries for one dealership.
    is_open
        Whether calls wait; also while the one trial is under way.
    trial
        Token of that trial, unless it has run out.
    closed_at
        When it closed last, by the database's clock.
    """

    failures: int = 0
    troubled: tuple[int, ...] = ()
    is_open: bool = False
    trial: UUID | None = None
    closed_at: datetime | None = None


class Turn(Enum):
    """What observations do to a breaker."""

    COUNTED = "counted"
    OPENED = "opened"
    STAYS_OPEN = "stays open"
    TRIAL_FREED = "trial freed"
    CLOSED = "closed"


def take_into_account(
    state: BreakerState, observations: Sequence[Observation], *, trial: UUID | None
) -> tuple[BreakerState, Turn]:
    """Judge outcomes in the order they arrived.

    While it is open only its trial moves it: answers and failures of calls that began before it
    opened come in for a while, and would open or close it at random. For the same reason a failure
    counts only if its call began after the breaker closed last.

    Parameters
    ----------
    trial
        Token under which the observed calls were made; None where they were no trial.
    """
    turn = Turn.COUNTED
    for observed in observations:
        if state.is_open:
            if trial is None or trial != state.trial:
                continue
            state, turn = _judge_trial(observed, state)
        else:
            state = _count(observed, state)
            if _has_had_enough(state):
                state, turn = replace(state, is_open=True, trial=None), Turn.OPENED
    return state, turn


def _judge_trial(observed: Observation, state: BreakerState) -> tuple[BreakerState, Turn]:
    ended = replace(state, trial=None)
    if observed.evidence is Evidence.ALIVE:
        return replace(ended, is_open=False, failures=0, troubled=()), Turn.CLOSED
    if observed.evidence is Evidence.NONE:
        return ended, Turn.TRIAL_FREED
    return ended, Turn.STAYS_OPEN


def _count(observed: Observation, state: BreakerState) -> BreakerState:
    if observed.evidence is Evidence.ALIVE:
        return replace(state, failures=0, troubled=())
    if observed.begun_at is None or (
        state.closed_at is not None and observed.begun_at <= state.closed_at
    ):
        return state
    if observed.evidence is Evidence.DOWN:
        return replace(state, failures=min(state.failures + 1, OPENS_AFTER))
    if (
        observed.evidence is Evidence.TROUBLED
        and state.troubled.count(observed.dealership_id) < _TROUBLED_DEALERSHIPS
    ):
        return replace(state, troubled=(*state.troubled, observed.dealership_id))
    return state


def _has_had_enough(state: BreakerState) -> bool:
    # Three entries for one dealership are enough: with two others they make five.
    spread = len(set(state.troubled)) >= _TROUBLED_DEALERSHIPS
    return state.failures + len(state.troubled) * spread >= OPENS_AFTER


def spare_trial(outcome: Outcome, operation: Operation) -> Outcome:
    """Let a failed trial burn no try: the delivery only went to see whether the CRM is back.

    A create of unknown outcome is unconfirmed all the same, and an update of unknown outcome waits
    its 180 s.
    """
    may_pass = outcome.kind in {OutcomeKind.RETRYABLE, OutcomeKind.UNKNOWN}
    if not may_pass or evidence_of(outcome) in {Evidence.ALIVE, Evidence.NONE}:
        return outcome
    if outcome.kind is OutcomeKind.RETRYABLE:
        return replace(
            outcome, state=DeliveryState.PENDING, wait=TRIED_AGAIN_AFTER_SECONDS, burns=False
        )
    if operation is Operation.CREATE:
        return replace(outcome, burns=False)
    return replace(outcome, state=DeliveryState.PENDING, wait=PROBE_AFTER_SECONDS, burns=False)


class CircuitBreaker(Protocol):
    """The breakers of one CRM, shared by all workers; each method is one short transaction.

    Raises
    ------
    RetryableError
        The database is away.
    """

    def take_trial(self, environment: str) -> UUID | None:
        """Win the one trial of a breaker whose time is up; None where another has it."""
        ...

    def free_trial(self, environment: str, trial: UUID) -> None:
        """Give a trial back that was not made."""
        ...

    def observe(
        self, environment: str, observations: Sequence[Observation], *, trial: UUID | None
    ) -> Turn:
        """Take outcomes into account, in the order they arrived, and say what that changed."""
        ...
