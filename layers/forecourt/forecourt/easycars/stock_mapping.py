"""Map an item of the EasyCars stock feed to the columns of ``vehicle`` (reference, 2.1)."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from forecourt.easycars.stock_decoding import decode_stock_item, stock_number_of, unusable
from forecourt.easycars.stock_messages import StockFields, StockItem
from forecourt.images.sync import gallery_digest
from forecourt.text_limits import cut_code_points

__all__ = [
    "MAPPING_VERSION",
    "MappedVehicle",
    "decode_stock_item",
    "map_stock_item",
    "split_list",
    "stock_number_of",
]

MAPPING_VERSION = 2
"""Part of every content hash: raise it when a rule here changes, so that all rows are redone."""

_OLDEST_YEAR = 1900
_NEWEST_YEAR = 2100
_LARGEST_PRICE = Decimal("99999999.99")  # numeric(10,2)
_CENT = Decimal("0.01")
_LARGEST_INTEGER = 2**31 - 1
_KILOMETRES_PER_MILE = Decimal("1.609344")
_STOCK_NUMBER_LIMIT = 100
_NAME_LIMIT = 100
_TITLE_LIMIT = 255
_VIN_LIMIT = 17
_DETAIL_LIMIT = 50
_DESCRIPTION_LIMIT = 5000  # the dealers' own vehicle form refuses more
_NO_DESCRIPTION = "No description available"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedVehicle:
    """The columns of one vehicle, named as the table names them, within its limits.

    ``price`` is AUD with two decimals, 0 meaning "contact us"; ``mileage`` is kilometres;
    ``easycars_raw_data`` is JSON text; ``image_urls`` are in feed order, ``images_wanted`` is
    their digest.
    ``warnings`` name fields and what was done to them, and no values of personal data.
    """

    easycars_stock_number: str
    easycars_yard_code: str | None
    easycars_vin: str | None
    make: str
    model: str
    year: int
    price: Decimal
    mileage: int
    condition: str
    status: str
    title: str
    description: str
    exterior_color: str | None
    interior_color: str | None
    body: str | None
    fuel_type: str | None
    gear_type: str | None
    engine_capacity: str | None
    door_count: int | None
    features: tuple[str, ...]
    easycars_raw_data: str
    image_urls: tuple[str, ...]
    images_wanted: str
    warnings: tuple[str, ...]


def map_stock_item(item: StockItem) -> MappedVehicle:
    """Map one decoded item.

    Raises
    ------
    SkippableError
        Code ``UNUSABLE_ITEM``: no stock number, one that is too long, a year outside 1900 to
        2100, a negative or absurd price or odometer. The detail names stock number and field.
    """
    fields = item.fields
    stock_number = _stock_number(fields)
    warnings = list(item.warnings)
    year = fields.year_group
    if year is None or not _OLDEST_YEAR <= year <= _NEWEST_YEAR:
        raise unusable(stock_number, f"YearGroup must be {_OLDEST_YEAR} to {_NEWEST_YEAR}")
    make = _text("Make", fields.make, _NAME_LIMIT, warnings)
    model = _text("Model", fields.model, _NAME_LIMIT, warnings)
    if make is None or model is None:
        warnings.append("a blank Make or Model became Unknown")
    make, model = make or "Unknown", model or "Unknown"
    image_urls = split_list(fields.image_urls)
    if fields.image_count is not None and fields.image_count != len(image_urls):
        warnings.append(
            f"ImageCount is {fields.image_count}, ImageURLs holds {len(image_urls)} different ones"
        )
    return MappedVehicle(
        easycars_stock_number=stock_number,
        easycars_yard_code=_text("YardCode", fields.yard_code, _DETAIL_LIMIT, warnings),
        easycars_vin=_vin(fields.vin, warnings),
        make=make,
        model=model,
        year=year,
        price=_price(fields, stock_number),
        mileage=_mileage(fields, stock_number),
        condition="used" if fields.is_used or fields.is_demo else "new",
        status=_status(fields, warnings),
        title=_title(year, make, model, fields.badge, warnings),
        description=_description(fields, warnings),
        exterior_color=_text("Colour", fields.colour, _DETAIL_LIMIT, warnings),
        interior_color=_text("InteriorColor", fields.interior_color, _DETAIL_LIMIT, warnings),
        body=_text("Body", fields.body, _DETAIL_LIMIT, warnings),
        fuel_type=_text("FuelType", fields.fuel_type, _DETAIL_LIMIT, warnings),
        gear_type=_text("GearType", fields.gear_type, _DETAIL_LIMIT, warnings),
        engine_capacity=_engine_capacity(fields, warnings),
        door_count=_door_count(fields.door_num, warnings),
        features=split_list(fields.standard_features, fields.optional_features),
        easycars_raw_data=item.raw_json,
        image_urls=image_urls,
        images_wanted=gallery_digest(image_urls),
        warnings=tuple(warnings),
    )


def _stock_number(fields: StockFields) -> str:
    stock_number = (fields.stock_number or "").strip()
    if not stock_number:
        raise unusable(None, "StockNumber is missing")
    if len(stock_number) > _STOCK_NUMBER_LIMIT:
        shown = cut_code_points(stock_number, _DETAIL_LIMIT) + "…"
        raise unusable(shown, f"StockNumber is over {_STOCK_NUMBER_LIMIT} characters")
    return stock_number


def _price(fields: StockFields, stock_number: str) -> Decimal:
    special = fields.adv_special_price
    if fields.is_special and special is not None and special.is_finite() and special > 0:
        field, price = "AdvSpecialPrice", special
    elif fields.price is not None:
        field, price = "Price", fields.price
    elif special is not None:
        field, price = "AdvSpecialPrice", special
    else:
        return Decimal("0.00")
    if not price.is_finite() or not 0 <= price <= _LARGEST_PRICE:
        raise unusable(stock_number, f"{field} must be 0 to {_LARGEST_PRICE}")
    return min(price.quantize(_CENT, rounding=ROUND_HALF_UP), _LARGEST_PRICE)


def _mileage(fields: StockFields, stock_number: str) -> int:
    distance = Decimal(max(0, fields.odometer or 0))
    if distance > _LARGEST_INTEGER:
        raise unusable(stock_number, f"Odometer is over {_LARGEST_INTEGER}")
    if fields.is_miles:
        distance *= _KILOMETRES_PER_MILE
    kilometres = int(distance.to_integral_value(rounding=ROUND_HALF_UP))
    if kilometres > _LARGEST_INTEGER:
        raise unusable(stock_number, f"Odometer is over {_LARGEST_INTEGER} km")
    return kilometres


def _status(fields: StockFields, warnings: list[str]) -> str:
    """Translate StockStatus, of which the vendor gives no closed list; "sold" wins."""
    text = (fields.stock_status or "").strip()
    folded = text.casefold()
    if "sold" in folded:
        return "sold"
    if folded == "on offer" or fields.is_deposit_taken:
        return "pending"
    if folded not in {"", "in stock"}:
        warnings.append(f'StockStatus "{cut_code_points(text, _DETAIL_LIMIT)}" is new to us')
    return "active"


def _vin(text: str | None, warnings: list[str]) -> str | None:
    vin = (text or "").strip().upper()
    if len(vin) > _VIN_LIMIT:
        warnings.append(f"VIN is over {_VIN_LIMIT} characters and is kept in the raw item only")
        return None
    return vin or None


def _title(year: int, make: str, model: str, badge: str | None, warnings: list[str]) -> str:
    title = " ".join(f"{year} {make} {model} {badge or ''}".split())
    return _text("the title", title, _TITLE_LIMIT, warnings) or str(year)


def _description(fields: StockFields, warnings: list[str]) -> str:
    for field, text in (
        ("AdvDescription", fields.adv_description),
        ("ShortDescription", fields.short_description),
        ("AdditionalDescription", fields.additional_description),
    ):
        description = _text(field, text, _DESCRIPTION_LIMIT, warnings)
        if description is not None:
            return description
    return _NO_DESCRIPTION


def _engine_capacity(fields: StockFields, warnings: list[str]) -> str | None:
    capacity = _text("EngineCapacity", fields.engine_capacity, _DETAIL_LIMIT, warnings)
    if capacity is not None:
        return capacity
    size = fields.engine_size
    if size is None or not size.is_finite() or size <= 0 or size > _LARGEST_INTEGER:
        return None
    return cut_code_points(f"{size:f}", _DETAIL_LIMIT)


def _door_count(doors: int | None, warnings: list[str]) -> int | None:
    if doors is None or doors <= 0:
        return None
    if doors > _LARGEST_INTEGER:
        warnings.append("DoorNum is absurd and is kept in the raw item only")
        return None
    return doors


def split_list(*lists: str | None) -> tuple[str, ...]:
    """Split the vendor's comma lists: trimmed, without blanks, each text once in first order."""
    parts: dict[str, None] = {}
    for text in lists:
        if text:
            parts |= dict.fromkeys(map(str.strip, text.split(",")))
    parts.pop("", None)
    return tuple(parts)


def _text(field: str, text: str | None, limit: int, warnings: list[str]) -> str | None:
    trimmed = (text or "").strip()
    if len(trimmed) <= limit:
        return trimmed or None
    warnings.append(f"{field} was cut to {limit} characters")
    return cut_code_points(trimmed, limit)
