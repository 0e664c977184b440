"""The odd things real feeds hold, one per vehicle at the head of each account's stock.

Every one of them can be mapped; items that cannot are a fault asked for (``malformed_item``).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any


def _vendor_sample(item: dict[str, Any]) -> None:
    """Copy the vendor's own example: no VIN, no price, an offer, a deposit, trailing blanks."""
    item.update(
        StockNumber="12", Make="VOLVO", Model="V90", Badge="D5 CROSS COUNTRY INSCRIPTION ",
        VIN="", Price=None, AdvSpecialPrice=None, IsSpecial=False, YearGroup=2020, Odometer=None,
        Body="4D WAGON", Colour="", InteriorColor="", EngineCapacity="2.0L",
        EngineSize=Decimal(1969), GearType="8 SP AUTOMATIC GEARTRONIC", FuelType="Diesel",
        Series="236 MY19 ", StockType="A", IsUsed=False, IsDemo=False, StockStatus="On Offer",
        IsDepositTaken=True, DoorNum=None, SeatCapacity=5, RegoNum="", RegoState="QLD",
        RegoExpiry=None, Cylinder="TT4", Wheelsize="0", AdvDescription="test default 1",
        ShortDescription="V90 D5 CROSS COUNTRY INSCRIPTION 4D WAGON 8 SP AUTOMATIC GEARTRONIC",
    )  # fmt: skip


def _twist(**values: object) -> Callable[[dict[str, Any]], None]:
    def apply(item: dict[str, Any]) -> None:
        item.update(values)

    return apply


TWISTS: tuple[Callable[[dict[str, Any]], None], ...] = (
    _vendor_sample,
    _twist(VIN="   ", StockNumber="13"),
    _twist(Price=None, AdvSpecialPrice=None, IsSpecial=False),
    _twist(Price=Decimal("0.0000"), AdvSpecialPrice=Decimal("18990.0000"), IsSpecial=False),
    _twist(IsMiles=True, Odometer=48210, IsUsed=True, Make="FORD", Model="MUSTANG", YearGroup=1967),
    _twist(StockStatus="Sold", IsDepositTaken=True),
    _twist(StockStatus="SOLD - awaiting delivery"),
    _twist(StockStatus="In Stock", IsDepositTaken=True),
    _twist(StockStatus=" on offer "),
    _twist(Colour="Bleu Électrique, métallisé", Badge="L'Édition d'Été 🚗", Make="CITROËN"),
    _twist(
        AdvDescription='Two keys, "as new", books;\r\nline two,\ttabbed. €500 off, no kidding 😀',
        StandardFeatures='ABS, Airbags , ABS,,  ,Wheels - 18" Alloy',
    ),
    _twist(VIN="  6t1bd3fk50x123456 ", Make=" TOYOTA", Model="CAMRY  ", Body=" "),
    _twist(
        StockType="B", Make="QUINTREX", Model="481 FISHABOUT", Body="ALUMINIUM RUNABOUT",
        VIN="AUQNT12345A818", EngineMake="MERCURY", DoorNum=None, Odometer=None, GearType="",
        Length=Decimal("4.81"), EngineCapacity="", RegoNum="QB123Q",
    ),
    _twist(
        StockType="C", Make="JAYCO", Model="JOURNEY", Body="CARAVAN", SleepingCapacity=6,
        Toilet="Cassette", Shower="Internal", Fridge="188L 3-way", Odometer=None, FuelType="",
    ),
    _twist(
        StockType="H", Make="KENWORTH", Model="T610", Body="PRIME MOVER",
        VIN="6F5000000GA123456789", GCM=Decimal("97000.0"), AxleConfiguration="6x4",
        EngineCapacity="", EngineSize=Decimal(15000),
    ),
    _twist(StockType="M", Make="DUCATI", Model="PANIGALE V4", Body="ROAD", DoorNum=0),
    _twist(StockType="T", Make="BRIMARCO", Model="8x5", VIN="", YearGroup=2025, Odometer=None),
    _twist(IsDemo=True, IsUsed=False, Odometer=2150),
    _twist(
        GearType="EIGHT SPEED SPORTS AUTOMATIC WITH PADDLE SHIFT AND A LOW RANGE TRANSFER CASE",
        AdvDescription="", ShortDescription="", AdditionalDescription="",
    ),
    _twist(StandardFeatures="", OptionalFeatures="", Odometer=-1, DoorNum=-1),
    _twist(StockNumber="A/17 #2", Price=Decimal("129990.9999")),
)  # fmt: skip
"""Vehicle *n* of every account, n below the length of this, is changed by the n-th."""
