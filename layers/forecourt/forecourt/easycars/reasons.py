"""The ``code`` of every error the EasyCars adapter raises.

``HTTP_<status>`` (:func:`http_reason`) and ``VENDOR_CODE_<n>`` (:func:`code_reason`) carry the
number the vendor answered.
"""

from enum import StrEnum

from forecourt.network.silence import Silence


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
    NO_TIME_LEFT = Silence.NO_TIME_LEFT.value
    CONNECT_FAILED = Silence.CONNECT_FAILED.value
    TIMEOUT = Silence.TIMEOUT.value
    CONNECTION_CUT = Silence.CONNECTION_CUT.value
    ANSWER_TOO_LARGE = Silence.ANSWER_TOO_LARGE.value
    UNREADABLE_ANSWER = Silence.UNREADABLE_ANSWER.value
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
