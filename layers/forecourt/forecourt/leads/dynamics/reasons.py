"""The ``code`` of every error of a call to Dynamics 365, and what to do about it.

What makes a call end with one stands in the tables of :mod:`forecourt.dynamics.verdict`. Where
there was no answer at all, the codes of :mod:`forecourt.network.silence` stand for themselves:
``CONNECT_FAILED``, ``TIMEOUT``, ``CONNECTION_CUT``, ``NO_TIME_LEFT``, ``ANSWER_TOO_LARGE``.
"""

from enum import StrEnum


class DynamicsReason(StrEnum):
    """Why a call to Dynamics did not do what it was asked."""

    CONNECTION_INVALID = "CONNECTION_INVALID"
    """The stored connection cannot be called: address, tenant, version or certificate."""
    TOKEN_DENIED = "TOKEN_DENIED"  # noqa: S105 - the name of a reason
    """Entra gives the client no token."""
    TOKEN_REFUSED = "TOKEN_REFUSED"  # noqa: S105 - the name of a reason
    """Dynamics refuses a fresh token: HTTP 401 twice."""
    PRIVILEGE_MISSING = "PRIVILEGE_MISSING"
    """HTTP 403, or the codes of a missing privilege or access right."""
    RATE_LIMITED = "RATE_LIMITED"
    """HTTP 429: a service protection limit, or Entra's own."""
    KEY_RACE = "KEY_RACE"
    """0x80060892, and again after the upsert was sent once more."""
    SQL_BUSY = "SQL_BUSY"
    """0x80044150 (deadlock) or 0x80044151 (time-out): nothing was written."""
    VENDOR_AWAY_HTTP = "VENDOR_AWAY_HTTP"
    """HTTP 502 to 504."""
    SERVER_ERROR = "SERVER_ERROR"
    """Any other HTTP 5xx whose code says nothing."""
    UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
    """A success without what was asked for, e.g. a page for people."""
    DUPLICATE_FOUND = "DUPLICATE_FOUND"
    """0x80040333: a duplicate detection rule matches a record that is not ours."""
    UNIQUENESS_REFUSED = "UNIQUENESS_REFUSED"
    """0x80040237: another record has this primary key or unique value."""
    DELETED_IN_DYNAMICS = "DELETED_IN_DYNAMICS"
    """The lead we know by its id is no longer there."""
    LEAD_CLOSED_IN_DYNAMICS = "LEAD_CLOSED_IN_DYNAMICS"
    """The lead is qualified or disqualified, and read-only until somebody reactivates it."""
    TEXT_TOO_LONG = "TEXT_TOO_LONG"
    """0x80044331: a text is longer than its column."""
    COLUMN_UNKNOWN = "COLUMN_UNKNOWN"
    """The lead table has no such column."""
    OPTION_REFUSED = "OPTION_REFUSED"
    """0x8004431A: a choice column has no such integer."""
    REQUEST_REFUSED = "REQUEST_REFUSED"
    """Any other refusal of what was sent."""
    WRONG_ADDRESS = "WRONG_ADDRESS"
    """The address has no Dataverse Web API, or no table of leads."""
    KEY_NOT_ACTIVE = "KEY_NOT_ACTIVE"
    """The alternate key on our lead id is missing, or its index is not Active."""
    METADATA_UNKNOWN = "METADATA_UNKNOWN"
    """The tenant's lead table was not read yet; nothing was sent."""
    NO_COLUMNS = "NO_COLUMNS"
    """Of the tenant's lead table nothing may be written that a lead has; nothing was sent."""
    TOO_LARGE = "TOO_LARGE"
    """HTTP 413."""
