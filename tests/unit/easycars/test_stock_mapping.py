from decimal import Decimal
from typing import Any

import pytest

from forecourt.easycars.stock_mapping import MappedVehicle, decode_stock_item, map_stock_item
from forecourt.errors import SkippableError
from forecourt.images.sync import gallery_digest
from tests.unit.easycars.stock_samples import item


def vehicle(**fields: Any) -> MappedVehicle:
    return map_stock_item(decode_stock_item(item(**fields)))


def test_the_vendors_item() -> None:
    assert vehicle() == MappedVehicle(
        easycars_stock_number="12",
        easycars_yard_code="100",
        easycars_vin=None,
        make="VOLVO",
        model="V90",
        year=2020,
        price=Decimal("0.00"),
        mileage=0,
        condition="new",
        status="pending",
        title="2020 VOLVO V90 D5 CROSS COUNTRY INSCRIPTION",
        description="test default 1",
        exterior_color=None,
        interior_color=None,
        body="4D WAGON",
        fuel_type="Diesel",
        gear_type="8 SP AUTOMATIC GEARTRONIC",
        engine_capacity="2.0L",
        door_count=None,
        features=("Additional 12 Volt Socket/s", "12 Volt Power Outlet"),
        easycars_raw_data=item().decode(),
        image_urls=("https://img.example/1/cdfd", "https://img.example/2/3828"),
        images_wanted=gallery_digest(["https://img.example/1/cdfd", "https://img.example/2/3828"]),
        warnings=(),
    )


@pytest.mark.parametrize(
    ("price", "special", "is_special", "mapped"),
    [
        (45990, 39990, True, "39990.00"),
        (45990, 39990, False, "45990.00"),
        (45990, 0, True, "45990.00"),
        (45990, None, True, "45990.00"),
        (None, 39990, False, "39990.00"),
        (0, 39990, False, "0.00"),
        (None, None, True, "0.00"),
        (-1, 39990, True, "39990.00"),
        ("25000.0050", None, False, "25000.01"),
        (99999999.99, None, False, "99999999.99"),
    ],
)
def test_the_price(price: object, special: object, is_special: object, mapped: str) -> None:
    mapped_price = vehicle(Price=price, AdvSpecialPrice=special, IsSpecial=is_special).price

    assert str(mapped_price) == mapped


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Price": -1}, "stock 12: Price must be 0 to 99999999.99"),
        ({"Price": 100_000_000}, "Price"),
        ({"Price": "1e400"}, "Price"),
        ({"Price": "NaN"}, "Price"),
        ({"Price": None, "AdvSpecialPrice": -1}, "AdvSpecialPrice"),
        ({"YearGroup": None}, "stock 12: YearGroup must be 1900 to 2100"),
        ({"YearGroup": 1899}, "YearGroup"),
        ({"YearGroup": 2101}, "YearGroup"),
        ({"Odometer": 2**31}, "Odometer"),
        ({"Odometer": 2**31 - 1, "IsMiles": True}, "Odometer"),
        ({"StockNumber": None}, "StockNumber is missing"),
        ({"StockNumber": "  "}, "StockNumber is missing"),
        ({"StockNumber": "s" * 101}, "StockNumber is over 100"),
    ],
)
def test_what_costs_the_item_names_the_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SkippableError, match=message) as failure:
        vehicle(**fields)

    assert failure.value.target == "EasyCars"


@pytest.mark.parametrize("year", [1900, 2100])
def test_the_years_at_the_edge(year: int) -> None:
    assert vehicle(YearGroup=year).year == year


@pytest.mark.parametrize(
    ("odometer", "is_miles", "kilometres"),
    [(100, False, 100), (100, True, 161), (1, True, 2), (None, True, 0), (-5, False, 0)],
)
def test_the_mileage_is_in_kilometres(odometer: object, is_miles: object, kilometres: int) -> None:
    assert vehicle(Odometer=odometer, IsMiles=is_miles).mileage == kilometres


@pytest.mark.parametrize(
    ("is_used", "is_demo", "condition"),
    [
        (True, False, "used"),
        (False, True, "used"),
        (True, True, "used"),
        (False, False, "new"),
        (None, None, "new"),
    ],
)
def test_the_condition(is_used: object, is_demo: object, condition: str) -> None:
    assert vehicle(IsUsed=is_used, IsDemo=is_demo).condition == condition


@pytest.mark.parametrize(
    ("stock_status", "deposit", "status", "warnings"),
    [
        ("Sold", False, "sold", 0),
        ("sold - awaiting delivery", True, "sold", 0),
        ("UNSOLD SOLD", False, "sold", 0),
        ("On Offer", False, "pending", 0),
        (" on offer ", False, "pending", 0),
        ("In Stock", True, "pending", 0),
        ("In Stock", False, "active", 0),
        ("", False, "active", 0),
        (None, None, "active", 0),
        ("In Transit", False, "active", 1),
        ("In Transit", True, "pending", 0),
    ],
)
def test_the_status(stock_status: object, deposit: object, status: str, warnings: int) -> None:
    mapped = vehicle(StockStatus=stock_status, IsDepositTaken=deposit)

    assert mapped.status == status
    assert len(mapped.warnings) == warnings


def test_a_new_status_text_is_shown_for_review() -> None:
    mapped = vehicle(StockStatus="In Transit", IsDepositTaken=False)

    assert mapped.warnings == ('StockStatus "In Transit" is new to us',)


@pytest.mark.parametrize(
    ("vin", "mapped", "warnings"),
    [
        (" yv1abc ", "YV1ABC", 0),
        ("V" * 17, "V" * 17, 0),
        ("V" * 18, None, 1),
        ("ß" * 9, None, 1),
        ("  ", None, 0),
        (None, None, 0),
    ],
)
def test_the_vin(vin: object, mapped: str | None, warnings: int) -> None:
    result = vehicle(VIN=vin)

    assert (result.easycars_vin, len(result.warnings)) == (mapped, warnings)


@pytest.mark.parametrize(
    ("field", "column", "limit"),
    [
        ("Make", "make", 100),
        ("Model", "model", 100),
        ("YardCode", "easycars_yard_code", 50),
        ("Colour", "exterior_color", 50),
        ("InteriorColor", "interior_color", 50),
        ("Body", "body", 50),
        ("FuelType", "fuel_type", 50),
        ("GearType", "gear_type", 50),
        ("EngineCapacity", "engine_capacity", 50),
        ("AdvDescription", "description", 5000),
    ],
)
def test_long_texts_are_cut_with_a_warning(field: str, column: str, limit: int) -> None:
    fits, cut = vehicle(**{field: "x" * limit + "  "}), vehicle(**{field: "x" * (limit + 1)})

    assert getattr(fits, column) == getattr(cut, column) == "x" * limit
    assert fits.warnings == ()
    assert cut.warnings == (f"{field} was cut to {limit} characters",)


def test_a_long_title_is_cut() -> None:
    mapped = vehicle(Make="m" * 100, Model="o" * 100, Badge="b" * 100)

    assert len(mapped.title) == 255
    assert "the title was cut to 255 characters" in mapped.warnings


def test_a_blank_make_or_model_is_unknown() -> None:
    mapped = vehicle(Make=" ", Model=None)

    assert (mapped.make, mapped.model) == ("Unknown", "Unknown")
    assert mapped.warnings == ("a blank Make or Model became Unknown",)


@pytest.mark.parametrize(
    ("adv", "short", "additional", "description"),
    [
        (" a ", "s", "x", "a"),
        (" ", "s", "x", "s"),
        ("", None, "x", "x"),
        (None, None, None, "No description available"),
    ],
)
def test_the_description(adv: object, short: object, additional: object, description: str) -> None:
    mapped = vehicle(AdvDescription=adv, ShortDescription=short, AdditionalDescription=additional)

    assert mapped.description == description


@pytest.mark.parametrize(
    ("capacity", "size", "mapped"),
    [
        (" 2.0L ", 1969, "2.0L"),
        ("", 1969, "1969"),
        ("", 1969.5, "1969.5"),
        ("", 0, None),
        ("", None, None),
        ("", "1e30", None),
    ],
)
def test_the_engine(capacity: object, size: object, mapped: str | None) -> None:
    assert vehicle(EngineCapacity=capacity, EngineSize=size).engine_capacity == mapped


@pytest.mark.parametrize(
    ("doors", "mapped", "warnings"), [(5, 5, 0), (0, None, 0), (-2, None, 0), (2**31, None, 1)]
)
def test_the_doors(doors: int, mapped: int | None, warnings: int) -> None:
    result = vehicle(DoorNum=doors)

    assert (result.door_count, len(result.warnings)) == (mapped, warnings)


def test_features_are_split_trimmed_and_unique_in_order() -> None:
    mapped = vehicle(StandardFeatures=" ABS ,, Sunroof,ABS", OptionalFeatures="Towbar,Sunroof, ")

    assert mapped.features == ("ABS", "Sunroof", "Towbar")
    assert vehicle(StandardFeatures=None, OptionalFeatures="").features == ()


def test_image_urls_keep_their_order_and_are_counted() -> None:
    mapped = vehicle(ImageURLs=" b ,a,,b", ImageCount=3)

    assert mapped.image_urls == ("b", "a")
    assert mapped.warnings == ("ImageCount is 3, ImageURLs holds 2 different ones",)
