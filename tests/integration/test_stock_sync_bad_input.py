"""What a feed may hold that no vehicle can be made of: recorded, and nothing else disturbed."""

import json
from decimal import Decimal
from uuid import uuid4

import msgspec
import pytest

from forecourt.easycars.stock_mapping import MappedVehicle
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.errors import PermanentError
from forecourt.stock.run import Counts, SyncStatus
from forecourt.stock.sync import CHUNK_ROWS, StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from tests.support.stock import StockBench, counts_of, item, several, stock_feed


@pytest.fixture(params=[True, False], ids=["pipeline", "no pipeline"])
def bench(request: pytest.FixtureRequest, database: Database) -> StockBench:
    return StockBench(database, pipeline=request.param)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    return bench.add_dealership()


def test_a_null_character_is_dropped_with_a_warning_and_only_it(
    bench: StockBench, dealership: int
) -> None:
    raw = json.dumps(item("12", Badge="G\0T", AdvDescription="a\\u0000b")).encode()
    assert bench.run(dealership, raw).counts == Counts(received=1, created=1)
    [row] = bench.vehicles(dealership).values()
    assert row["easycars_raw_data"]["Badge"] == "GT"
    assert row["easycars_raw_data"]["AdvDescription"] == "a\\u0000b"
    [log] = bench.logs(dealership)
    [warning] = log["error_details"]["warnings"]["first"]
    assert "U+0000" in warning["detail"]
    assert log["status"] == "Success"
    assert bench.run(dealership, raw).counts == Counts(received=1, unchanged=1)


def test_an_item_that_cannot_be_mapped_is_recorded_and_the_others_go_on(
    bench: StockBench, dealership: int
) -> None:
    result = bench.run(
        dealership,
        item("1"),
        item("2", YearGroup=1066),
        item(None),
        b'"not a vehicle"',
        item("5"),
    )
    assert result.counts == Counts(received=5, created=2, failed=3)
    assert result.status is SyncStatus.WARNING
    assert set(bench.vehicles(dealership)) == {"1", "5"}
    [log] = bench.logs(dealership)
    failed = log["error_details"]["failed"]
    assert failed["total"] == 3
    assert sorted((i["position"], i["stockNumber"]) for i in failed["first"]) == [
        (2, "2"),
        (3, None),
        (4, None),
    ]
    assert "YearGroup" in next(i["detail"] for i in failed["first"] if i["position"] == 2)


def test_an_item_that_became_unusable_leaves_its_vehicle_as_it_was(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    before = bench.vehicles(dealership)
    result = bench.run(dealership, item("1", YearGroup=1066), item("2"))
    assert result.counts == Counts(received=2, unchanged=1, failed=1)
    assert bench.vehicles(dealership) == before


def test_a_row_the_database_refuses_does_not_sink_its_chunk(
    bench: StockBench, dealership: int
) -> None:
    huge_number = b'{"StockNumber":"2","Make":"A","Model":"B","YearGroup":2020,"Big":1e400000}'
    result = bench.run(dealership, *several(["1", "3", "4", "5", "6", "7"]), huge_number, item("8"))
    assert result.counts == Counts(received=8, created=7, failed=1)
    assert "2" not in bench.vehicles(dealership)
    [log] = bench.logs(dealership)
    [refused] = log["error_details"]["failed"]["first"]
    assert (refused["position"], refused["stockNumber"], refused["code"]) == (7, "2", "ROW_REFUSED")


def test_of_a_stock_number_that_comes_twice_the_last_is_used_and_that_is_recorded(
    bench: StockBench, dealership: int
) -> None:
    result = bench.run(dealership, item("12", Price=1), item("7"), item(" 12", Price=2))
    assert result.counts == Counts(received=3, created=2, failed=1)
    assert bench.vehicles(dealership)["12"]["price"] == Decimal("2.00")
    [log] = bench.logs(dealership)
    assert log["error_details"]["failed"]["first"][0]["code"] == "DUPLICATE_STOCK_NUMBER"
    assert log["status"] == "Warning"


def test_an_empty_feed_changes_nothing_and_is_suspicious_where_there_was_stock(
    bench: StockBench, dealership: int
) -> None:
    never_any = bench.run(dealership)
    bench.run(dealership, item("12"))
    before = bench.vehicles(dealership)
    suspicious = [bench.run(dealership), bench.run(dealership)]
    assert never_any.status is SyncStatus.SUCCESS
    assert [result.status for result in suspicious] == [SyncStatus.WARNING, SyncStatus.WARNING]
    assert bench.vehicles(dealership) == before
    first, _, last, _ = bench.logs(dealership)
    assert first["error_details"]["warnings"]["first"][0]["code"] == "EMPTY_FEED"
    assert "empty" in last["error_message"]


def test_an_empty_feed_after_a_run_that_stored_nothing_is_suspicious_too(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("12"))
    bench.execute("DELETE FROM vehicle")
    assert bench.run(dealership).status is SyncStatus.WARNING


def test_the_vendors_warning_is_kept_with_the_data(bench: StockBench, dealership: int) -> None:
    result = bench.run(dealership, item("12"), warning="one yard is closed")
    assert result.status is SyncStatus.WARNING
    assert set(bench.vehicles(dealership)) == {"12"}
    [log] = bench.logs(dealership)
    assert log["error_message"] == "EasyCars warned: one yard is closed"


def test_a_run_with_no_usable_item_fails(bench: StockBench, dealership: int) -> None:
    with pytest.raises(PermanentError) as caught:
        bench.run(dealership, item("12", YearGroup=0))
    assert caught.value.code == "NO_USABLE_ITEM"
    [log] = bench.logs(dealership)
    assert (log["status"], counts_of(log)) == ("Failed", (1, 0, 0, 0, 1))


def test_a_fault_of_ours_closes_the_row_without_its_text(
    bench: StockBench, dealership: int
) -> None:
    bench.source.answers[dealership] = ValueError("a-secret-in-a-message")
    with pytest.raises(PermanentError) as caught:
        bench.sync.run(uuid4(), dealership, seconds_left=900)
    assert caught.value.code == "UNEXPECTED"
    [log] = bench.logs(dealership)
    assert log["status"] == "Failed"
    assert "a-secret-in-a-message" not in json.dumps(log, default=str)


class ForgetfulReading(EasyCarsStockReading):
    """Mapping rules with a fault of ours in them."""

    def draft(self, raw: msgspec.Raw) -> MappedVehicle:
        if self.stock_number_of(raw) == "13":
            raise ZeroDivisionError
        return super().draft(raw)


def test_a_fault_of_ours_amid_a_chunk_stores_nothing_of_it_and_leaves_the_connection_usable(
    bench: StockBench, dealership: int
) -> None:
    faulty = StockSync(
        source=bench.source,
        credentials=bench.credentials,
        store=PostgresStockStore(bench.database),
        mapping=ForgetfulReading(),
        images=bench.images,
    )
    bench.source.answers[dealership] = stock_feed(*several(range(30)))
    with pytest.raises(PermanentError) as caught:
        faulty.run(uuid4(), dealership, seconds_left=900)
    assert caught.value.code == "UNEXPECTED"
    assert "ZeroDivisionError" in caught.value.detail
    assert bench.vehicles(dealership) == {}
    assert [log["status"] for log in bench.logs(dealership)] == ["Failed"]
    assert bench.run(dealership, *several(range(30))).counts == Counts(received=30, created=30)


def test_two_bad_rows_in_a_later_chunk_are_the_only_ones_lost(
    bench: StockBench, dealership: int
) -> None:
    bad = [json.dumps(item(f"bad {n}")).encode()[:-1] + b',"Big":1e400000}' for n in range(2)]
    good = several(range(CHUNK_ROWS + 50))
    result = bench.run(dealership, *good[: CHUNK_ROWS + 20], *bad, *good[CHUNK_ROWS + 20 :])
    assert result.counts == Counts(received=len(good) + 2, created=len(good), failed=2)
    assert len(bench.vehicles(dealership)) == len(good)
