"""Decode one item of the stock feed, leniently where nothing is lost by it.

An item whose 72 fields have their types is decoded in one step. For any other, each field is read
by itself: a number written as text, a whole number written ``5.0``, text that came as a number.
A field that cannot be read costs the item if a column of ours comes from it, and is only a warning
if not; the raw item keeps it either way.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from forecourt.easycars.envelope import decode_leniently
from forecourt.easycars.field_types import read_flag, read_number, read_text, read_whole
from forecourt.easycars.json_text import drop_nulls, repair_text
from forecourt.easycars.reasons import Reason
from forecourt.easycars.stock_messages import StockFields, StockItem
from forecourt.errors import SkippableError

_READERS: dict[Any, Callable[[object], Any]] = {
    str | None: read_text,
    int | None: read_whole,
    Decimal | None: read_number,
    bool | None: read_flag,
}
_FIELDS = tuple(
    (field.name, field.encode_name, _READERS[field.type])
    for field in msgspec.structs.fields(StockFields)
)
_MAPPED_FIELDS = frozenset({
    "YardCode", "StockNumber", "Make", "Model", "Badge", "VIN", "Price", "YearGroup", "Odometer",
    "Body", "Colour", "EngineCapacity", "GearType", "FuelType", "AdvDescription",
    "AdvSpecialPrice", "IsDemo", "IsSpecial", "IsUsed", "DoorNum", "ShortDescription",
    "EngineSize", "StockStatus", "AdditionalDescription", "InteriorColor", "StandardFeatures",
    "OptionalFeatures", "IsMiles", "IsDepositTaken", "ImageURLs",
})  # fmt: skip


class _Key(msgspec.Struct):
    stock_number: str | int | None = msgspec.field(default=None, name="StockNumber")


_decode_fields = msgspec.json.Decoder(StockFields).decode
_decode_key = msgspec.json.Decoder(_Key).decode


def stock_number_of(raw: bytes | msgspec.Raw) -> str | None:
    """Read only the StockNumber of an item: the match key, trimmed; None where it has none.

    Never raises, so that an item that cannot be mapped still counts as seen.
    """
    try:
        number: object = _decode_key(raw).stock_number
    except (msgspec.DecodeError, RecursionError, ValueError):
        try:
            item = decode_leniently(raw)
        except ValueError:
            return None
        number = item.get("StockNumber") if isinstance(item, dict) else None
    return _key_text(number)


def decode_stock_item(raw: bytes | msgspec.Raw) -> StockItem:
    """Decode one item as the feed sent it.

    Raises
    ------
    SkippableError
        Code ``UNUSABLE_ITEM``: no JSON object, or a field a column needs cannot be read. The
        detail names the stock number and the field.
    """
    content, warnings = _storable(bytes(raw))
    try:
        fields = _decode_fields(content)
    except msgspec.ValidationError:
        fields, unreadable = _decode_field_by_field(content)
        warnings += unreadable
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise unusable(None, "it is no readable JSON") from None
    return StockItem(fields=fields, raw_json=content.decode(), warnings=tuple(warnings))


def unusable(stock_number: str | None, reason: str) -> SkippableError:
    """Make the error for an item that cannot become a vehicle."""
    name = "an item without a stock number" if stock_number is None else f"stock {stock_number}"
    return SkippableError(Reason.UNUSABLE_ITEM, f"{name}: {reason}", target="EasyCars")


def _storable(content: bytes) -> tuple[bytes, list[str]]:
    warnings = []
    try:
        content.decode()
        suspect = rb"\ud" in content or rb"\uD" in content
    except UnicodeDecodeError:
        suspect = True
    if suspect:
        content, repairs = repair_text(content)
        if repairs:
            warnings.append("characters that are no text were replaced by U+FFFD")
    content, dropped = drop_nulls(content)
    if dropped:
        warnings.append("U+0000 was dropped")
    return content, warnings


def _decode_field_by_field(content: bytes) -> tuple[StockFields, list[str]]:
    try:
        item = decode_leniently(content)
    except ValueError:
        raise unusable(None, "it is no readable JSON") from None
    if not isinstance(item, dict):
        raise unusable(None, "it is no JSON object")
    values: dict[str, Any] = {}
    warnings = []
    for name, vendor_name, read in _FIELDS:
        value = item.get(vendor_name)
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        values[name] = read(value)
        if values[name] is not None:
            continue
        if vendor_name in _MAPPED_FIELDS:
            raise unusable(_key_text(item.get("StockNumber")), f"{vendor_name} cannot be read")
        warnings.append(f"{vendor_name} cannot be read and is kept in the raw item only")
    return StockFields(**values), warnings


def _key_text(number: object) -> str | None:
    text = read_text(number)
    return None if text is None else text.replace("\x00", "").strip() or None
