"""Why there is no answer to a request."""

from enum import StrEnum


class Silence(StrEnum):
    """Why a request got no complete answer: a code that every adapter's errors carry as it is."""

    NO_TIME_LEFT = "NO_TIME_LEFT"
    """The deadline had passed before anything was sent."""
    CONNECT_FAILED = "CONNECT_FAILED"
    """No connection, or none in time; nothing was sent."""
    TIMEOUT = "TIMEOUT"
    """The answer was not whole in time."""
    CONNECTION_CUT = "CONNECTION_CUT"
    """The connection broke after sending had begun."""
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"
    """The answer is larger than any honest one."""
    UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
    """The answer's compression is broken."""
