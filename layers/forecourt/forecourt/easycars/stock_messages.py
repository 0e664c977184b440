"""Request and answer of GetAdvertisementStocks: all 72 fields of an item (spec, 1.4)."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from forecourt.easycars.field_types import EasyCarsRequest, Text


class GetAdvertisementStocksRequest(EasyCarsRequest):
    """The whole stock of the account, or of one yard."""

    yard_code: Text | None = None


class StockFields(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One vehicle as the vendor describes it, text with its trailing blanks, null as None."""

    yard_code: str | None = None
    yard_name: str | None = None
    stock_number: str | None = None
    make: str | None = None
    model: str | None = None
    badge: str | None = None
    rego_num: str | None = None
    vin: str | None = msgspec.field(default=None, name="VIN")
    price: Decimal | None = None
    year_group: int | None = None
    odometer: int | None = None
    body: str | None = None
    colour: str | None = None
    engine_capacity: str | None = None
    gear_type: str | None = None
    fuel_type: str | None = None
    adv_description: str | None = None
    series: str | None = None
    adv_special_price: Decimal | None = None
    is_demo: bool | None = None
    is_special: bool | None = None
    is_prestiged: bool | None = None
    stock_type: str | None = None
    is_used: bool | None = None
    rego_expiry: str | None = None
    video_link: str | None = None
    drive_train: str | None = None
    door_num: int | None = None
    cylinder: str | None = None
    short_description: str | None = None
    engine_type_description: str | None = None
    engine_size: Decimal | None = None
    stock_status: str | None = None
    gcm: Decimal | None = msgspec.field(default=None, name="GCM")
    gvm: Decimal | None = msgspec.field(default=None, name="GVM")
    tare: Decimal | None = None
    sleeping_capacity: int | None = None
    toilet: str | None = None
    shower: str | None = None
    air_conditioning: str | None = None
    fridge: str | None = None
    stereo: str | None = None
    seat_capacity: int | None = None
    rego_state: str | None = None
    additional_description: str | None = None
    is_drive_away: bool | None = None
    interior_color: str | None = None
    built_date: str | None = None
    compliance_date: str | None = None
    engine_number: str | None = None
    gps: str | None = msgspec.field(default=None, name="GPS")
    wheelsize: str | None = None
    tow_ball_weight: str | None = None
    warranty: str | None = None
    wheels: str | None = None
    axle_configuration: str | None = None
    location: str | None = None
    standard_features: str | None = None
    optional_features: str | None = None
    redbook_code: str | None = None
    nvic: str | None = msgspec.field(default=None, name="NVIC")
    is_miles: bool | None = None
    gear_count: int | None = None
    engine_power: Decimal | None = None
    power_kw: Decimal | None = msgspec.field(default=None, name="PowerkW")
    power_hp: Decimal | None = msgspec.field(default=None, name="Powerhp")
    engine_make: str | None = None
    serial_number: str | None = None
    length: Decimal | None = None
    is_deposit_taken: bool | None = None
    image_count: int | None = None
    image_urls: str | None = msgspec.field(default=None, name="ImageURLs")


@dataclass(frozen=True, slots=True, kw_only=True)
class StockItem:
    """One decoded item of the feed.

    ``raw_json`` is the item's JSON text as it came, apart from what PostgreSQL cannot hold; each
    such repair, and each field that could not be read and that no column needs, is a warning.
    """

    fields: StockFields
    raw_json: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFeed:
    """A complete answer of GetAdvertisementStocks, its items sliced but not parsed.

    Each item is a view into the body, which lives as long as any of them. ``warning`` is the
    redacted ErrorMessage of a Code 5, None after a Code 0. ``body_bytes`` is the body's size.
    """

    items: list[msgspec.Raw]
    warning: str | None
    body_bytes: int
