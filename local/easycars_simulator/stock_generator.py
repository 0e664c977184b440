"""Generate believable stock: the same seed, account and count always give the same vehicles.

Vehicle *n* does not depend on how many are asked for, so a longer list begins with the shorter.
The first :data:`AWKWARD_COUNT` of each account show what real feeds hold (see
:mod:`local.easycars_simulator.awkward_stock`).
"""

import hashlib
import random
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from local.easycars_simulator.accounts import Account
from local.easycars_simulator.awkward_stock import TWISTS
from local.easycars_simulator.schema import Kind
from local.easycars_simulator.stock_catalogue import (
    COLOURS,
    FEATURES,
    INTERIORS,
    MODELS,
    OPTIONS,
    SENTENCES,
    STATES,
    STATUSES,
    WEIGHTS,
    Model,
)
from local.easycars_simulator.stock_table import STOCK_FIELDS

VENDOR_IMAGES = "https://testmy.easycars.net.au/test"
"""Where the vendor's test images are; the simulator puts its own address here."""
AWKWARD_COUNT = len(TWISTS)
_THIS_YEAR = 2025
_USED_SHARE = 0.7
_DEMO_SHARE = 0.15
_DEPOSIT_SHARE = 0.05
_SPECIAL_SHARE = 0.2
_FOUR_DECIMALS_SHARE = 0.3
_PRESTIGE_FROM = 95_000
_SPECIAL_DISCOUNT = 500
_HORSEPOWER_PER_KW = 1.34
_VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_ENCODER = msgspec.json.Encoder(decimal_format="number")

type StockItem = dict[str, Any]


def generate_stock(
    seed: int,
    account: Account,
    count: int,
    *,
    item_bytes: int | None = None,
    image_base: str = VENDOR_IMAGES,
) -> list[StockItem]:
    """Make `count` different vehicles of an account.

    Parameters
    ----------
    seed
        Another seed gives other vehicles.
    item_bytes
        Size of each item as :func:`encode_item` writes it, reached by lengthening its description;
        an item that is longer by nature stays as it is. None leaves natural sizes (3 to 6 kB).
    image_base
        Address before ``/publicimages/image/…`` in ImageURLs.

    Returns
    -------
    list of dict
        Items with all 72 fields in the vendor's order; prices are :class:`~decimal.Decimal`.
    """
    return [
        generate_vehicle(seed, account, index, item_bytes=item_bytes, image_base=image_base)
        for index in range(count)
    ]


def generate_vehicle(
    seed: int,
    account: Account,
    index: int,
    *,
    item_bytes: int | None = None,
    image_base: str = VENDOR_IMAGES,
) -> StockItem:
    """Make the vehicle at place `index` of an account's stock."""
    chance = random.Random(f"{seed}/{account.account_number}/{index}")  # noqa: S311 - not a secret
    model = chance.choices(MODELS, WEIGHTS)[0]
    item = _blank_item()
    _identify(item, model, account, chance, index)
    _describe(item, model, chance)
    _price(item, model, chance)
    _measure(item, model, chance)
    if index < AWKWARD_COUNT:
        TWISTS[index](item)
    _picture(item, account, f"{seed}/{account.account_number}/{index}", chance, image_base)
    if item_bytes is not None:
        _lengthen(item, item_bytes)
    return item


def encode_item(item: object) -> bytes:
    """Write one item (or a malformed one) as the vendor's JSON, decimals as plain numbers."""
    return _ENCODER.encode(item)


def encode_feed(items: Iterable[bytes], tail: Mapping[str, Any] | None = None) -> bytes:
    """Write a whole GetAdvertisementStocks answer from encoded items.

    Parameters
    ----------
    tail
        What stands beside ``StockList``; None is ``Code`` 0 and no ``ErrorMessage``.
    """
    rest = _ENCODER.encode(tail or {"Code": 0, "ErrorMessage": None})
    return b'{"StockList":[' + b",".join(items) + b"]," + rest[1:]


def _blank_item() -> StockItem:
    blanks = {Kind.TEXT: "", Kind.INTEGER: 0, Kind.DECIMAL: Decimal(0), Kind.FLAG: False}
    return {
        field.name: None if field.nullable else blanks[field.kind]
        for field in STOCK_FIELDS.values()
    }


def _identify(
    item: StockItem, model: Model, account: Account, chance: random.Random, index: int
) -> None:
    used = chance.random() < _USED_SHARE
    yard = account.yards[index % len(account.yards)]
    year = chance.randint(2009, _THIS_YEAR - 1) if used else _THIS_YEAR
    item.update(
        YardCode=yard.code,
        YardName=yard.name,
        StockNumber=f"{'U' if used else 'N'}{10000 + index}",
        Make=model.make,
        Model=model.name,
        Badge=chance.choice(model.badges),
        VIN="".join(chance.choices(_VIN_LETTERS, k=17)),
        YearGroup=year,
        Body=model.body,
        Colour=chance.choice(COLOURS),
        InteriorColor=chance.choice(INTERIORS),
        StockType=model.stock_type,
        IsUsed=used,
        IsDemo=not used and chance.random() < _DEMO_SHARE,
        IsPrestiged=model.price[1] > _PRESTIGE_FROM,
        StockStatus=chance.choice(STATUSES),
        IsDepositTaken=chance.random() < _DEPOSIT_SHARE,
        BuiltDate=f"{chance.randint(1, 12):02}/{year}",
        ComplianceDate=f"{chance.randint(1, 12):02}/{year}",
        RedbookCode=f"AUVVEHI{year}{chance.randint(1000, 9999)}AA",
        NVIC="".join(chance.choices(_VIN_LETTERS, k=6)),
        Location=chance.choice(("", "Front row", "Bay 14, rear shed")),
    )
    if used and model.stock_type != "T":
        item.update(
            Odometer=chance.randint(3, 240) * 1000 + chance.randint(0, 999),
            RegoNum="".join(chance.choices(_VIN_LETTERS, k=6)),
            RegoState=chance.choice(STATES),
            RegoExpiry=f"{chance.randint(1, 28):02}/{chance.randint(1, 12):02}/{_THIS_YEAR + 1}",
        )


def _describe(item: StockItem, model: Model, chance: random.Random) -> None:
    title = f"{item['Model']} {item['Badge'].strip()} {item['Body']}"
    sentences = chance.sample(SENTENCES, k=chance.randint(2, 7))
    wanted = 96 if model.stock_type == "A" else 14
    features = chance.sample(FEATURES, k=min(wanted, len(FEATURES)))
    item.update(
        AdvDescription=f"{item['YearGroup']} {model.make} {title}. " + " ".join(sentences),
        ShortDescription=title,
        AdditionalDescription=chance.choice(("", "", "Drive-in drive-out same day.")),
        Series=chance.choice(("", "236 MY19 ", "MY21", "NEXT GEN", "II")),
        StandardFeatures=",".join(features),
        OptionalFeatures=",".join(chance.sample(OPTIONS, k=chance.randint(0, 3))),
        Warranty=chance.choice(("", "Statutory warranty", "5 years unlimited km")),
        VideoLink=chance.choice(("", "", f"https://video.example/{item['StockNumber']}")),
        Stereo=chance.choice(("", "Harman Kardon 19 speakers")),
        Wheelsize=chance.choice(("0", "17", "18", "19")),
        Wheels=chance.choice(("", "Alloy", "Steel")),
        GPS=chance.choice(("", "Inbuilt")),
        AirConditioning=chance.choice(("", "Dual zone climate control")),
    )


def _price(item: StockItem, model: Model, chance: random.Random) -> None:
    low, high = model.price
    age = _THIS_YEAR - item["YearGroup"]
    price = Decimal(chance.randint(low, high) * (20 - age) // 2000 * 100 + 90)
    if chance.random() < _FOUR_DECIMALS_SHARE:
        price = price.quantize(Decimal("0.0001"))
    special = chance.random() < _SPECIAL_SHARE
    item.update(
        Price=price,
        IsSpecial=special,
        AdvSpecialPrice=price - _SPECIAL_DISCOUNT if special else None,
        IsDriveAway=chance.choice((True, False, None)),
    )


def _measure(item: StockItem, model: Model, chance: random.Random) -> None:
    gear = chance.choice(model.gears)
    tare = chance.randint(90, 260) * 10
    item.update(
        GearType=gear,
        GearCount=int(gear.split()[0]) if gear[:1].isdigit() else None,
        FuelType=model.fuel,
        DriveTrain=model.drive,
        DoorNum=model.doors,
        SeatCapacity=model.seats,
        EngineCapacity=f"{model.litres:.1f}L" if model.litres else "",
        EngineSize=Decimal(round(model.litres * 1000) - 31) if model.litres else None,
        Cylinder="4" if model.litres else "",
        EngineTypeDescription="TURBO CDI" if model.fuel == "Diesel" else "",
        EngineNumber="".join(chance.choices(_VIN_LETTERS, k=10)) if model.litres else "",
        EnginePower=Decimal(model.power) if model.power else None,
        PowerkW=Decimal(model.power) if model.power else None,
        Powerhp=round(model.power * Decimal(str(_HORSEPOWER_PER_KW)), 2) if model.power else None,
        Tare=Decimal(tare),
        GVM=Decimal(tare + 600),
    )
    match model.stock_type:
        case "B":
            item.update(EngineMake="MERCURY", Length=Decimal("5.2"), SerialNumber="1B884213")
        case "C":
            item.update(
                SleepingCapacity=4, Toilet="Cassette", Shower="Internal", Fridge="188L 3-way"
            )
            item.update(
                TowBallWeight="155", Length=Decimal("6.85"), AirConditioning="Roof, reverse cycle"
            )
        case "H":
            item.update(GCM=Decimal(9000), AxleConfiguration="4x2")
        case "T":
            item.update(AxleConfiguration="Tandem", Length=Decimal("2.44"), VIN="")


def _picture(
    item: StockItem, account: Account, key: str, chance: random.Random, image_base: str
) -> None:
    dealer = int(hashlib.sha256(account.account_number.encode()).hexdigest()[:5], 16)
    first = chance.randint(10_000, 99_000)
    urls = []
    for place in range(chance.randint(0, 6)):
        digest = hashlib.sha1(f"{key}/{place}".encode(), usedforsecurity=False).hexdigest()
        urls.append(f"{image_base}/publicimages/image/{dealer}/{first + place}/{digest}")
    item.update(ImageCount=len(urls), ImageURLs=",".join(urls))


def _lengthen(item: StockItem, wanted: int) -> None:
    missing = wanted - len(encode_item(item))
    if missing > 0:
        filler = " Ask our friendly team for more about this vehicle."
        item["AdvDescription"] += (filler * (missing // len(filler) + 1))[:missing]
