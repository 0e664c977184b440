"""How the stock sync reads feed items: the stock number at once, the rest on demand."""

import re

import msgspec

from forecourt.easycars.stock_mapping import (
    MAPPING_VERSION,
    MappedVehicle,
    decode_stock_item,
    map_stock_item,
    stock_number_of,
)
from forecourt.errors import SkippableError

_LEADING_STOCK_NUMBER = re.compile(
    rb"""\s*\{\s*
    (?: "[^"\\]*" \s*:\s* (?: "(?:[^"\\]|\\.)*+" | [-+.0-9A-Za-z]++ ) \s*,\s* )*?
    "StockNumber" \s*:\s* "([^"\\]*)" """,
    re.VERBOSE,
)
"""Walks over whole members, text or plain, until the stock number. The vendor writes it third, so
this reads some fifty bytes of an item that has twenty thousand."""


class EasyCarsStockReading:
    """Adapter of :class:`forecourt.stock.ports.StockMapping`."""

    version = MAPPING_VERSION

    def stock_number_of(self, raw: msgspec.Raw) -> str:
        """Return an item's stock number, trimmed.

        Raises
        ------
        SkippableError
            It has none.
        """
        match = _LEADING_STOCK_NUMBER.match(raw)
        number = match[1].decode(errors="replace").strip() if match else stock_number_of(raw)
        if not number:
            detail = "the item has no stock number"
            raise SkippableError(code="NO_STOCK_NUMBER", detail=detail, target="EasyCars")
        return number

    def draft(self, raw: msgspec.Raw) -> MappedVehicle:
        """Parse and map one item; raises SkippableError where it cannot be a vehicle."""
        return map_stock_item(decode_stock_item(raw))
