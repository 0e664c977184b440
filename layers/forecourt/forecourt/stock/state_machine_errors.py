"""Exactly three error class names leave a sync function.

Step Functions compares ``ErrorEquals`` with the class name alone and knows no inheritance, so a
subclass would slip through every retry rule in the state machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from forecourt.errors import (
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
    SkippableError,
)


def as_state_machine_error(error: Exception) -> ForecourtError:
    """Return ``error`` as a RetryableError, PermanentError or SkippableError, never a subclass.

    A sync only reads from its vendor, so an unknown outcome may be tried again. Any other
    exception is a fault of ours: it is permanent, and its text, which nobody has redacted, stays
    out.
    """
    if not isinstance(error, ForecourtError):
        detail = f"an unexpected {type(error).__name__}; the function's log has the traceback"
        return PermanentError("UNEXPECTED", detail, target="Forecourt")
    leaving: type[ForecourtError] = PermanentError
    if isinstance(error, RetryableError | OutcomeUnknownError):
        leaving = RetryableError
    elif isinstance(error, SkippableError):
        leaving = SkippableError
    if type(error) is leaving:
        return error
    return leaving(error.code, error.detail, target=error.target, retry_after=error.retry_after)


@contextmanager
def only_state_machine_errors() -> Iterator[None]:
    """Let nothing but the three classes out of the block, whatever went wrong in it."""
    try:
        yield
    except Exception as error:
        leaving = as_state_machine_error(error)
        if leaving is error:
            raise
        raise leaving from error
