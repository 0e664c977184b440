"""The ``code`` of every error the EasyCars adapter raises.

``HTTP_<status>`` (:func:`http_reason`) and ``VENDOR_CODE_<n>`` (:func:`code_reason`) carry the
number the vendor answered.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a call to EasyCars did not do what it was asked."""

    AUTHENTICATION_FAILED = "AUTHENTICATION_FAILED"
    """Code 1 or HTTP 401/403: on RequestToken at once, elsewhere also with a fresh token."""
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    """The stored account pair is longer than the vendor takes; nothing was sent."""
    INVALID_REQUEST = "INVALID_REQUEST"
    """The vendor would refuse a field; nothing was sent."""
    INVALID_EMAIL = "INVALID_EMAIL"
    """The lead's e-mail is no e-mail or too long, and an e-mail is never cut."""
    NO_TIME_LEFT = "NO_TIME_LEFT"
    """The call's deadline had passed before anything was sent."""
    CONNECT_FAILED = "CONNECT_FAILED"
    """No connection, or none in time; nothing was sent."""
    TIMEOUT = "TIMEOUT"
    """The answer was not whole in time."""
    CONNECTION_CUT = "CONNECTION_CUT"
    """The connection broke after sending had begun."""
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"
    """The answer is larger than any honest one."""
    UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
    """Not JSON, not an object, or without a Code."""
    VENDOR_REFUSED = "VENDOR_REFUSED"
    """Code 7: bad data or an unknown lead."""
    VENDOR_SYSTEM_ERROR = "VENDOR_SYSTEM_ERROR"
    """Code 9."""
    MISSING_PAYLOAD = "MISSING_PAYLOAD"
    """Code 0 or 5 without the thing that was asked for."""
    UNUSABLE_ITEM = "UNUSABLE_ITEM"
    """One item of the stock feed cannot become a vehicle."""


def http_reason(status: int) -> str:
    """Name an HTTP status that decided the outcome."""
    return f"HTTP_{status}"


def code_reason(code: int) -> str:
    """Name a response Code the vendor's specification does not list."""
    return f"VENDOR_CODE_{code}"
