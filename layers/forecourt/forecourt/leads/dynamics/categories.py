"""What kind of trouble an error of the way to Dynamics 365 is, by its code.

A category says who mends it: nobody (``network``, ``rate_limit``: it is tried again), whoever keeps
the connection (``auth``, ``permission``, ``configuration``), or whoever keeps the leads
(``validation``, ``duplicate``, ``gone``).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from forecourt.leads.dynamics.reasons import DynamicsReason as Reason


class Category(StrEnum):
    """The words of the admin API, in the order they are shown."""

    AUTH = "auth"
    PERMISSION = "permission"
    CONFIGURATION = "configuration"
    RATE_LIMIT = "rate_limit"
    NETWORK = "network"
    VALIDATION = "validation"
    DUPLICATE = "duplicate"
    GONE = "gone"
    UNKNOWN = "unknown"


_CODES: Final[Mapping[Category, tuple[str, ...]]] = {
    Category.AUTH: (
        Reason.TOKEN_DENIED,
        Reason.TOKEN_REFUSED,
        Reason.CONNECTION_INVALID,
        "CREDENTIALS_UNREADABLE",
        "CREDENTIALS_ON_HOLD",
    ),
    Category.PERMISSION: (Reason.PRIVILEGE_MISSING,),
    Category.CONFIGURATION: (
        Reason.COLUMN_UNKNOWN,
        Reason.OPTION_REFUSED,
        Reason.WRONG_ADDRESS,
        Reason.KEY_NOT_ACTIVE,
        Reason.METADATA_UNKNOWN,
        Reason.NO_COLUMNS,
        "NO_CONNECTION",
    ),
    Category.RATE_LIMIT: (Reason.RATE_LIMITED,),
    Category.NETWORK: (
        Reason.VENDOR_AWAY_HTTP,
        Reason.SERVER_ERROR,
        Reason.SQL_BUSY,
        Reason.KEY_RACE,
        Reason.UNREADABLE_ANSWER,
        *("TIMEOUT", "NO_TIME_LEFT", "CONNECTION_CUT", "CONNECT_FAILED", "ANSWER_TOO_LARGE"),
        *("LEASE_EXPIRED", "KMS_AWAY"),
    ),
    Category.VALIDATION: (Reason.TEXT_TOO_LONG, Reason.REQUEST_REFUSED, Reason.TOO_LARGE),
    Category.DUPLICATE: (Reason.DUPLICATE_FOUND, Reason.UNIQUENESS_REFUSED),
    Category.GONE: (Reason.DELETED_IN_DYNAMICS, Reason.LEAD_CLOSED_IN_DYNAMICS),
    Category.UNKNOWN: ("UNEXPECTED_ERROR",),
}

CATEGORIES: Final = MappingProxyType(
    {str(code): category for category, codes in _CODES.items() for code in codes}
)

MENDED_BY_A_SAVE: Final = frozenset(
    str(code)
    for category in (Category.AUTH, Category.PERMISSION, Category.CONFIGURATION)
    for code in _CODES[category]
)
"""What a newly saved connection may well have ended; such leads are tried again at once."""


def category_of(code: str | None) -> Category:
    """Return the category of an error's code; ``unknown`` for a code nobody has placed."""
    return CATEGORIES.get(code or "", Category.UNKNOWN)
