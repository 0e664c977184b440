"""What a failed push means: for the lead, its connection, and its organisation's breaker."""

import pytest

from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads.breaker import Evidence
from forecourt.leads.dynamics.outcome import (
    QUIET_SECONDS,
    DynamicsOutcome,
    could_not_begin,
    evidence_of,
    failed,
    renewing,
    spare_trial,
)
from forecourt.leads.dynamics.reasons import DynamicsReason
from forecourt.leads.outcome import DeliveryState, OutcomeKind
from forecourt.leads.retry import RetryPolicy

POLICY = RetryPolicy(draw=lambda low, _high: low)


def outcome_of(
    kind: type[ForecourtError], code: str, *, attempts: int = 1, retry_after: float | None = None
) -> DynamicsOutcome:
    error = kind(code, f"Said {code}.", target="Dynamics", retry_after=retry_after)
    return failed(error, attempts=attempts, policy=POLICY, latency_ms=5)


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        (RetryableError, "CONNECT_FAILED", Evidence.DOWN),
        (RetryableError, "TIMEOUT", Evidence.DOWN),
        (OutcomeUnknownError, "CONNECTION_CUT", Evidence.DOWN),
        (RetryableError, "VENDOR_AWAY_HTTP", Evidence.DOWN),
        (RetryableError, "SERVER_ERROR", Evidence.TROUBLED),
        (RetryableError, "RATE_LIMITED", Evidence.ALIVE),
        (RetryableError, "SQL_BUSY", Evidence.ALIVE),
        (PermanentError, "DUPLICATE_FOUND", Evidence.ALIVE),
        (AuthenticationError, "PRIVILEGE_MISSING", Evidence.ALIVE),
        (RetryableError, "UNREADABLE_ANSWER", Evidence.DOUBTFUL),
        (AuthenticationError, "TOKEN_DENIED", Evidence.NONE),
        (RetryableError, "NO_TIME_LEFT", Evidence.NONE),
        (OutcomeUnknownError, "UNEXPECTED_ERROR", Evidence.NONE),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.lower(),
)
def test_what_an_outcome_tells_of_the_organisation(
    kind: type[ForecourtError], code: str, expected: Evidence
) -> None:
    assert evidence_of(outcome_of(kind, code)) is expected


@pytest.mark.parametrize("code", sorted(DynamicsReason))
def test_no_refusal_of_a_lead_stops_the_calls_for_others(code: str) -> None:
    refused = outcome_of(PermanentError, code)

    assert evidence_of(refused) not in {Evidence.DOWN, Evidence.TROUBLED} or code in {
        DynamicsReason.VENDOR_AWAY_HTTP,
        DynamicsReason.SERVER_ERROR,
    }


def test_only_what_may_have_been_done_forgets_and_waits_two_minutes() -> None:
    unknown = outcome_of(RetryableError, "TIMEOUT")
    certain = outcome_of(RetryableError, "CONNECT_FAILED")

    assert (unknown.forgets, unknown.wait, unknown.kind) == (
        True,
        QUIET_SECONDS,
        OutcomeKind.UNKNOWN,
    )
    assert (certain.forgets, certain.wait, certain.kind) == (False, 60.0, OutcomeKind.RETRYABLE)


def test_the_last_try_parks_and_keeps_its_distance() -> None:
    last = outcome_of(RetryableError, "TIMEOUT", attempts=8)

    assert (last.state, last.wait, last.forgets) == (DeliveryState.FAILED, QUIET_SECONDS, True)


def test_a_limit_is_waited_out_as_long_as_asked_and_burns_nothing() -> None:
    asked = outcome_of(RetryableError, "RATE_LIMITED", attempts=8, retry_after=17.0)
    unasked = outcome_of(RetryableError, "RATE_LIMITED")

    assert (asked.state, asked.wait, asked.burns) == (DeliveryState.PENDING, 17.0, False)
    assert asked.retry_after == 17.0
    assert unasked.retry_after == unasked.wait > 0


def test_a_connection_that_could_not_begin_burns_no_try_of_its_leads() -> None:
    refused = PermanentError("WRONG_ADDRESS", "No.", target="Dynamics")
    limited = RetryableError("RATE_LIMITED", "Later.", target="Dynamics", retry_after=9.0)

    assert could_not_begin(refused).kind is OutcomeKind.AUTH
    assert could_not_begin(limited).retry_after == 9.0
    assert not any(could_not_begin(error).burns for error in (refused, limited))


def test_a_failed_trial_burns_no_try_and_another_lead_tries_next() -> None:
    down = outcome_of(RetryableError, "CONNECT_FAILED", attempts=8)
    alive = outcome_of(PermanentError, "DUPLICATE_FOUND")

    assert (spare_trial(down).state, spare_trial(down).burns) == (DeliveryState.PENDING, False)
    assert spare_trial(down).wait == 90.0
    assert spare_trial(outcome_of(RetryableError, "TIMEOUT")).wait == QUIET_SECONDS
    assert spare_trial(alive) == alive


def test_a_refusal_with_old_metadata_is_due_at_once_with_new_ones() -> None:
    again = renewing(outcome_of(PermanentError, "COLUMN_UNKNOWN", attempts=8))

    assert (again.state, again.wait, again.burns) == (DeliveryState.PENDING, 0.0, False)
    assert again.renews
