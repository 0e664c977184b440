import json
import math
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from forecourt.errors import AuthenticationError, PermanentError, RetryableError
from forecourt.security.credentials import Environment
from forecourt.stock.run import Counts, SyncStatus
from forecourt.stock.sync import CHUNK_ROWS, FETCH_SECONDS
from forecourt.storage.postgres import Database
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
