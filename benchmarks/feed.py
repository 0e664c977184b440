"""Feeds of a chosen size: the simulator's vehicles, at the size real ones have."""

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.easycars_simulator import default_accounts, encode_feed, encode_item, generate_stock

VEHICLE_BYTES = 20_000
"""Reference 3.10: raw items are 10 to 30 KB."""

_WORDS = (
    "alloy", "wheels", "adaptive", "cruise", "control", "reversing", "camera", "leather", "seats",
    "heated", "front", "rear", "parking", "sensors", "one", "owner", "full", "service", "history",
    "towbar", "fitted", "bluetooth", "climate", "air", "conditioning", "tinted", "windows",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Feed:
    """One answer of GetAdvertisementStocks; ``body`` as the client holds it."""

    body: bytearray
    vehicles: int


def make_feed(vehicles: int, *, repriced: int = 0) -> Feed:
    """Write a feed; the same arguments give the same bytes.

    The items are lengthened in ``AdditionalDescription``, which no column takes, by words in random
    order: they compress to about a third, as English does.

    Parameters
    ----------
    repriced
        How many vehicles, spread over the feed, have another price than in the feed of 0.
    """
    source = random.Random(20)
    items = generate_stock(20, default_accounts(1)[0], vehicles)
    for item in items:
        _lengthen(item, source)
    for place in range(repriced):
        item = items[place * vehicles // repriced]
        item["Price"] = Decimal(item["Price"] or 0) + 250
    return Feed(bytearray(encode_feed(map(encode_item, items))), vehicles)


def _lengthen(item: dict[str, Any], source: random.Random) -> None:
    missing = VEHICLE_BYTES - len(encode_item(item))
    text = item["AdditionalDescription"] or ""
    while len(text) < missing:
        text = f"{text} {source.choice(_WORDS)}"
    item["AdditionalDescription"] = text
