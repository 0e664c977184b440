import pytest

from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
    SkippableError,
)
from forecourt.stock.state_machine_errors import as_state_machine_error, only_state_machine_errors


class ThrottledError(RetryableError):
    pass


@pytest.mark.parametrize(
    ("raised", "leaving"),
    [
        (RetryableError, RetryableError),
        (ThrottledError, RetryableError),
        (OutcomeUnknownError, RetryableError),
        (PermanentError, PermanentError),
        (AuthenticationError, PermanentError),
        (ForecourtError, PermanentError),
        (SkippableError, SkippableError),
    ],
)
def test_exactly_three_class_names_leave(
    raised: type[ForecourtError], leaving: type[ForecourtError]
) -> None:
    error = as_state_machine_error(raised("CODE", "why", target="EasyCars", retry_after=3.0))
    assert type(error) is leaving
    assert (error.code, error.detail, error.target, error.retry_after) == (
        "CODE",
        "why",
        "EasyCars",
        3.0,
    )


def test_a_fault_of_ours_is_permanent_and_its_text_stays_out() -> None:
    error = as_state_machine_error(ValueError("secret-in-a-message"))
    assert type(error) is PermanentError
    assert error.code == "UNEXPECTED"
    assert "ValueError" in error.detail
    assert "secret-in-a-message" not in str(error)


def test_a_block_lets_nothing_else_out() -> None:
    with pytest.raises(PermanentError) as caught, only_state_machine_errors():
        raise AuthenticationError(code="AUTH_FAILED", detail="refused", target="EasyCars")
    assert type(caught.value) is PermanentError
    with pytest.raises(RetryableError) as same, only_state_machine_errors():
        raise (original := RetryableError("AWAY", "later", target="PostgreSQL"))
    assert same.value is original
