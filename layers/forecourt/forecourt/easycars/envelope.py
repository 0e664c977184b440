"""Read the envelope every answer comes in: Code, ErrorMessage and the payload beside them.

The answer is UTF-8 JSON; a byte order mark is dropped. Of a doubled key the last one counts, as in
PostgreSQL's jsonb and in .NET. Numbers keep their digits: fractions become Decimal.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from forecourt.easycars.json_text import repair_text

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_WRITTEN_CODE = re.compile(r"-?[0-9]{1,9}")

_decode_any = msgspec.json.Decoder(float_hook=Decimal).decode


class _StockEnvelope(msgspec.Struct):
    code: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="Code")
    error_message: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="ErrorMessage")
    stock_list: list[msgspec.Raw] | None = msgspec.field(default=None, name="StockList")


class _StockStatus(msgspec.Struct):
    code: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="Code")
    error_message: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"null"), name="ErrorMessage")


_decode_stock = msgspec.json.Decoder(_StockEnvelope).decode
_decode_status = msgspec.json.Decoder(_StockStatus).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One readable answer.

    ``code`` is None where it is missing or no number. ``fields`` is the whole object; of a stock
    answer it is StockList alone, whose items are slices of the body.
    """

    code: int | None
    message: str | None
    fields: dict[str, Any]


def read_envelope(body: bytearray) -> Envelope | None:
    """Parse a small answer; None where it is no JSON object."""
    try:
        value = decode_leniently(body)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return Envelope(
        code=_code(value.get("Code")), message=_message(value.get("ErrorMessage")), fields=value
    )


def read_stock_envelope(body: bytearray) -> Envelope | None:
    """Slice a stock answer into its items without parsing them; None where it is no JSON object.

    An item that JSON allows and msgspec does not (half an emoji) costs a repaired copy of the
    body, and never the list.
    """
    if body.startswith(_BYTE_ORDER_MARK):
        del body[: len(_BYTE_ORDER_MARK)]
    envelope = _slice_stock(body)
    if envelope is None:
        repaired, repairs = repair_text(body)
        envelope = _slice_stock(repaired) if repairs else None
    return envelope


def _slice_stock(body: bytearray | bytes) -> Envelope | None:
    items: list[msgspec.Raw] | None
    status: _StockEnvelope | _StockStatus
    try:
        try:
            status = _decode_stock(body)
            items = status.stock_list
        except msgspec.ValidationError:
            status, items = _decode_status(body), None
        code, message = decode_leniently(status.code), decode_leniently(status.error_message)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return Envelope(code=_code(code), message=_message(message), fields={"StockList": items})


def decode_leniently(text: bytes | bytearray | msgspec.Raw) -> Any:  # noqa: ANN401 - any JSON
    """Parse JSON that may begin with a byte order mark or hold what is no text.

    Raises
    ------
    ValueError
        It is no JSON, or nested deeper than Python parses.
    """
    content = bytes(text).removeprefix(_BYTE_ORDER_MARK)
    try:
        return _decode_any(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        repaired, repairs = repair_text(content)
    if repairs:
        with suppress(msgspec.DecodeError, RecursionError):
            return _decode_any(repaired)
    reason = "no readable JSON"
    raise ValueError(reason)


def _code(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if _WRITTEN_CODE.fullmatch(text) else None


def _message(value: object) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return value.strip() if isinstance(value, str) else str(value)
