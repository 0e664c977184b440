"""The 72 fields of one item of ``StockList`` (Stock API v1.01), as data.

The vendor gives no lengths. ``nullable`` is what its document says or its example shows.
"""

from dataclasses import dataclass

from local.easycars_simulator.schema import Kind


@dataclass(frozen=True, slots=True)
class StockField:
    """One field of a stock item: its name, what it holds, whether it may be null."""

    name: str
    kind: Kind
    nullable: bool = False


def _fields(kind: Kind, *names: str) -> dict[str, StockField]:
    """Make fields of one kind; a trailing ``?`` marks one that may be null."""
    return {
        name.rstrip("?"): StockField(name.rstrip("?"), kind, nullable=name.endswith("?"))
        for name in names
    }


_BY_NAME = (
    _fields(
        Kind.TEXT,
        *("YardCode", "YardName", "StockNumber", "Make", "Model", "Badge", "RegoNum", "VIN"),
        *("Body", "Colour", "EngineCapacity", "GearType", "FuelType", "AdvDescription", "Series"),
        *("StockType", "RegoExpiry?", "VideoLink", "DriveTrain", "Cylinder", "ShortDescription"),
        *("EngineTypeDescription", "StockStatus", "Toilet", "Shower", "AirConditioning", "Fridge"),
        *("Stereo", "RegoState", "AdditionalDescription", "InteriorColor", "BuiltDate"),
        *("ComplianceDate", "EngineNumber", "GPS", "Wheelsize", "TowBallWeight", "Warranty"),
        *("Wheels", "AxleConfiguration", "Location", "StandardFeatures", "OptionalFeatures"),
        *("RedbookCode", "NVIC", "EngineMake", "SerialNumber", "ImageURLs"),
    )
    | _fields(
        Kind.INTEGER,
        *("YearGroup", "Odometer?", "DoorNum?", "SleepingCapacity?", "SeatCapacity?"),
        *("GearCount?", "ImageCount"),
    )
    | _fields(
        Kind.DECIMAL,
        *("Price?", "AdvSpecialPrice?", "EngineSize?", "GCM?", "GVM?", "Tare?", "EnginePower?"),
        *("PowerkW?", "Powerhp?", "Length?"),
    )
    | _fields(
        Kind.FLAG,
        *("IsDemo", "IsSpecial", "IsPrestiged", "IsUsed", "IsDriveAway?", "IsMiles"),
        "IsDepositTaken",
    )
)

_ORDER = [
    "YardCode",
    "YardName",
    "StockNumber",
    "Make",
    "Model",
    "Badge",
    "RegoNum",
    "VIN",
    "Price",
    "YearGroup",
    "Odometer",
    "Body",
    "Colour",
    "EngineCapacity",
    "GearType",
    "FuelType",
    "AdvDescription",
    "Series",
    "AdvSpecialPrice",
    "IsDemo",
    "IsSpecial",
    "IsPrestiged",
    "StockType",
    "IsUsed",
    "RegoExpiry",
    "VideoLink",
    "DriveTrain",
    "DoorNum",
    "Cylinder",
    "ShortDescription",
    "EngineTypeDescription",
    "EngineSize",
    "StockStatus",
    "GCM",
    "GVM",
    "Tare",
    "SleepingCapacity",
    "Toilet",
    "Shower",
    "AirConditioning",
    "Fridge",
    "Stereo",
    "SeatCapacity",
    "RegoState",
    "AdditionalDescription",
    "IsDriveAway",
    "InteriorColor",
    "BuiltDate",
    "ComplianceDate",
    "EngineNumber",
    "GPS",
    "Wheelsize",
    "TowBallWeight",
    "Warranty",
    "Wheels",
    "AxleConfiguration",
    "Location",
    "StandardFeatures",
    "OptionalFeatures",
    "RedbookCode",
    "NVIC",
    "IsMiles",
    "GearCount",
    "EnginePower",
    "PowerkW",
    "Powerhp",
    "EngineMake",
    "SerialNumber",
    "Length",
    "IsDepositTaken",
    "ImageCount",
    "ImageURLs",
]

STOCK_FIELDS: dict[str, StockField] = {name: _BY_NAME[name] for name in _ORDER}
"""Every field by name, in the order the vendor writes them."""

STOCK_TYPES = {"A": 1, "M": 2, "B": 3, "C": 4, "H": 5, "T": 6}
"""StockType letter of each lead VehicleType: Car, Motor Bike, Boat, Caravan, Truck/Bus, Trailer."""
