import hashlib
import json

import msgspec
import pytest

from forecourt.errors import SkippableError
from forecourt.stock.comparison import ChangedItem, Comparison
from forecourt.stock.ports import KnownVehicle

VERSION = 3


def item(stock_number: str | None, **fields: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps({"StockNumber": stock_number, **fields}).encode())


def stock_number_of(raw: msgspec.Raw) -> str:
    number = json.loads(bytes(raw))["StockNumber"]
    if number is None:
        raise SkippableError(code="NO_STOCK_NUMBER", detail="it has none", target="EasyCars")
    return str(number)


class Compared:
    """A comparison that has been walked to its end."""

    def __init__(self, comparison: Comparison) -> None:
        self.changed: list[ChangedItem] = list(comparison.changed())
        self.unchanged = comparison.unchanged
        self.dealer_owned = comparison.dealer_owned
        self.rejected = comparison.rejected


def compare(*items: msgspec.Raw, known: dict[str, KnownVehicle] | None = None) -> Compared:
    return Compared(
        Comparison(items, known or {}, stock_number_of=stock_number_of, mapping_version=VERSION)
    )


def known(raw: msgspec.Raw, *, version: int = VERSION, from_easycars: bool = True) -> KnownVehicle:
    digest = hashlib.sha256(f"{version}\n".encode() + bytes(raw)).digest()
    return KnownVehicle(digest, from_easycars, created_by_job=False, written_by_job=False)


def test_an_item_whose_hash_is_stored_is_unchanged() -> None:
    raw = item("12", Price=100)
    comparison = compare(raw, known={"12": known(raw)})
    assert (comparison.unchanged, comparison.changed) == (["12"], [])


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"12": known(item("12", Price=99))},
        {"12": known(item("12", Price=100), version=VERSION - 1)},
        {"12": known(item("12", Price=100))._replace(content_hash=None)},
    ],
    ids=["unknown", "another price", "another mapping version", "hash reset"],
)
def test_anything_else_is_changed(stored: dict[str, KnownVehicle]) -> None:
    raw = item("12", Price=100)
    comparison = compare(raw, known=stored)
    assert comparison.unchanged == []
    [changed] = comparison.changed
    assert (changed.stock_number, changed.position, bytes(changed.raw)) == ("12", 1, bytes(raw))


def test_of_one_stock_number_the_last_item_is_used_and_the_others_are_named() -> None:
    comparison = compare(item("12", Price=1), item("7"), item("12", Price=2), item("12", Price=3))
    assert [(c.stock_number, c.position) for c in comparison.changed] == [("7", 2), ("12", 4)]
    assert [(r.position, r.code) for r in comparison.rejected] == [
        (1, "DUPLICATE_STOCK_NUMBER"),
        (3, "DUPLICATE_STOCK_NUMBER"),
    ]


def test_an_item_without_a_stock_number_is_rejected_and_the_others_go_on() -> None:
    comparison = compare(item(None), item("7"))
    assert [c.stock_number for c in comparison.changed] == ["7"]
    [rejected] = comparison.rejected
    assert (rejected.position, rejected.stock_number) == (1, None)
    assert rejected.code == "NO_STOCK_NUMBER"


def test_a_vehicle_entered_by_hand_is_left_alone_whatever_its_hash() -> None:
    raw = item("12")
    comparison = compare(raw, known={"12": known(raw, from_easycars=False)})
    assert (comparison.changed, comparison.unchanged) == ([], [])
    assert [issue.code for issue in comparison.dealer_owned] == ["DEALER_OWNED"]
