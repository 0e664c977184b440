"""The faults EasyCars can be told to have, besides those of every vendor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from local.easycars_simulator.request_tables import IMAGE, OPERATIONS, REQUEST_TOKEN, Service
from local.simulation.faults import (
    COMMON_ACTS,
    COMMON_KEYS,
    COMMON_KINDS,
    Check,
    PlannedFault,
)

KINDS = {
    "code": "answer with this Code",
    "code_missing": "answer without a Code",
    **COMMON_KINDS,
    "success_without_number": "do it and answer Code 0 without what was asked for",
    "malformed_item": "spoil one item of the list (see variant)",
    "expired_token": "revoke the client's tokens, so that this request is refused with Code 1",
}
"""Every kind besides ``http_400`` to ``http_599``."""

VARIANTS = {
    "year_null": "YearGroup is null",
    "wrong_type": "YearGroup and Price are texts, IsUsed is a number",
    "stock_number_missing": "there is no StockNumber",
    "stock_number_null": "StockNumber is null",
    "stock_number_blank": "StockNumber is blank",
    "stock_number_number": "StockNumber is a number",
    "negative_price": "Price is below 0",
    "year_impossible": "YearGroup is 20201",
    "null_byte": "AdvDescription holds U+0000",
    "not_an_object": "the item is a text",
    "null": "the item is null",
    "empty_object": "the item has no field",
    "unknown_field": "the item has a field the document does not know",
}
_WARNING = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(PlannedFault):
    """One fault to be played, with what EasyCars' own faults need.

    `operation` is the name of an operation, ``StockService/RequestToken`` for one service's alone
    or ``Image`` for the pictures; `account` an account number. ``lead`` in `per` tells leads by
    the ExternalID of a CreateLead, by the LeadNumber of what is about a lead there is. `code` and
    `message` go with the kind ``code``; Code 5 keeps the payload (it acts unless told otherwise).

    Parameters
    ----------
    variant, index
        For ``malformed_item``: one of :data:`VARIANTS`, and which item is spoilt.
    """

    KINDS: ClassVar[Mapping[str, str]] = KINDS
    ACTS: ClassVar[frozenset[str]] = COMMON_ACTS | {"success_without_number", "malformed_item"}
    OPERATIONS: ClassVar[Collection[str]] = {
        *(name for tables in OPERATIONS.values() for name in tables),
        *(REQUEST_TOKEN, IMAGE),
        *(f"{service}/{REQUEST_TOKEN}" for service in Service),
    }
    KEYS: ClassVar[Mapping[str, str]] = {**COMMON_KEYS, "variant": "variant", "index": "index"}

    variant: str = "year_null"
    index: int = 0

    def acts_by_itself(self) -> bool:
        """Tell whether it acts unless told otherwise, as a warning does."""
        return self.kind in self.ACTS or (self.kind == "code" and self.code == _WARNING)

    def own_checks(self) -> Collection[Check]:
        """Check the code and the spoilt item."""
        return (
            (self.kind == "code" and self.code is None, "code is needed."),
            (
                self.kind == "malformed_item" and self.variant not in VARIANTS,
                f"variant must be one of {', '.join(VARIANTS)}.",
            ),
            (self.index < 0, "index must not be negative."),
        )
