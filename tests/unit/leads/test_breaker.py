"""What opens and closes a circuit breaker, as a function of its state."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.easycars.reasons import Reason
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.leads import breaker
from forecourt.leads.breaker import (
    BreakerState,
    Evidence,
    Observation,
    Turn,
    evidence_of,
    spare_trial,
    take_into_account,
)
from forecourt.leads.outcome import DeliveryState, Outcome, OutcomeKind, failed, nothing_to_do
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import WRITE_WINDOW_CLOSED, Operation, Push

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TRIAL = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")
OTHER = UUID("1d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")
PUSH = Push(
    operation=Operation.CREATE,
    lead_number=None,
    fields={"Name": "Zoë"},
    confirmed={},
    complete=True,
    loggable={},
)
CLOSED = BreakerState()
OPEN = BreakerState(failures=5, is_open=True, trial=TRIAL)


def seen(evidence: Evidence, dealership: int = 1, begun_at: datetime | None = NOON) -> Observation:
    return Observation(evidence=evidence, dealership_id=dealership, begun_at=begun_at)


def after(
    state: BreakerState, *observations: Observation, trial: UUID | None = None
) -> tuple[BreakerState, Turn]:
    return take_into_account(state, observations, trial=trial)


def outcome_of(error: ForecourtError, operation: Operation = Operation.CREATE) -> Outcome:
    return failed(error, operation=operation, attempts=8, policy=RetryPolicy(), push=PUSH)


def error_of(kind: type[ForecourtError], code: str) -> ForecourtError:
    return kind(code=code, detail="CreateLead", target="EasyCars")


class TestEvidence:
    @pytest.mark.parametrize(
        ("kind", "code", "evidence"),
        [
            (RetryableError, "CONNECT_FAILED", Evidence.DOWN),
            (RetryableError, "TIMEOUT", Evidence.DOWN),
            (OutcomeUnknownError, "TIMEOUT", Evidence.DOWN),
            (OutcomeUnknownError, "CONNECTION_CUT", Evidence.DOWN),
            (OutcomeUnknownError, "HTTP_502", Evidence.DOWN),
            (OutcomeUnknownError, "HTTP_503", Evidence.DOWN),
            (RetryableError, "HTTP_504", Evidence.DOWN),
            (OutcomeUnknownError, "HTTP_500", Evidence.TROUBLED),
            (RetryableError, "HTTP_429", Evidence.ALIVE),
            (PermanentError, "HTTP_404", Evidence.ALIVE),
            (PermanentError, "VENDOR_REFUSED", Evidence.ALIVE),
            (OutcomeUnknownError, "VENDOR_SYSTEM_ERROR", Evidence.ALIVE),
            (OutcomeUnknownError, "VENDOR_CODE_8", Evidence.ALIVE),
            (AuthenticationError, "AUTHENTICATION_FAILED", Evidence.ALIVE),
            (OutcomeUnknownError, "MISSING_PAYLOAD", Evidence.ALIVE),
            (OutcomeUnknownError, "UNUSABLE_LEAD_NUMBER", Evidence.ALIVE),
            (OutcomeUnknownError, "UNREADABLE_ANSWER", Evidence.DOUBTFUL),
            (OutcomeUnknownError, "ANSWER_TOO_LARGE", Evidence.DOUBTFUL),
            (OutcomeUnknownError, "HTTP_302", Evidence.DOUBTFUL),
            (AuthenticationError, "INVALID_CREDENTIALS", Evidence.NONE),
            (PermanentError, "INVALID_REQUEST", Evidence.NONE),
            (RetryableError, "NO_TIME_LEFT", Evidence.NONE),
            (RetryableError, WRITE_WINDOW_CLOSED, Evidence.NONE),
            (OutcomeUnknownError, "UNEXPECTED_ERROR", Evidence.NONE),
        ],
    )
    def test_of_each_error(self, kind: type[ForecourtError], code: str, evidence: Evidence) -> None:
        assert evidence_of(outcome_of(error_of(kind, code))) is evidence

    def test_of_an_update_nobody_was_called_for(self) -> None:
        assert evidence_of(nothing_to_do(PUSH)) is Evidence.NONE

    def test_every_name_it_goes_by_is_one_the_adapter_uses(self) -> None:
        ours = {WRITE_WINDOW_CLOSED, "UNEXPECTED_ERROR", "UNUSABLE_LEAD_NUMBER"}
        named = breaker._VENDOR_AWAY_CODES | breaker._NOTHING_SENT_CODES | breaker._SPOKEN_CODES

        assert {code for code in named if not code.startswith("HTTP_")} - ours <= set(Reason)


class TestClosed:
    def test_five_failures_in_a_row_open_it(self) -> None:
        state, turn = after(CLOSED, *[seen(Evidence.DOWN)] * 4)
        assert (state.is_open, turn) == (False, Turn.COUNTED)

        state, turn = after(state, seen(Evidence.DOWN))
        assert (state.is_open, turn) == (True, Turn.OPENED)

    def test_any_sign_of_life_starts_the_count_anew(self) -> None:
        state, _ = after(CLOSED, *[seen(Evidence.DOWN)] * 4, seen(Evidence.TROUBLED))
        assert after(state, seen(Evidence.ALIVE)) == (CLOSED, Turn.COUNTED)

    @pytest.mark.parametrize("evidence", [Evidence.DOUBTFUL, Evidence.NONE])
    def test_what_says_nothing_counts_for_nothing(self, evidence: Evidence) -> None:
        state, _ = after(CLOSED, *[seen(Evidence.DOWN)] * 4)
        assert after(state, *[seen(evidence)] * 10) == (state, Turn.COUNTED)

    def test_plain_500s_of_two_dealerships_never_open_it(self) -> None:
        state, turn = after(CLOSED, *[seen(Evidence.TROUBLED, 1), seen(Evidence.TROUBLED, 2)] * 100)
        assert (state.is_open, turn) == (False, Turn.COUNTED)
        assert len(state.troubled) == 6

    def test_the_third_dealership_makes_all_of_them_count(self) -> None:
        state, _ = after(CLOSED, *[seen(Evidence.TROUBLED, 1)] * 3, seen(Evidence.TROUBLED, 2))
        assert after(state, seen(Evidence.TROUBLED, 3))[1] is Turn.OPENED

    def test_three_500s_are_too_few_even_of_three_dealerships(self) -> None:
        state, turn = after(CLOSED, *[seen(Evidence.TROUBLED, n) for n in (1, 2, 3)])
        assert turn is Turn.COUNTED
        assert after(state, *[seen(Evidence.DOWN)] * 2)[1] is Turn.OPENED

    def test_500s_of_one_dealership_add_nothing_to_other_failures(self) -> None:
        state, turn = after(CLOSED, *[seen(Evidence.TROUBLED, 1)] * 9, *[seen(Evidence.DOWN)] * 4)
        assert (state.is_open, turn) == (False, Turn.COUNTED)

    @pytest.mark.parametrize("begun_at", [NOON, NOON - timedelta(seconds=30), None])
    def test_failures_of_calls_from_before_it_closed_open_it_not_again(
        self, begun_at: datetime | None
    ) -> None:
        state = BreakerState(closed_at=NOON)
        late = [seen(Evidence.DOWN, begun_at=begun_at), seen(Evidence.TROUBLED, begun_at=begun_at)]

        assert after(state, *late * 10) == (state, Turn.COUNTED)
        fresh = seen(Evidence.DOWN, begun_at=NOON + timedelta(milliseconds=1))
        assert after(state, *[fresh] * 5)[1] is Turn.OPENED

    def test_what_comes_after_the_fifth_in_the_same_breath_changes_nothing(self) -> None:
        state, turn = after(CLOSED, *[seen(Evidence.DOWN)] * 5, seen(Evidence.ALIVE))
        assert (state.is_open, turn) == (True, Turn.OPENED)


class TestOpen:
    @pytest.mark.parametrize("evidence", list(Evidence))
    @pytest.mark.parametrize("trial", [None, OTHER])
    def test_outcomes_of_calls_that_are_not_its_trial_move_nothing(
        self, evidence: Evidence, trial: UUID | None
    ) -> None:
        assert after(OPEN, seen(evidence), trial=trial) == (OPEN, Turn.COUNTED)

    def test_no_token_is_no_trial(self) -> None:
        state = BreakerState(failures=5, is_open=True)
        assert after(state, seen(Evidence.ALIVE)) == (state, Turn.COUNTED)

    def test_a_trial_that_is_answered_closes_it(self) -> None:
        assert after(OPEN, seen(Evidence.ALIVE), trial=TRIAL) == (CLOSED, Turn.CLOSED)

    @pytest.mark.parametrize("evidence", [Evidence.DOWN, Evidence.TROUBLED, Evidence.DOUBTFUL])
    def test_a_trial_that_fails_leaves_it_open(self, evidence: Evidence) -> None:
        state, turn = after(OPEN, seen(evidence), trial=TRIAL)
        assert (state.is_open, state.trial, turn) == (True, None, Turn.STAYS_OPEN)

    def test_a_trial_that_asked_nobody_is_free_for_the_next(self) -> None:
        state, turn = after(OPEN, seen(Evidence.NONE), trial=TRIAL)
        assert (state.is_open, state.trial, turn) == (True, None, Turn.TRIAL_FREED)

    def test_a_trial_overtaken_by_another_counts_as_any_call(self) -> None:
        closed = BreakerState(closed_at=NOON)
        assert after(closed, seen(Evidence.DOWN), trial=TRIAL) == (closed, Turn.COUNTED)


class TestTrialThatFailed:
    def test_a_last_try_is_no_last_try(self) -> None:
        outcome = spare_trial(
            outcome_of(error_of(RetryableError, "CONNECT_FAILED")), Operation.CREATE
        )

        assert (outcome.state, outcome.wait, outcome.burns) == (DeliveryState.PENDING, 90, False)

    def test_a_create_that_may_have_happened_is_unconfirmed_all_the_same(self) -> None:
        outcome = spare_trial(
            outcome_of(error_of(OutcomeUnknownError, "TIMEOUT")), Operation.CREATE
        )

        assert (outcome.state, outcome.wait) == (DeliveryState.UNCONFIRMED, 180)
        assert not outcome.burns

    def test_an_update_that_may_have_happened_waits_its_time(self) -> None:
        error = error_of(OutcomeUnknownError, "TIMEOUT")
        outcome = spare_trial(outcome_of(error, Operation.UPDATE), Operation.UPDATE)

        assert (outcome.state, outcome.wait, outcome.burns) == (DeliveryState.PENDING, 180, False)

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (RetryableError, "HTTP_429"),
            (PermanentError, "VENDOR_REFUSED"),
            (PermanentError, "UNHEARD_OF"),
            (AuthenticationError, "AUTHENTICATION_FAILED"),
            (RetryableError, WRITE_WINDOW_CLOSED),
        ],
    )
    def test_what_the_vendor_said_to_it_stands(self, kind: type[ForecourtError], code: str) -> None:
        outcome = outcome_of(error_of(kind, code))

        assert spare_trial(outcome, Operation.CREATE) is outcome

    def test_success_stands(self) -> None:
        outcome = Outcome(kind=OutcomeKind.DELIVERED, state=DeliveryState.DELIVERED)

        assert spare_trial(outcome, Operation.CREATE) is outcome


@given(
    st.lists(
        st.builds(
            seen,
            st.sampled_from(list(Evidence)),
            st.integers(1, 4),
            st.sampled_from([NOON, None, NOON - timedelta(minutes=1)]),
        )
    )
)
def test_one_by_one_or_together_comes_to_the_same(observations: list[Observation]) -> None:
    state = BreakerState(closed_at=NOON - timedelta(seconds=30))
    together, _ = take_into_account(state, observations, trial=None)
    for observed in observations:
        state, _ = take_into_account(state, [observed], trial=None)

    assert state == together
    assert len(state.troubled) <= 12
