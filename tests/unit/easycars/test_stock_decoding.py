import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from forecourt.easycars.stock_mapping import decode_stock_item, map_stock_item, stock_number_of
from forecourt.easycars.stock_messages import StockFields
from forecourt.errors import SkippableError
from tests.unit.easycars.stock_samples import VENDOR_ITEM, item


def test_all_72_fields_are_held_under_the_vendors_names() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(StockFields)}

    assert names == VENDOR_ITEM.keys()
    assert len(names) == 72


def test_the_vendors_item_is_decoded_as_it_is() -> None:
    raw = item()

    decoded = decode_stock_item(raw)

    assert msgspec.to_builtins(decoded.fields, builtin_types=(Decimal,)) == VENDOR_ITEM | {
        "Powerhp": Decimal("231.82")
    }
    assert decoded.raw_json == raw.decode()
    assert decoded.warnings == ()


@pytest.mark.parametrize(
    ("sent", "name", "read"),
    [
        ({"YearGroup": "2020"}, "year_group", 2020),
        ({"YearGroup": 2020.0}, "year_group", 2020),
        ({"YearGroup": " 2020 "}, "year_group", 2020),
        ({"Price": "45990.00"}, "price", Decimal("45990.00")),
        ({"Price": " 45990 "}, "price", Decimal(45990)),
        ({"Price": ""}, "price", None),
        ({"Odometer": "  "}, "odometer", None),
        ({"IsUsed": "true"}, "is_used", True),
        ({"IsUsed": "False"}, "is_used", False),
        ({"IsUsed": 1}, "is_used", True),
        ({"IsUsed": None}, "is_used", None),
        ({"StockNumber": 12}, "stock_number", "12"),
        ({"Make": 3}, "make", "3"),
        ({"Model": 208.50}, "model", "208.5"),
        ({"YardCode": None}, "yard_code", None),
    ],
)
def test_odd_types_are_read_where_nothing_is_lost(
    sent: dict[str, Any], name: str, read: object
) -> None:
    decoded = decode_stock_item(item(**sent))

    assert getattr(decoded.fields, name) == read
    assert decoded.fields.body == "4D WAGON"
    assert decoded.warnings == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("YearGroup", "unknown"),
        ("YearGroup", 2020.5),
        ("YearGroup", True),
        ("Price", "POA"),
        ("Price", {"amount": 1}),
        ("Odometer", [1]),
        ("IsUsed", "maybe"),
        ("DoorNum", "five"),
        ("Make", ["VOLVO"]),
        ("ImageURLs", ["https://img.example/1"]),
    ],
)
def test_a_field_a_column_needs_and_that_cannot_be_read_costs_the_item(
    field: str, value: object
) -> None:
    with pytest.raises(SkippableError, match=f"stock 12: {field} cannot be read") as failure:
        decode_stock_item(item(**{field: value}))

    assert failure.value.code == "UNUSABLE_ITEM"


def test_a_field_no_column_needs_is_a_warning() -> None:
    decoded = decode_stock_item(item(SeatCapacity="five", AirConditioning={"rear": True}))

    assert decoded.fields.seat_capacity is None
    assert decoded.warnings == (
        "AirConditioning cannot be read and is kept in the raw item only",
        "SeatCapacity cannot be read and is kept in the raw item only",
    )
    assert json.loads(decoded.raw_json)["SeatCapacity"] == "five"


@pytest.mark.parametrize(
    "raw", [b"null", b'"x"', b"7", b"[]", b"{", b"", b'{"Make":NaN}', b"[" * 100_000]
)
def test_what_is_no_object_is_skipped(raw: bytes) -> None:
    with pytest.raises(SkippableError, match="an item without a stock number"):
        map_stock_item(decode_stock_item(raw))
    assert stock_number_of(raw) is None


def test_what_postgresql_cannot_hold_is_taken_out_with_a_warning() -> None:
    raw = (
        rb'{"StockNumber":"\u00001","YearGroup":2020,"Make":"A\u0000B","Model":"\\u0000",'
        rb'"Badge":"\ud83d","Colour":"\ud83d\ude00"}'
    )

    decoded = decode_stock_item(raw)

    assert decoded.warnings == (
        "characters that are no text were replaced by U+FFFD",
        "U+0000 was dropped",
    )
    assert json.loads(decoded.raw_json) == {
        "StockNumber": "1", "YearGroup": 2020, "Make": "AB", "Model": r"\u0000",
        "Badge": "\ufffd", "Colour": "\U0001f600",
    }  # fmt: skip
    assert decoded.fields.make == "AB"
    assert stock_number_of(raw) == "1"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    decoded = decode_stock_item(b'{"StockNumber":"1","Make":"Citro\xebn"}')

    assert decoded.fields.make == "Citro\ufffdn"
    assert len(decoded.warnings) == 1


def test_of_a_doubled_key_the_last_counts_as_in_jsonb() -> None:
    raw = b'{"StockNumber":"1","StockNumber":"2"}'

    assert stock_number_of(raw) == decode_stock_item(raw).fields.stock_number == "2"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b'{"StockNumber":" A 1 "}', "A 1"),
        (b'{"Other":[1,{"StockNumber":"no"}],"StockNumber":"yes"}', "yes"),
        (b'{"StockNumber":12}', "12"),
        (b'{"StockNumber":12.0}', "12.0"),
        (b'{"StockNumber":"1","Make":"\xff"}', "1"),
        (rb'{"StockNumber":"1","Make":"\ud83d"}', "1"),
        (b'{"StockNumber":""}', None),
        (b'{"StockNumber":null}', None),
        (b"{}", None),
    ],
)
def test_the_stock_number_alone_is_what_the_mapping_finds(raw: bytes, number: str | None) -> None:
    assert stock_number_of(raw) == number
    assert ((decode_stock_item(raw).fields.stock_number or "").strip() or None) == number


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (b'{"StockNumber":true}', None),
        (b'{"StockNumber":{"a":1}}', None),
        (b'{"StockNumber":"1","Make":[1]}', "1"),
    ],
)
def test_an_item_that_cannot_be_decoded_still_has_or_has_not_its_number(
    raw: bytes, number: str | None
) -> None:
    assert stock_number_of(raw) == number
    with pytest.raises(SkippableError):
        decode_stock_item(raw)
