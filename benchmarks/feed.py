"""Feeds of a chosen size: the simulator's vehicles, at the size real ones have."""

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec

from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_mapping import decode_stock_item, map_stock_item
from forecourt.storage.vehicles import PLAIN_COLUMNS
from local.easycars_simulator import default_accounts, encode_feed, encode_item, generate_stock

VEHICLE_BYTES = 20_000
"""Reference 3.10: raw items are 10 to 30 KB."""

_WORDS = (
    "alloy", "wheels", "adaptive", "cruise", "control", "reversing", "camera", "leather", "seats",
    "heated", "front", "rear", "parking", "sensors", "one", "owner", "full", "service", "history",
    "towbar", "fitted", "bluetooth", "climate", "air", "conditioning", "tinted", "windows",
)  # fmt: skip
_ENOUGH_WORDS = VEHICLE_BYTES // 4

_KEY = ("dealership_id", "easycars_stock_number")
_JSON_COLUMNS = {"easycars_raw_data": "object", "features": "array"}
_NUMBER_COLUMNS = {
    "dealership_id": "integer",
    "year": "integer",
    "mileage": "integer",
    "door_count": "integer",
    "price": "number",
}

_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Feed:
    """One answer of GetAdvertisementStocks; ``body`` as the client holds it."""

    body: bytearray
    vehicles: int


@dataclass(frozen=True, slots=True)
class FeedFiles:
    """One feed as the contenders take it, and what a table holds that equals it.

    Parameters
    ----------
    body
        The vendor's answer.
    rows
        The same, mapped to columns, as JSON Lines.
    messages
        Those rows as a Singer tap sends them.
    """

    body: Path
    rows: Path
    messages: Path
    vehicles: int
    price_total: Decimal


def make_feed(vehicles: int, *, repriced: int = 0, rise: int = 250) -> Feed:
    """Write a feed; the same arguments give the same bytes.

    The items are lengthened in ``AdditionalDescription``, which no column takes, by words in random
    order: they compress to about a third, as English does.

    Parameters
    ----------
    repriced
        How many vehicles, spread over the feed, have another price than in the feed of 0.
    rise
        By how much, in AUD.
    """
    items = list(_items(vehicles))
    for place in range(repriced):
        position = place * vehicles // repriced
        item = items[position]
        items[position] = {**item, "Price": Decimal(item["Price"] or 0) + rise}
    return Feed(bytearray(encode_feed(map(encode_item, items))), vehicles)


def write_feed(folder: Path, name: str, feed: Feed, *, dealership_id: int) -> FeedFiles:
    """Write a feed in every form a contender takes.

    Parameters
    ----------
    dealership_id
        Whose rows they are where they are handed over mapped.
    """
    body, rows, messages = (folder / f"{name}.{end}" for end in ("json", "rows.jsonl", "singer"))
    body.write_bytes(feed.body)
    envelope = read_stock_envelope(feed.body)
    assert envelope is not None
    total = Decimal(0)
    with rows.open("wb") as plain, messages.open("wb") as singer:
        singer.write(_schema_message())
        for raw in envelope.fields["StockList"]:
            mapped = map_stock_item(decode_stock_item(raw))
            total += mapped.price
            row = _encode(
                {
                    "dealership_id": dealership_id,
                    "data_source": "EasyCars",
                    "easycars_stock_number": mapped.easycars_stock_number,
                    "features": mapped.features,
                    "easycars_raw_data": msgspec.Raw(mapped.easycars_raw_data.encode()),
                    **{column: getattr(mapped, column) for column in PLAIN_COLUMNS},
                }
            )
            plain.write(row + b"\n")
            singer.write(b'{"type":"RECORD","stream":"vehicle","record":%s}\n' % row)
    return FeedFiles(
        body=body, rows=rows, messages=messages, vehicles=feed.vehicles, price_total=total
    )


@lru_cache(maxsize=2)
def _items(vehicles: int) -> tuple[dict[str, Any], ...]:
    source = random.Random(20)
    items = generate_stock(20, default_accounts(1)[0], vehicles)
    for item in items:
        _lengthen(item, source)
    return tuple(items)


def _lengthen(item: dict[str, Any], source: random.Random) -> None:
    missing = VEHICLE_BYTES - len(encode_item(item))
    words = source.choices(_WORDS, k=_ENOUGH_WORDS)
    lengths = accumulate(len(word) + 1 for word in words)
    used = next(count for count, length in enumerate(lengths, start=1) if length >= missing)
    text = item["AdditionalDescription"] or ""
    item["AdditionalDescription"] = " ".join([text, *words[:used]])


def _schema_message() -> bytes:
    properties = {
        column: {"type": [_JSON_COLUMNS.get(column, _NUMBER_COLUMNS.get(column, "string")), "null"]}
        for column in (*_KEY, "data_source", *_JSON_COLUMNS, *PLAIN_COLUMNS)
    }
    message = {
        "type": "SCHEMA",
        "stream": "vehicle",
        "schema": {"type": "object", "properties": properties},
        "key_properties": _KEY,
    }
    return msgspec.json.encode(message) + b"\n"
