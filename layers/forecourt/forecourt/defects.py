"""What leaves a function when it meets a defect of its own.

Lambda's runtime logs and returns an error's text as it is, Step Functions keeps it in its history,
and a database quotes the row it refuses: such a text may hold personal data.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from forecourt.errors import ForecourtError, PermanentError
from forecourt.logs import get_logger


@contextmanager
def only_redacted_errors(service: str) -> Iterator[None]:
    """Log any error that is not ours, redacted, and let one out that only names its class.

    Raises
    ------
    ForecourtError
        As it came out of the block; PermanentError ``UNEXPECTED`` in place of every other.
    """
    try:
        yield
    except ForecourtError:
        raise
    except Exception as error:  # noqa: BLE001 - what leaves is one of ours, and is logged
        get_logger(service).exception("The function met a defect")
        detail = f"an unexpected {type(error).__name__}; the function's log has the traceback"
        raise PermanentError(code="UNEXPECTED", detail=detail, target="Forecourt") from None
