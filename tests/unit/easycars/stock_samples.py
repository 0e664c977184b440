"""The vendor's example item, all 72 fields (spec, 1.4)."""

import json
from typing import Any

VENDOR_ITEM: dict[str, Any] = {
    "YardCode": "100", "YardName": "testyard1", "StockNumber": "12", "Make": "VOLVO",
    "Model": "V90", "Badge": "D5 CROSS COUNTRY INSCRIPTION ", "RegoNum": "", "VIN": "",
    "Price": None, "YearGroup": 2020, "Odometer": None, "Body": "4D WAGON", "Colour": "",
    "EngineCapacity": "2.0L", "GearType": "8 SP AUTOMATIC GEARTRONIC", "FuelType": "Diesel",
    "AdvDescription": "test default 1", "Series": "236 MY19 ", "AdvSpecialPrice": None,
    "IsDemo": False, "IsSpecial": False, "IsPrestiged": False, "StockType": "A", "IsUsed": False,
    "RegoExpiry": None, "VideoLink": "", "DriveTrain": "AWD", "DoorNum": None, "Cylinder": "TT4",
    "ShortDescription": "V90 D5 CROSS COUNTRY", "EngineTypeDescription": "TWIN TURBO CDI",
    "EngineSize": 1969, "StockStatus": "On Offer", "GCM": None, "GVM": 2440, "Tare": 1894,
    "SleepingCapacity": None, "Toilet": "", "Shower": "", "AirConditioning": "", "Fridge": "",
    "Stereo": "", "SeatCapacity": 5, "RegoState": "QLD", "AdditionalDescription": "",
    "IsDriveAway": False, "InteriorColor": "", "BuiltDate": "", "ComplianceDate": "",
    "EngineNumber": "", "GPS": "", "Wheelsize": "0", "TowBallWeight": "", "Warranty": "",
    "Wheels": "", "AxleConfiguration": "", "Location": "",
    "StandardFeatures": "Additional 12 Volt Socket/s,12 Volt Power Outlet", "OptionalFeatures": "",
    "RedbookCode": "", "NVIC": "", "IsMiles": False, "GearCount": None, "EnginePower": 173,
    "PowerkW": 173, "Powerhp": 231.82, "EngineMake": "", "SerialNumber": "", "Length": None,
    "IsDepositTaken": True, "ImageCount": 2,
    "ImageURLs": "https://img.example/1/cdfd,https://img.example/2/3828",
}  # fmt: skip


def item(**fields: Any) -> bytes:
    """Write the vendor's item as JSON with some fields changed."""
    return json.dumps(VENDOR_ITEM | fields).encode()
