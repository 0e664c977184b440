"""Tell which items of a feed changed while reading as little of each as can be.

Decision 6: an item whose hash the database already holds is neither parsed nor sent.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

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


class Comparison:
    """One feed set against the database.

    Every item ends up in ``changed``, ``unchanged``, ``dealer_owned`` or ``rejected``; the last
    three are complete once :meth:`changed` has been walked to its end.

    Of several items with one stock number the last is used, because a feed is written in the
    order things happened; the earlier ones are rejected by name.
    """

    def __init__(
        self,
        items: Sequence[msgspec.Raw],
        known: Mapping[str, KnownVehicle],
        *,
        stock_number_of: Callable[[msgspec.Raw], str],
        mapping_version: int,
    ) -> None:
        self.unchanged: list[str] = []
        self.dealer_owned: list[ItemIssue] = []
        self.rejected: list[ItemIssue] = []
        self._items = items
        self._known = known
        self._seed = hashlib.sha256(f"{mapping_version}\n".encode())
        self._positions = self._last_positions(stock_number_of)

    @property
    def seen(self) -> Collection[str]:
        """Every stock number of the feed, also of items that cannot be used."""
        return self._positions.keys()

    def new_items(self) -> Iterator[tuple[str, msgspec.Raw]]:
        """Yield what has a stock number the database does not know."""
        for stock_number, position in self._positions.items():
            if stock_number not in self._known:
                yield stock_number, self._items[position - 1]

    @property
    def names_all(self) -> bool:
        """Whether every item has a stock number, so that what is missing can be told."""
        return all(issue.stock_number is not None for issue in self.rejected)

    def changed(self) -> Iterator[ChangedItem]:
        """Hash item by item and yield what the database does not hold so.

        Lazy, so that the server stores one vehicle while the next ones are hashed here.
        """
        for stock_number, position in self._positions.items():
            vehicle = self._known.get(stock_number)
            if vehicle is not None and not vehicle.from_easycars:
                self.dealer_owned.append(_dealer_owned(position, stock_number))
                continue
            raw = self._items[position - 1]
            digest = self._seed.copy()
            digest.update(raw)
            content_hash = digest.digest()
            if vehicle is not None and vehicle.content_hash == content_hash:
                self.unchanged.append(stock_number)
            else:
                yield ChangedItem(position, stock_number, content_hash, raw)

    def _last_positions(self, stock_number_of: Callable[[msgspec.Raw], str]) -> dict[str, int]:
        """Return where each stock number stands last, counted from 1."""
        positions: dict[str, int] = {}
        for position, raw in enumerate(self._items, start=1):
            try:
                stock_number = stock_number_of(raw)
            except SkippableError as error:
                self.rejected.append(ItemIssue.of(position, None, error))
                continue
            earlier = positions.pop(stock_number, None)
            if earlier is not None:
                self.rejected.append(_doubled(earlier, stock_number, position))
            positions[stock_number] = position
        return positions


def _doubled(position: int, stock_number: str, used: int) -> ItemIssue:
    return ItemIssue(
        position=position,
        stock_number=stock_number,
        code="DUPLICATE_STOCK_NUMBER",
        detail=f"item {used} has the same stock number and was used instead",
    )


def _dealer_owned(position: int, stock_number: str) -> ItemIssue:
    return ItemIssue(
        position=position,
        stock_number=stock_number,
        code="DEALER_OWNED",
        detail="a vehicle entered by hand has this stock number or VIN and was left as it is",
    )
