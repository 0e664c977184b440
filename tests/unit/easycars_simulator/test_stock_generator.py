import json
from decimal import Decimal

import pytest

from local.easycars_simulator import Account, default_accounts, encode_feed, generate_stock
from local.easycars_simulator.schema import Kind
from local.easycars_simulator.stock_generator import AWKWARD_COUNT, StockItem, encode_item
from local.easycars_simulator.stock_table import STOCK_FIELDS, STOCK_TYPES

DEALER = default_accounts(4)[1]
PYTHON_TYPES = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.DECIMAL: Decimal,
    Kind.FLAG: bool,
}


@pytest.fixture(scope="module")
def stock() -> list[StockItem]:
    return generate_stock(7, DEALER, 400)


def test_the_vendor_document_has_72_fields() -> None:
    assert len(STOCK_FIELDS) == 72


def test_every_item_has_every_field_in_order_and_of_its_type(stock: list[StockItem]) -> None:
    for item in stock:
        assert list(item) == list(STOCK_FIELDS)
        for field in STOCK_FIELDS.values():
            value = item[field.name]
            if value is None:
                assert field.nullable, field.name
            else:
                assert type(value) is PYTHON_TYPES[field.kind], (field.name, value)


def test_the_same_seed_gives_the_same_stock_and_another_seed_another() -> None:
    assert generate_stock(7, DEALER, 60) == generate_stock(7, DEALER, 60)
    assert generate_stock(7, DEALER, 60) != generate_stock(8, DEALER, 60)


def test_a_longer_list_begins_with_the_shorter(stock: list[StockItem]) -> None:
    assert generate_stock(7, DEALER, 50) == stock[:50]


def test_dealers_have_different_stock() -> None:
    first, second = (generate_stock(7, dealer, 60) for dealer in default_accounts(2))
    assert {item["VIN"] for item in first[AWKWARD_COUNT:]}.isdisjoint(
        {item["VIN"] for item in second[AWKWARD_COUNT:]} - {""}
    )


def test_vehicles_are_different(stock: list[StockItem]) -> None:
    assert len({item["StockNumber"].strip() for item in stock}) == len(stock)
    vins = [item["VIN"] for item in stock if item["VIN"].strip()]
    assert len(set(vins)) == len(vins)
    assert len({(item["Make"], item["Model"], item["Badge"]) for item in stock}) > 30


def test_vehicles_stand_in_every_yard_of_the_dealer(stock: list[StockItem]) -> None:
    assert {(item["YardCode"], item["YardName"]) for item in stock} == {
        (yard.code, yard.name) for yard in DEALER.yards
    }


def test_every_stock_type_is_there(stock: list[StockItem]) -> None:
    assert {item["StockType"] for item in stock} == set(STOCK_TYPES)


@pytest.mark.parametrize(
    ("what", "holds"),
    [
        ("a blank VIN", lambda item: item["VIN"] == ""),
        ("a VIN of blanks", lambda item: item["VIN"] and not item["VIN"].strip()),
        ("a VIN too long for the column", lambda item: len(item["VIN"]) > 17),
        ("a VIN in lower case", lambda item: item["VIN"] != item["VIN"].upper()),
        ("no price", lambda item: item["Price"] is None and item["AdvSpecialPrice"] is None),
        ("a price of nothing", lambda item: item["Price"] == 0),
        ("four decimals", lambda item: str(item["Price"]).endswith(".9999")),
        ("trailing blanks", lambda item: item["Badge"].endswith(" ")),
        ("commas in the description", lambda item: ", " in item["AdvDescription"]),
        ("blank features", lambda item: ",," in item["StandardFeatures"]),
        ("no features", lambda item: item["StandardFeatures"] == ""),
        ("no description at all", lambda item: item["AdvDescription"] == ""),
        ("miles", lambda item: item["IsMiles"] and item["Odometer"] > 0),
        ("an odometer below nothing", lambda item: (item["Odometer"] or 0) < 0),
        ("doors that are none", lambda item: item["DoorNum"] == 0),
        ("on offer", lambda item: item["StockStatus"] == "On Offer"),
        ("sold", lambda item: item["StockStatus"] == "Sold"),
        ("a text around sold", lambda item: item["StockStatus"].startswith("SOLD -")),
        ("an unknown status", lambda item: item["StockStatus"] == "In Transit"),
        ("no status", lambda item: item["StockStatus"] == ""),
        ("a deposit", lambda item: item["IsDepositTaken"] and item["StockStatus"] == "In Stock"),
        ("a demonstrator", lambda item: item["IsDemo"]),
        ("a special", lambda item: item["IsSpecial"] and item["AdvSpecialPrice"] > 0),
        ("a special price that is none", lambda item: item["IsSpecial"] is False
         and item["AdvSpecialPrice"] is not None),
        ("an apostrophe", lambda item: "'" in item["Badge"]),
        ("letters beyond ASCII", lambda item: item["Make"] == "ŠKODA"),
        ("an emoji", lambda item: "🚗" in item["Badge"]),
        ("a gear type too long", lambda item: len(item["GearType"]) > 50),
        ("no pictures", lambda item: item["ImageCount"] == 0 and item["ImageURLs"] == ""),
        ("a stock number with signs", lambda item: item["StockNumber"] == "A/17 #2"),
        ("an unknown wheel size", lambda item: item["Wheelsize"] == "0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_there_are_awkward_vehicles(what: str, holds: object, stock: list[StockItem]) -> None:
    assert callable(holds)
    assert any(holds(item) for item in stock), what


def test_no_vehicle_is_beyond_mapping(stock: list[StockItem]) -> None:
    for item in stock:
        assert 1900 <= item["YearGroup"] <= 2100
        assert item["StockNumber"].strip()
        assert item["Price"] is None or item["Price"] >= 0
        assert "\0" not in json.dumps(item, default=str)


def test_pictures_are_counted_and_differ(stock: list[StockItem]) -> None:
    urls = [url for item in stock for url in item["ImageURLs"].split(",") if url]
    assert len(set(urls)) == len(urls)
    for item in stock:
        assert item["ImageCount"] == len([url for url in item["ImageURLs"].split(",") if url])


def test_features_of_a_car_are_as_many_as_the_vendor_shows(stock: list[StockItem]) -> None:
    cars = [item for item in stock[AWKWARD_COUNT:] if item["StockType"] == "A"]
    sizes = [len(item["StandardFeatures"]) for item in cars]
    assert min(sizes) > 2000
    assert all(len(item["StandardFeatures"].split(",")) == 96 for item in cars)


@pytest.mark.parametrize("size", [8_000, 20_000])
def test_items_can_be_made_any_size(size: int) -> None:
    items = generate_stock(7, DEALER, 40, item_bytes=size)
    assert {len(encode_item(item)) for item in items} == {size}


def test_an_item_longer_by_nature_is_not_cut() -> None:
    assert generate_stock(7, DEALER, 30, item_bytes=10) == generate_stock(7, DEALER, 30)


def test_a_feed_is_json_with_plain_numbers(stock: list[StockItem]) -> None:
    feed = json.loads(encode_feed(map(encode_item, stock)), parse_float=Decimal)
    assert feed["Code"] == 0
    assert feed["ErrorMessage"] is None
    assert feed["StockList"] == stock


def test_default_accounts_are_believable_and_stable() -> None:
    accounts = default_accounts(25)
    assert accounts[:4] == default_accounts()
    for part in ("client_id", "client_secret", "account_number", "account_secret", "name"):
        assert len({getattr(account, part) for account in accounts}) == 25, part
    assert all(account.account_number.startswith("EC") for account in accounts)
    assert {len(account.yards) for account in accounts} == {1, 2, 3, 4}


def test_an_account_keeps_its_secrets_out_of_its_repr() -> None:
    account: Account = default_accounts(1)[0]
    assert account.client_secret not in repr(account)
    assert account.account_secret not in repr(account)
