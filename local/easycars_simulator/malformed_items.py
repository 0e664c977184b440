"""Spoil one item of a stock list, in the ways :data:`~.faults.VARIANTS` names."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from local.easycars_simulator.stock_generator import encode_item

type Item = dict[str, Any]


def _without(name: str) -> Callable[[Item], object]:
    return lambda item: {key: value for key, value in item.items() if key != name}


def _with(**values: object) -> Callable[[Item], object]:
    return lambda item: item | values


_SPOILT: dict[str, Callable[[Item], object]] = {
    "year_null": _with(YearGroup=None),
    "wrong_type": _with(YearGroup="twenty twenty", Price="POA", IsUsed=2),
    "stock_number_missing": _without("StockNumber"),
    "stock_number_null": _with(StockNumber=None),
    "stock_number_blank": _with(StockNumber="  "),
    "stock_number_number": _with(StockNumber=12),
    "negative_price": _with(Price=-1),
    "year_impossible": _with(YearGroup=20201),
    "null_byte": _with(AdvDescription="before\u0000after"),
    "not_an_object": lambda _item: "VOLVO V90",
    "null": lambda _item: None,
    "empty_object": lambda _item: {},
    "unknown_field": _with(Surprise="a field the document does not know"),
}


def spoil(items: list[bytes], variant: str, index: int) -> list[bytes]:
    """Give the list with the item at `index` (counted round) spoilt; the rest is untouched."""
    if not items:
        return [encode_item(_SPOILT[variant]({}))]
    place = index % len(items)
    item = json.loads(items[place], parse_float=Decimal)
    return [*items[:place], encode_item(_SPOILT[variant](item)), *items[place + 1 :]]
