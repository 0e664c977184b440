"""What became of one push to Dynamics, and what that means for the delivery.

Unlike a create in EasyCars, an upsert by the alternate key finds its own record again. So an
unknown outcome is no state of its own: the delivery stays pending, forgets what it believed to be
there, and sends everything again (decision 18).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
)
from forecourt.leads.breaker import TRIED_AGAIN_AFTER_SECONDS, Evidence
from forecourt.leads.dynamics.reasons import DynamicsReason as Reason
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsReceipt
from forecourt.leads.outcome import DeliveryState, OutcomeKind
from forecourt.leads.retry import RetryPolicy

QUIET_SECONDS = 120.0
"""How long Dynamics may still be acting on a request whose answer was lost: its own transactions
end after two minutes. A newer version is not sent before, lest the older one arrive after it."""

WRITE_WINDOW_CLOSED = "WRITE_WINDOW_CLOSED"

LONGEST_SILENCE_SECONDS = 3600.0
"""However long Dynamics asks to be left alone, one call tries again after this: its limits look
back 300 s, and nobody could call off a day that something on the way asked for."""

_GIVEN_UP_SECONDS = 5.0
_PAUSE_UNASKED_SECONDS = 30.0

_NOTHING_DONE = frozenset({
    "CONNECT_FAILED", "NO_TIME_LEFT", WRITE_WINDOW_CLOSED, Reason.RATE_LIMITED, Reason.KEY_RACE,
    Reason.SQL_BUSY,
})  # fmt: skip
# What the tenant's lead table lacks for any lead; somebody may have mended it since it was read.
_TABLE_FAULTS = frozenset({Reason.METADATA_UNKNOWN, Reason.KEY_NOT_ACTIVE, Reason.NO_COLUMNS})
_CONNECTION_FAULTS = _TABLE_FAULTS | {Reason.CONNECTION_INVALID, Reason.WRONG_ADDRESS}
_NEVER_ASKED = frozenset({
    "NO_TIME_LEFT", WRITE_WINDOW_CLOSED, "UNEXPECTED_ERROR", Reason.TOKEN_DENIED,
    Reason.CONNECTION_INVALID,
})  # fmt: skip
_AWAY = frozenset({"CONNECT_FAILED", "TIMEOUT", "CONNECTION_CUT", Reason.VENDOR_AWAY_HTTP})

MAPPING_FAULTS = frozenset({Reason.COLUMN_UNKNOWN, Reason.OPTION_REFUSED, Reason.TEXT_TOO_LONG})
"""Refusals that fresh metadata may cure: somebody changed the tenant's lead table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicsOutcome:
    """The end of one try; words as in :class:`forecourt.leads.outcome.Outcome`.

    Parameters
    ----------
    forgets
        Whether nothing is known any more of what is in Dynamics, so that everything is sent again.
    renews
        Whether the tenant's metadata is to be read anew before the next try.
    retry_after
        Seconds for which Dynamics asked to be left alone by all of its connection's scope.
    """

    kind: OutcomeKind
    state: DeliveryState
    wait: float = 0.0
    burns: bool = True
    called: bool = True
    forgets: bool = False
    renews: bool = False
    code: str | None = None
    detail: str | None = None
    latency_ms: int | None = None
    retry_after: float | None = None
    receipt: DynamicsReceipt | None = None
    confirmed: Mapping[str, Any] | None = None
    payload_hash: str | None = None


def succeeded(push: DynamicsPush, receipt: DynamicsReceipt, latency_ms: int) -> DynamicsOutcome:
    """Judge an accepted push: delivered, or due again where a further update is needed."""
    return DynamicsOutcome(
        kind=OutcomeKind.DELIVERED,
        state=DeliveryState.DELIVERED if push.complete else DeliveryState.PENDING,
        code="LEFT_OUT" if push.left_out else None,
        detail=" ".join(push.left_out) or None,
        latency_ms=latency_ms,
        receipt=receipt,
        confirmed=push.confirmed,
        payload_hash=push.payload_hash,
    )


def nothing_to_do(push: DynamicsPush) -> DynamicsOutcome:
    """Judge an update that differs in nothing: delivered without a call."""
    return DynamicsOutcome(
        kind=OutcomeKind.DELIVERED,
        state=DeliveryState.DELIVERED,
        called=False,
        code="NOTHING_DIFFERS",
        confirmed=push.confirmed,
        payload_hash=push.payload_hash,
    )


def failed(
    error: ForecourtError,
    *,
    attempts: int,
    policy: RetryPolicy,
    called: bool = True,
    latency_ms: int | None = None,
) -> DynamicsOutcome:
    """Judge a failed try.

    What the connection is at fault for burns no try and puts it on hold, as does a service
    protection limit, which is waited out by all.
    """
    outcome = DynamicsOutcome(
        kind=OutcomeKind.RETRYABLE,
        state=DeliveryState.PENDING,
        called=called,
        code=error.code,
        detail=error.detail,
        latency_ms=latency_ms,
    )
    if error.code == WRITE_WINDOW_CLOSED:
        return replace(
            outcome, kind=OutcomeKind.GIVEN_UP, wait=_GIVEN_UP_SECONDS, burns=False, called=False
        )
    if error.code == Reason.RATE_LIMITED:
        pause = _pause_after(error)
        return replace(outcome, wait=pause, burns=False, retry_after=pause)
    if isinstance(error, AuthenticationError) or error.code in _CONNECTION_FAULTS:
        renews = error.code in _TABLE_FAULTS
        return replace(outcome, kind=OutcomeKind.AUTH, burns=False, renews=renews)
    if isinstance(error, PermanentError):
        return replace(outcome, kind=OutcomeKind.PERMANENT, state=DeliveryState.FAILED)
    unknown = called and (isinstance(error, OutcomeUnknownError) or error.code not in _NOTHING_DONE)
    wait = policy.wait_after(attempts, error.retry_after)
    least = QUIET_SECONDS if unknown else 0.0
    return replace(
        outcome,
        kind=OutcomeKind.UNKNOWN if unknown else OutcomeKind.RETRYABLE,
        state=DeliveryState.FAILED if wait is None else DeliveryState.PENDING,
        wait=least if wait is None else max(wait.total_seconds(), least),
        forgets=unknown,
    )


def could_not_begin(error: ForecourtError, *, called: bool = True) -> DynamicsOutcome:
    """Judge claims whose connection could not be made ready, e.g. its metadata not read.

    Nothing is known against the leads, so they burn no try. What will not pass by itself puts the
    connection on hold.
    """
    if isinstance(error, PermanentError):
        kind, wait, retry_after = OutcomeKind.AUTH, 0.0, None
    else:
        kind = OutcomeKind.RETRYABLE
        limited = error.code == Reason.RATE_LIMITED
        wait = _pause_after(error)
        retry_after = wait if limited else None
    return DynamicsOutcome(
        kind=kind,
        state=DeliveryState.PENDING,
        wait=wait,
        burns=False,
        called=called,
        code=error.code,
        detail=error.detail,
        retry_after=retry_after,
    )


def renewing(outcome: DynamicsOutcome) -> DynamicsOutcome:
    """Let a refusal that old metadata may have caused be tried again with new ones."""
    return replace(
        outcome,
        kind=OutcomeKind.RETRYABLE,
        state=DeliveryState.PENDING,
        wait=0.0,
        burns=False,
        renews=True,
    )


def evidence_of(outcome: DynamicsOutcome) -> Evidence:
    """Say what an outcome tells about the health of its organisation."""
    code = outcome.code or ""
    if not outcome.called or code in _NEVER_ASKED:
        return Evidence.NONE
    if outcome.kind is OutcomeKind.DELIVERED:
        return Evidence.ALIVE
    if code in _AWAY:
        return Evidence.DOWN
    if code == Reason.SERVER_ERROR:
        return Evidence.TROUBLED
    if code in set(Reason) - {Reason.UNREADABLE_ANSWER}:
        return Evidence.ALIVE
    return Evidence.DOUBTFUL


def spare_trial(outcome: DynamicsOutcome) -> DynamicsOutcome:
    """Let a failed trial burn no try: it only went to see whether Dynamics is back."""
    may_pass = outcome.kind in {OutcomeKind.RETRYABLE, OutcomeKind.UNKNOWN}
    if not may_pass or evidence_of(outcome) in {Evidence.ALIVE, Evidence.NONE}:
        return outcome
    least = QUIET_SECONDS if outcome.forgets else TRIED_AGAIN_AFTER_SECONDS
    return replace(outcome, state=DeliveryState.PENDING, wait=least, burns=False)


def _pause_after(error: ForecourtError) -> float:
    return min(error.retry_after or _PAUSE_UNASKED_SECONDS, LONGEST_SILENCE_SECONDS)
