"""What became of one try, and what that means for the delivery."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
)
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import WRITE_WINDOW_CLOSED, Operation, Push, Receipt

PROBE_AFTER_SECONDS = 180.0
"""How long the vendor may still be acting on a request whose answer was lost (design 5.1.4)."""

_GIVEN_UP_SECONDS = 5.0


class DeliveryState(StrEnum):
    """Where one lead stands with one CRM."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    UNCONFIRMED = "unconfirmed"
    DELIVERED = "delivered"
    FAILED = "failed"


class OutcomeKind(StrEnum):
    """The word an attempt's row is closed with."""

    DELIVERED = "delivered"
    RETRYABLE = "retryable"
    PERMANENT = "permanent"
    UNKNOWN = "unknown"
    AUTH = "auth"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one try.

    Parameters
    ----------
    kind
        What happened.
    state
        What the delivery becomes; never ``in_progress``.
    wait
        Seconds until the next try, for ``pending`` and ``unconfirmed``; for ``failed`` until a
        version that came meanwhile may be sent.
    burns
        Whether the try counts against the retry policy.
    called
        Whether the CRM was called, so that the sync log has a row.
    confirmed
        What is now known to be in the CRM; None where that did not change.
    push
        What was sent or was going to be; None where it could not be prepared.
    """

    kind: OutcomeKind
    state: DeliveryState
    wait: float = 0.0
    burns: bool = True
    called: bool = True
    code: str | None = None
    detail: str | None = None
    latency_ms: int | None = None
    receipt: Receipt | None = None
    confirmed: Mapping[str, Any] | None = None
    push: Push | None = None


def succeeded(push: Push, receipt: Receipt, latency_ms: int) -> Outcome:
    """Judge an accepted push: delivered, or due again where it could not carry everything."""
    return Outcome(
        kind=OutcomeKind.DELIVERED,
        state=DeliveryState.DELIVERED if push.complete else DeliveryState.PENDING,
        code="WARNING" if receipt.warning else None,
        detail=receipt.warning,
        latency_ms=latency_ms,
        receipt=receipt,
        confirmed=push.confirmed,
        push=push,
    )


def nothing_to_do(push: Push) -> Outcome:
    """Judge an update that differs in nothing: delivered without a call."""
    return Outcome(
        kind=OutcomeKind.DELIVERED,
        state=DeliveryState.DELIVERED,
        called=False,
        code="NOTHING_DIFFERS",
        confirmed=push.confirmed,
        push=push,
    )


def failed(
    error: ForecourtError,
    *,
    operation: Operation,
    attempts: int,
    policy: RetryPolicy,
    push: Push | None = None,
    latency_ms: int | None = None,
) -> Outcome:
    """Judge a failed try (design 5.1.3 to 5.1.5).

    A create of unknown outcome becomes ``unconfirmed`` and is never pending again by itself; an
    update of unknown outcome waits 180 s. A refusal of the credentials burns no try. What may
    pass is tried again as `policy` says, and parked when it says no more.
    """
    kind, state, wait, burns = _verdict(error, operation, attempts, policy)
    return Outcome(
        kind=kind,
        state=state,
        wait=wait,
        burns=burns,
        called=push is not None and kind is not OutcomeKind.GIVEN_UP,
        code=error.code,
        detail=error.detail,
        latency_ms=latency_ms,
        push=push,
    )


def _verdict(
    error: ForecourtError, operation: Operation, attempts: int, policy: RetryPolicy
) -> tuple[OutcomeKind, DeliveryState, float, bool]:
    if error.code == WRITE_WINDOW_CLOSED:
        return OutcomeKind.GIVEN_UP, DeliveryState.PENDING, _GIVEN_UP_SECONDS, False
    if isinstance(error, AuthenticationError):
        return OutcomeKind.AUTH, DeliveryState.PENDING, 0.0, False
    if isinstance(error, PermanentError):
        return OutcomeKind.PERMANENT, DeliveryState.FAILED, 0.0, True
    unknown = isinstance(error, OutcomeUnknownError)
    if unknown and operation is Operation.CREATE:
        return OutcomeKind.UNKNOWN, DeliveryState.UNCONFIRMED, PROBE_AFTER_SECONDS, True
    kind = OutcomeKind.UNKNOWN if unknown else OutcomeKind.RETRYABLE
    wait = policy.wait_after(attempts, error.retry_after)
    least = PROBE_AFTER_SECONDS if unknown else 0.0
    if wait is None:
        return kind, DeliveryState.FAILED, least, True
    return kind, DeliveryState.PENDING, max(wait.total_seconds(), least), True
