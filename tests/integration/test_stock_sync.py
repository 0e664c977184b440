import json
import math
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from forecourt.easycars.stock_mapping import MappedVehicle
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.errors import AuthenticationError, PermanentError, RetryableError
from forecourt.security.credentials import Environment
from forecourt.stock.run import Counts, SyncStatus
from forecourt.stock.sync import CHUNK_ROWS, FETCH_SECONDS, StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from tests.support.stock import StockBench, counts_of, item, several, stock_feed


@pytest.fixture(params=[True, False], ids=["pipeline", "no pipeline"])
def bench(request: pytest.FixtureRequest, database: Database) -> StockBench:
    return StockBench(database, pipeline=request.param)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    return bench.add_dealership()


def test_a_first_run_creates_and_a_second_finds_all_unchanged(
    bench: StockBench, dealership: int
) -> None:
    first = bench.run(dealership, *several(range(7)))
    before = bench.vehicles(dealership)
    second = bench.run(dealership, *several(range(7)))
    assert first.counts == Counts(received=7, created=7)
    assert second.counts == Counts(received=7, unchanged=7)
    assert (first.status, second.status) == (SyncStatus.SUCCESS, SyncStatus.SUCCESS)
    assert bench.vehicles(dealership) == before


def test_only_what_changed_is_written(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("1", Price=100), item("2", Price=200))
    before = bench.vehicles(dealership)
    result = bench.run(dealership, item("1", Price=100), item("2", Price=250), item("3"))
    after = bench.vehicles(dealership)
    assert result.counts == Counts(received=3, created=1, updated=1, unchanged=1)
    assert after["1"] == before["1"]
    assert after["2"]["price"] == Decimal("250.00")
    assert after["2"]["id"] == before["2"]["id"]
    assert after["2"]["last_synced_from_easycars"] > before["2"]["last_synced_from_easycars"]


def test_every_mapped_column_arrives(bench: StockBench, dealership: int) -> None:
    bench.run(
        dealership,
        item(
            " 12 ",
            YardCode="100",
            VIN="yv1pz68ucl1234567",
            Badge="D5 CROSS COUNTRY ",
            Odometer=1000,
            IsMiles=True,
            IsUsed=True,
            StockStatus="On Offer",
            Colour="Onyx Black",
            InteriorColor="Amber",
            Body="4D WAGON",
            FuelType="Diesel",
            GearType="8 SP AUTOMATIC",
            EngineCapacity="2.0L",
            DoorNum=4,
            AdvDescription="One owner",
            StandardFeatures="Towbar, Bluetooth",
            OptionalFeatures="Sunroof,Towbar",
        ),
    )
    [row] = bench.vehicles(dealership).values()
    expected = {
        "dealership_id": dealership,
        "easycars_stock_number": "12",
        "easycars_yard_code": "100",
        "easycars_vin": "YV1PZ68UCL1234567",
        "make": "VOLVO",
        "model": "V90",
        "year": 2020,
        "price": Decimal("45990.50"),
        "mileage": 1609,
        "condition": "used",
        "status": "pending",
        "title": "2020 VOLVO V90 D5 CROSS COUNTRY",
        "description": "One owner",
        "exterior_color": "Onyx Black",
        "interior_color": "Amber",
        "body": "4D WAGON",
        "fuel_type": "Diesel",
        "gear_type": "8 SP AUTOMATIC",
        "engine_capacity": "2.0L",
        "door_count": 4,
        "features": ["Towbar", "Bluetooth", "Sunroof"],
        "data_source": "EasyCars",
        "images": [],
        "removed_from_feed_at": None,
    }
    assert {name: row[name] for name in expected} == expected
    credentials = bench.credentials.load(dealership)
    assert credentials is not None
    assert row["source_scope"] == credentials.stock_scope


def test_the_raw_item_is_kept_equal_as_json(bench: StockBench, dealership: int) -> None:
    raw = (
        rb'{"StockNumber": "12", "Make": "A", "Model": "B", "YearGroup": 2020,'
        rb' "Price": 25000.0000, "AdvDescription": "\u00e9 \ud83d\ude00 \"quoted\" \\u0041",'
        rb' "NewField": {"deep": [1, 2.50, null, true]}, "Big": 12345678901234567890.123456789}'
    )
    bench.run(dealership, raw)
    [row] = bench.execute("SELECT easycars_raw_data::text AS text FROM vehicle")
    assert json.loads(row["text"], parse_float=Decimal) == json.loads(raw, parse_float=Decimal)


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


def test_a_vehicle_entered_by_hand_is_never_overwritten(bench: StockBench, dealership: int) -> None:
    bench.execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, status,"
        " title, easycars_stock_number) VALUES"
        " (%s, 'MINE', 'MINE', 2000, 1, 1, 'used', 'draft', 'Mine', '12')",
        dealership,
    )
    before = bench.vehicles(dealership)
    result = bench.run(dealership, item("12"), item("13"))
    assert result.counts == Counts(received=2, created=1, unchanged=1)
    assert bench.vehicles(dealership)["12"] == before["12"]
    [log] = bench.logs(dealership)
    assert log["error_details"]["warnings"]["first"][0]["code"] == "DEALER_OWNED"


def test_columns_a_dealer_locked_stay_and_the_raw_item_follows(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("12", Price=100, AdvDescription="theirs"))
    bench.execute(
        "UPDATE vehicle SET price = 77, title = 'Mine', description = 'mine', status = 'draft',"
        " locked_fields = '{price,title,description,status}', content_hash = NULL"
    )
    bench.run(dealership, item("12", Price=200, AdvDescription="new", Make="SAAB"))
    [row] = bench.vehicles(dealership).values()
    assert (row["price"], row["title"], row["description"], row["status"]) == (
        Decimal("77.00"),
        "Mine",
        "mine",
        "draft",
    )
    assert row["make"] == "SAAB"
    assert row["easycars_raw_data"]["Price"] == 200


def test_the_pictures_are_left_to_the_image_sync(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("12", ImageURLs="https://a.example/1", ImageCount=1))
    bench.execute("""UPDATE vehicle SET images = '["https://cdn.example/1"]'""")
    bench.run(dealership, item("12", Price=1, ImageURLs="https://a.example/2", ImageCount=1))
    [row] = bench.vehicles(dealership).values()
    assert row["images"] == ["https://cdn.example/1"]


def test_the_same_stock_number_at_two_dealerships_is_two_vehicles(bench: StockBench) -> None:
    ours, theirs = bench.add_dealership("Ours"), bench.add_dealership("Theirs")
    bench.run(ours, item("12", VIN="SAMEVIN", Make="OURS"))
    bench.run(theirs, item("12", VIN="SAMEVIN", Make="THEIRS"))
    assert bench.vehicles(ours)["12"]["make"] == "OURS"
    assert bench.vehicles(theirs)["12"]["make"] == "THEIRS"


@pytest.mark.parametrize(
    "change",
    [
        {"yard_code": "100"},
        {"environment": Environment.PRODUCTION},
        {"account": "EC999999"},
    ],
    ids=["yard", "environment", "account"],
)
def test_a_vehicle_from_another_scope_is_written_again(
    bench: StockBench, dealership: int, change: dict[str, Any]
) -> None:
    bench.run(dealership, item("12"))
    for name, value in change.items():
        setattr(bench.credentials, name, value)
    assert bench.run(dealership, item("12")).counts == Counts(received=1, updated=1)
    credentials = bench.credentials.load(dealership)
    assert credentials is not None
    assert bench.vehicles(dealership)["12"]["source_scope"] == credentials.stock_scope
    assert bench.run(dealership, item("12")).counts == Counts(received=1, unchanged=1)


def test_a_vehicle_marked_as_removed_comes_back_with_the_same_item(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("12"))
    bench.execute("UPDATE vehicle SET removed_from_feed_at = now(), status = 'sold'")
    assert bench.run(dealership, item("12")).counts == Counts(received=1, updated=1)
    [row] = bench.vehicles(dealership).values()
    assert (row["removed_from_feed_at"], row["status"]) == (None, "active")


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


def test_the_log_row_tells_the_whole_run(bench: StockBench, dealership: int) -> None:
    bench.credentials.yard_code = "100"
    bench.run(dealership, *several(range(3)), item("4", YearGroup=1))
    [log] = bench.logs(dealership)
    assert counts_of(log) == (4, 3, 0, 0, 1)
    assert (log["sync_type"], log["sync_direction"], log["status"]) == (
        "Stock",
        "Inbound",
        "Warning",
    )
    assert log["completed_at"] >= log["started_at"]
    assert log["lease_until"] is None
    assert log["request_payload"] == {
        "operation": "GetAdvertisementStocks",
        "environment": "Test",
        "yardCode": "100",
    }
    assert log["response_summary"]["items"] == 4
    assert log["error_message"].startswith("1 of 4 items could not be used; first: item 4")
    assert bench.credentials.synced == [dealership]
    stored = json.dumps(log, default=str)
    assert "EC100001" not in stored
    assert "secret" not in stored


@pytest.mark.parametrize(
    ("raised", "leaving"),
    [
        (RetryableError("TIMEOUT", "no answer in time", target="EasyCars"), RetryableError),
        (AuthenticationError("AUTH_FAILED", "refused", target="EasyCars"), PermanentError),
        (PermanentError("REFUSED", "bad account", target="EasyCars"), PermanentError),
    ],
)
def test_a_failed_fetch_closes_the_row_with_the_reason_and_changes_nothing(
    bench: StockBench, dealership: int, raised: Exception, leaving: type[Exception]
) -> None:
    bench.run(dealership, item("12"))
    before = bench.vehicles(dealership)
    bench.source.answers[dealership] = raised
    with pytest.raises(leaving) as caught:
        bench.sync.run(uuid4(), dealership, seconds_left=900)
    assert type(caught.value) is leaving
    _, log = bench.logs(dealership)
    assert (log["status"], log["error_message"]) == ("Failed", str(raised))
    assert bench.vehicles(dealership) == before
    assert bench.credentials.synced == [dealership]


def test_a_dealership_without_credentials_fails_by_name(bench: StockBench, dealership: int) -> None:
    bench.credentials.missing.add(dealership)
    with pytest.raises(PermanentError) as caught:
        bench.run(dealership, item("12"))
    assert caught.value.code == "NO_CREDENTIALS"
    [log] = bench.logs(dealership)
    assert log["status"] == "Failed"
    assert "NO_CREDENTIALS" in log["error_message"]


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


def test_one_dealership_failing_leaves_the_other_alone(bench: StockBench) -> None:
    sick, healthy = bench.add_dealership("Sick"), bench.add_dealership("Healthy")
    bench.source.answers[sick] = RetryableError("TIMEOUT", "hangs", target="EasyCars")
    with pytest.raises(RetryableError):
        bench.sync.run(uuid4(), sick, seconds_left=900)
    assert bench.run(healthy, item("12")).status is SyncStatus.SUCCESS
    assert bench.vehicles(sick) == {}


def test_the_vendor_gets_no_longer_than_the_lease_and_the_function_allow(
    bench: StockBench, dealership: int
) -> None:
    bench.source.answers[dealership] = stock_feed(item("12"))
    now = time.monotonic()
    bench.sync.run(uuid4(), dealership, seconds_left=900)
    bench.sync.run(uuid4(), dealership, seconds_left=60)
    relaxed, pressed = (deadline - now for deadline in bench.source.deadlines if deadline)
    assert math.isclose(relaxed, FETCH_SECONDS, abs_tol=5)
    assert pressed < 60


def test_many_chunks_count_as_one_run(bench: StockBench, dealership: int) -> None:
    numbers = range(2 * CHUNK_ROWS + 7)
    result = bench.run(dealership, *several(numbers))
    assert result.counts == Counts(received=len(numbers), created=len(numbers))
    assert len(bench.vehicles(dealership)) == len(numbers)
