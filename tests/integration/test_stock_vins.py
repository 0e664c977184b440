"""A vehicle that got another stock number is known again by its VIN, in its own dealership."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from forecourt.stock.run import Counts, SyncStatus
from forecourt.storage.postgres import Database
from tests.support.stock import StockBench, item, stock_feed

VIN = "YV1PZ68UCL1234567"


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    return bench.add_dealership()


def standing(bench: StockBench, dealership: int) -> dict[str, int]:
    """Id by stock number of what is for sale."""
    rows = bench.vehicles(dealership)
    return {number: row["id"] for number, row in rows.items() if row["status"] == "active"}


def warnings(bench: StockBench, dealership: int) -> list[Mapping[str, Any]]:
    details = bench.logs(dealership)[-1]["error_details"] or {}
    first: list[Mapping[str, Any]] = details.get("warnings", {}).get("first", [])
    return first


def test_it_keeps_its_row_and_what_the_dealer_locked(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("12", VIN=VIN, Price=100), item("13", VIN="OTHER"))
    (before, other) = standing(bench, dealership).values()
    bench.execute(
        "UPDATE vehicle SET title = 'Mine', locked_fields = '{title}' WHERE id = %s", before
    )

    result = bench.run(dealership, item("99", VIN=VIN.lower(), Price=90), item("13", VIN="OTHER"))

    assert result.counts == Counts(received=2, updated=1, unchanged=1)
    assert result.status is SyncStatus.SUCCESS
    assert standing(bench, dealership) == {"99": before, "13": other}
    row = bench.vehicles(dealership)["99"]
    assert (row["title"], row["price"], row["removed_from_feed_at"]) == ("Mine", 90, None)
    [warning] = warnings(bench, dealership)
    assert (warning["code"], warning["stockNumber"]) == ("RENUMBERED", "99")
    assert "stock number 12" in warning["detail"]
    again = bench.run(dealership, item("99", VIN=VIN.lower(), Price=90), item("13", VIN="OTHER"))
    assert again.counts == Counts(received=2, unchanged=2)


def test_never_across_dealerships(bench: StockBench, dealership: int) -> None:
    other = bench.add_dealership("Bayside Autos")
    bench.run(other, item("12", VIN=VIN), item("13"))
    bench.run(other, item("13"))
    bench.run(dealership, item("12", VIN="SOME"))
    theirs = bench.vehicles(other)

    result = bench.run(dealership, item("99", VIN=VIN))

    assert (result.counts.created, result.counts.removed) == (1, 1)
    assert bench.vehicles(other) == theirs


def test_another_dealership_s_vehicle_of_the_old_number_keeps_it(
    bench: StockBench, dealership: int
) -> None:
    other = bench.add_dealership("Bayside Autos")
    for one in (other, dealership):
        bench.run(one, item("12", VIN=VIN))
    theirs = bench.vehicles(other)

    assert bench.run(dealership, item("99", VIN=VIN)).counts == Counts(received=1, updated=1)

    assert bench.vehicles(dealership).keys() == {"99"}
    assert bench.vehicles(other) == theirs


def test_another_dealership_s_vehicle_that_is_missing_there_stays(
    bench: StockBench, dealership: int
) -> None:
    other = bench.add_dealership("Bayside Autos")
    bench.run(other, item("12", VIN=VIN))
    theirs = bench.vehicles(other)
    assert bench.run(dealership, item("99", VIN=VIN)).counts == Counts(received=1, created=1)
    assert bench.vehicles(other) == theirs


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([item("12", VIN=VIN)], [item("12", VIN=VIN), item("99", VIN=VIN)]),
        ([item("12", VIN=VIN), item("13", VIN=VIN)], [item("99", VIN=VIN)]),
        ([item("12", VIN=VIN)], [item("98", VIN=VIN), item("99", VIN=VIN)]),
        ([item("12", VIN="")], [item("99", VIN="")]),
    ],
    ids=["still in the feed", "two have had it", "two have it now", "none"],
)
def test_where_there_is_doubt_it_is_a_new_vehicle(
    bench: StockBench, dealership: int, first: list[Any], second: list[Any]
) -> None:
    bench.run(dealership, *first)
    before = set(standing(bench, dealership).values())
    new = len({one["StockNumber"] for one in second} - {one["StockNumber"] for one in first})
    assert bench.run(dealership, *second).counts.created == new
    after = standing(bench, dealership)
    assert "99" in after
    assert after["99"] not in before


def test_one_that_was_sold_on_an_earlier_night_is_another_listing(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("12", VIN=VIN), item("13"))
    bench.run(dealership, item("13"))
    result = bench.run(dealership, item("13"), item("99", VIN=VIN))
    assert result.counts == Counts(received=2, created=1, unchanged=1)
    assert bench.vehicles(dealership)["12"]["status"] == "sold"


def test_a_feed_with_a_warning_renumbers_nothing(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("12", VIN=VIN))
    bench.run(dealership, item("99", VIN=VIN), warning="Some vehicles are being updated.")
    assert standing(bench, dealership).keys() == {"12", "99"}


def test_a_vehicle_entered_by_hand_with_the_vin_is_left_and_not_doubled(
    bench: StockBench, dealership: int
) -> None:
    bench.execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, status,"
        " title, easycars_vin) VALUES (%s, 'M', 'M', 2000, 1, 1, 'used', 'draft', 'Mine', %s)",
        dealership,
        VIN.lower(),
    )
    before = bench.execute("SELECT * FROM vehicle")
    result = bench.run(dealership, item("99", VIN=VIN))
    assert result.counts == Counts(received=1, unchanged=1)
    assert bench.execute("SELECT * FROM vehicle") == before
    assert [warning["code"] for warning in warnings(bench, dealership)] == ["DEALER_OWNED"]


def test_an_item_that_cannot_be_used_renumbers_nothing(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("12", VIN=VIN))
    bench.source.answers[dealership] = stock_feed(item("99", VIN=VIN, YearGroup=1), item("13"))
    bench.sync.run(uuid4(), dealership, seconds_left=900)
    assert bench.vehicles(dealership)["12"]["status"] == "sold"
