"""A dealer's own price, title, description, status and images through nightly runs."""

from typing import Any

import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.stock import StockBench, item


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def vehicle(bench: StockBench, dealership: int) -> str:
    bench.run(dealership, item("12", Price=45_990, AdvDescription="One owner"))
    return f"/api/admin/vehicles/{bench.vehicles(dealership)['12']['id']}"


@pytest.mark.parametrize(
    ("name", "value", "column"),
    [
        ("price", 44_000.5, 44_000.5),
        ("title", "Müller's V90", "Müller's V90"),
        ("description", "Like new", "Like new"),
        ("status", "pending", "pending"),
        ("images", ["https://dealer.example/a.jpg"], ["https://dealer.example/a.jpg"]),
    ],
)
def test_an_edit_stays_through_runs_until_it_is_unlocked(
    admin: AdminClient,
    bench: StockBench,
    dealership: int,
    vehicle: str,
    name: str,
    value: object,
    column: object,
) -> None:
    before = admin("GET", vehicle).body[name]
    changed = admin("PATCH", vehicle, {name: value}, claims=owner(dealership))
    assert (changed.status, changed.body[name]) == (200, column)
    assert changed.body["lockedFields"] == [name]

    bench.run(dealership, item("12", Price=39_990, AdvDescription="Two owners"))
    kept = admin("GET", vehicle).body
    assert kept[name] == column
    assert kept["feedItem"]["Price"] == 39_990

    assert admin("PATCH", vehicle, {"unlock": [name]}).body["lockedFields"] == []
    bench.run(dealership, item("12", Price=45_990, AdvDescription="One owner"))
    after = admin("GET", vehicle).body[name]
    # Pictures are the image sync's: a feed alone brings none back.
    assert after == (column if name == "images" else before)


def test_unlocked_pictures_are_due_again(
    admin: AdminClient, bench: StockBench, dealership: int, vehicle: str
) -> None:
    same = item("12", ImageURLs="https://feed.example/1")
    bench.run(dealership, same)
    admin("PATCH", vehicle, {"images": ["https://dealer.example/a.jpg"]})
    bench.execute("UPDATE vehicle SET images_done = images_wanted")
    bench.images.requests.clear()
    bench.run(dealership, same)
    assert bench.images.requests == []

    admin("PATCH", vehicle, {"unlock": ["images"]})
    bench.run(dealership, same)

    assert [f"/api/admin/vehicles/{one.vehicle_id}" for one in bench.images.requests] == [vehicle]


def test_unlocking_takes_the_feeds_value_though_the_feed_did_not_change(
    admin: AdminClient, bench: StockBench, dealership: int, vehicle: str
) -> None:
    same = item("12", Price=45_990, AdvDescription="One owner")
    admin("PATCH", vehicle, {"price": 1})
    bench.run(dealership, same)
    admin("PATCH", vehicle, {"unlock": ["price"]})
    assert bench.run(dealership, same).counts.updated == 1
    assert admin("GET", vehicle).body["price"] == 45_990


def test_a_lock_keeps_what_the_feed_brought(
    admin: AdminClient, bench: StockBench, dealership: int, vehicle: str
) -> None:
    admin("PATCH", vehicle, {"lock": ["price"]})
    bench.run(dealership, item("12", Price=1))
    assert admin("GET", vehicle).body["price"] == 45_990


def test_a_vehicle_that_left_the_feed_under_a_locked_status_is_sold_when_it_is_unlocked(
    admin: AdminClient, bench: StockBench, dealership: int, vehicle: str
) -> None:
    bench.run(dealership, item("12"), item("13"))
    admin("PATCH", vehicle, {"status": "pending"})
    bench.run(dealership, item("13"))
    assert admin("GET", vehicle).body["status"] == "pending"
    assert admin("PATCH", vehicle, {"unlock": ["status"]}).body["status"] == "sold"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "(body)"),
        ({"price": -1}, "price"),
        ({"price": "12"}, "price"),
        ({"price": 1e9}, "price"),
        ({"title": " "}, "title"),
        ({"title": "x" * 256}, "title"),
        ({"status": "gone"}, "status"),
        ({"images": ["http://dealer.example/a.jpg"]}, "images.0"),
        ({"make": "VOLVO"}, "make"),
        ({"title": "a\x00b"}, "title"),
        ({"lock": ["make"]}, "lock.0"),
        ({"price": 1, "unlock": ["price"]}, "unlock"),
    ],
)
def test_what_cannot_be_taken_is_named(
    admin: AdminClient, vehicle: str, body: dict[str, Any], field: str
) -> None:
    before = admin("GET", vehicle).body
    refused = admin("PATCH", vehicle, body)
    assert (refused.status, refused.bad_fields) == (422, {field})
    assert admin("GET", vehicle).body == before


def test_other_dealerships_vehicles_do_not_exist_and_staff_may_only_look(
    admin: AdminClient, dealership: int, vehicle: str
) -> None:
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    before = admin("GET", vehicle).body
    assert admin("GET", vehicle, claims=owner(other)).status == 404
    assert admin("PATCH", vehicle, {"price": 1}, claims=owner(other)).status == 404
    assert admin("PATCH", vehicle, {"price": 1}, claims=staff(dealership)).status == 403
    assert admin("GET", vehicle, claims=staff(dealership)).body == before


@pytest.mark.parametrize("name", ["0", "999999999999", "twelve", "1e3", "999999"])
def test_no_such_vehicle(admin: AdminClient, name: str) -> None:
    assert admin("GET", f"/api/admin/vehicles/{name}").status == 404
    assert admin("PATCH", f"/api/admin/vehicles/{name}", {"price": 1}).status == 404


def test_the_audit_log_names_the_fields(
    admin: AdminClient, bench: StockBench, dealership: int, vehicle: str
) -> None:
    admin("PATCH", vehicle, {"price": 1, "lock": ["title"], "unlock": ["status"]})
    [entry] = bench.execute("SELECT * FROM audit_log WHERE action = 'vehicle.changed'")
    assert entry["dealership_id"] == dealership
    assert entry["detail"] == {"set": ["price"], "lock": ["price", "title"], "unlock": ["status"]}
