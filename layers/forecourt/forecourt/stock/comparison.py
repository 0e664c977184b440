"""Tell which items of a feed changed while reading as little of each as can be.

Decision 6: an item whose hash the database already holds is neither parsed nor sent.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from forecourt.errors import SkippableError
from forecourt.stock.ports import KnownVehicle
from forecourt.stock.run import ItemIssue


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """One item to map and store; ``raw`` is still a view into the body."""

    position: int
    stock_number: str
    content_hash: bytes
    raw: msgspec.Raw


@dataclass(slots=True)
class Comparison:
    """A feed set against the database: every item is in exactly one of these."""

    changed: list[ChangedItem] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    dealer_owned: list[ItemIssue] = field(default_factory=list)
    rejected: list[ItemIssue] = field(default_factory=list)


def compare_feed(
    items: Sequence[msgspec.Raw],
    known: Mapping[str, KnownVehicle],
    *,
    stock_number_of: Callable[[msgspec.Raw], str],
    mapping_version: int,
) -> Comparison:
    """Sort the items of one feed into changed, unchanged, the dealer's own, and unusable.

    Of several items with one stock number the last is used, because a feed is written in the
    order things happened; the earlier ones are rejected by name.
    """
    comparison = Comparison()
    last_position: dict[str, int] = {}
    for position, raw in enumerate(items, start=1):
        try:
            stock_number = stock_number_of(raw)
        except SkippableError as error:
            comparison.rejected.append(ItemIssue.of(position, None, error))
            continue
        earlier = last_position.pop(stock_number, None)
        if earlier is not None:
            comparison.rejected.append(
                ItemIssue(
                    position=earlier,
                    stock_number=stock_number,
                    code="DUPLICATE_STOCK_NUMBER",
                    detail=f"item {position} has the same stock number and was used instead",
                )
            )
        last_position[stock_number] = position
    seed = hashlib.sha256(f"{mapping_version}\n".encode())
    for stock_number, position in last_position.items():
        raw = items[position - 1]
        vehicle = known.get(stock_number)
        if vehicle is not None and not vehicle.from_easycars:
            comparison.dealer_owned.append(
                ItemIssue(
                    position=position,
                    stock_number=stock_number,
                    code="DEALER_OWNED",
                    detail="a vehicle entered by hand has this stock number and was left as it is",
                )
            )
            continue
        digest = seed.copy()
        digest.update(raw)
        content_hash = digest.digest()
        if vehicle is not None and vehicle.content_hash == content_hash:
            comparison.unchanged.append(stock_number)
        else:
            comparison.changed.append(ChangedItem(position, stock_number, content_hash, raw))
    return comparison
