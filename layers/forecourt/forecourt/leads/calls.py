"""Calls to EasyCars, side by side, and what each comes to."""

import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from forecourt.errors import ForecourtError, OutcomeUnknownError
from forecourt.leads.accounts import Account
from forecourt.leads.ledger import Claim, Report
from forecourt.leads.outcome import Outcome, failed, succeeded
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import LeadSink, Push
from forecourt.leads.slots import Slots
from forecourt.leads.steps import OnStep, Step

VENDOR_SECONDS = 100.0
"""The whole path through the vendor; the function has 120 s (design 5.1.7)."""

WRITE_WITHIN_SECONDS = 45.0
"""A request is written this soon after its claim or not at all: a worker that was frozen must not
send what another has begun to look for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One claimed push. ``claimed_at`` is wall-clock seconds, read before the claim was made."""

    claim: Claim
    push: Push
    account: Account
    claimed_at: float


class VendorCalls:
    """Makes calls side by side and hands their outcomes over as they arrive."""

    def __init__(self, sink: LeadSink, policy: RetryPolicy, on_step: OnStep) -> None:
        self._sink = sink
        self._policy = policy
        self._on_step = on_step
        self._slots = Slots(self._make_one, "lead-delivery")

    def close(self) -> None:
        """End the kept threads."""
        self._slots.close()

    def make(self, calls: Iterable[Call], seconds: float) -> Generator[Sequence[Report]]:
        """Make the calls within so many seconds, as :meth:`Slots.make`."""
        give_up_at = time.monotonic() + min(seconds, VENDOR_SECONDS)
        return self._slots.make((call, give_up_at) for call in calls)

    def _make_one(self, asked: tuple[Call, float]) -> Report:
        call, give_up_at = asked
        started = time.monotonic()
        try:
            self._on_step(Step.CALLING)
            receipt = self._sink.send(
                call.push,
                call.account.credentials,
                write_by=call.claimed_at + WRITE_WITHIN_SECONDS,
                seconds=give_up_at - started,
            )
            self._on_step(Step.CALLED)
            outcome = succeeded(call.push, receipt, _milliseconds_since(started))
        except ForecourtError as error:
            outcome = self._judge(call, error, started)
        except Exception as error:  # noqa: BLE001 - a thread must always hand something over
            outcome = self._judge(call, _surprise(error), started)
        return Report(claim=call.claim, outcome=outcome, account=call.account)

    def _judge(self, call: Call, error: ForecourtError, started: float) -> Outcome:
        return failed(
            error,
            operation=call.push.operation,
            attempts=call.claim.attempts,
            policy=self._policy,
            push=call.push,
            latency_ms=_milliseconds_since(started),
        )


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _surprise(error: Exception) -> OutcomeUnknownError:
    """Call a defect of ours what it is: nobody knows how far the request got."""
    return OutcomeUnknownError(
        code="UNEXPECTED_ERROR",
        detail=f"The call ended with {type(error).__name__}.",
        target="Forecourt",
    )
