"""Whatever comes in, what goes out is within the limits, and nothing a person wrote is lost."""

import json
from dataclasses import fields as columns_of
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.easycars.lead_mapping import (
    changed_fields,
    create_lead_fields,
    lead_from_detail,
    update_lead_fields,
)
from forecourt.easycars.lead_messages import CreateLeadRequest, LeadDetail, UpdateLeadRequest
from forecourt.easycars.stock_mapping import (
    MappedVehicle,
    decode_stock_item,
    map_stock_item,
    stock_number_of,
)
from forecourt.errors import SkippableError
from forecourt.leads.lead import (
    FinanceStatus,
    Lead,
    LeadAddress,
    LeadStatus,
    LeadVehicle,
    Rating,
    VehicleInterest,
)
from tests.unit.easycars.stock_samples import VENDOR_ITEM, item

letters = st.characters(exclude_categories=["Cs"])
text = st.text(letters, max_size=300)
maybe_text = st.none() | text
email = st.from_regex(r"[a-z0-9.+-]{1,40}@[a-z0-9-]{1,40}\.[a-z]{2,10}", fullmatch=True)

vehicles = st.builds(
    LeadVehicle,
    vehicle_id=st.integers(1),
    stock_number=maybe_text,
    make=text,
    model=text,
    year=st.integers(0, 9999),
    price=st.decimals(allow_nan=True, allow_infinity=True),
    is_new=st.booleans(),
    stock_type=st.none() | st.sampled_from("ABCHMTabx "),
)
leads = st.builds(
    Lead,
    lead_id=st.integers(1),
    external_id=st.uuids(),
    dealership_id=st.integers(1),
    name=text,
    email=email,
    phone=st.text(letters, max_size=40) | st.text("+0123456789 -()", max_size=30),
    message=st.text(letters, max_size=1000),
    received_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    status=st.sampled_from(LeadStatus),
    vehicle=st.none() | vehicles,
    stock_number=maybe_text,
    vehicle_interest=st.none() | st.sampled_from(VehicleInterest),
    finance_status=st.none() | st.sampled_from(FinanceStatus),
    rating=st.none() | st.sampled_from(Rating),
    source_page_url=maybe_text | text.map(lambda path: f"https://dealer.example/{path}"),
    address=st.builds(LeadAddress, line=maybe_text, city=maybe_text, state=maybe_text),
    delivery_notes=st.lists(text, max_size=2).map(tuple),
)
TODAY = date(2026, 3, 1)


def one_line(value: str) -> str:
    return " ".join(value.split())


@settings(deadline=None)
@given(leads)
def test_any_lead_becomes_a_request_the_vendor_takes(lead: Lead) -> None:
    fields = create_lead_fields(lead, today=TODAY)

    assert json.loads(json.dumps(fields)) == fields
    wire = CreateLeadRequest.from_fields(fields).to_wire()
    assert wire.keys() == fields.keys()
    assert "CustomerNo" not in wire["LeadCustomer"]
    UpdateLeadRequest.from_fields({"LeadNumber": "000017", **update_lead_fields(lead)})


@settings(deadline=None)
@given(leads)
def test_nothing_the_visitor_wrote_is_lost(lead: Lead) -> None:
    fields = create_lead_fields(lead, today=TODAY)
    customer, notes = fields["LeadCustomer"], fields.get("Notes", "")

    def kept(field: object, written: str | None) -> bool:
        line = one_line(written or "")
        return not line or line in (field, notes) or line in one_line(notes)

    assert kept(customer["Name"], lead.name)
    assert customer["Email"] == lead.email
    assert lead.message.strip() in notes
    assert kept(customer.get("Address"), lead.address.line)
    assert kept(customer.get("City"), lead.address.city)
    assert kept(customer.get("State"), lead.address.state)
    assert kept(fields.get("VehicleSourcePageURL"), lead.source_page_url)
    if lead.vehicle is None:
        assert kept(fields.get("StockNumber"), lead.stock_number)
    number = customer.get("Phone") or customer.get("Mobile")
    if number is None:
        assert kept(None, lead.phone)
    else:
        typed = "".join(letter for letter in lead.phone if letter in "+0123456789")
        assert number == (typed.replace("+610", "+61", 1) if typed[:4] == "+610" else typed) or (
            number == typed
        )
    for line in lead.delivery_notes:
        assert line.strip() in notes


@settings(deadline=None)
@given(leads)
def test_a_lead_just_created_differs_in_its_status_at_most(lead: Lead) -> None:
    delivered = json.loads(json.dumps(create_lead_fields(lead, today=TODAY)))

    changed = changed_fields(update_lead_fields(lead), delivered)

    expected = {} if lead.status is LeadStatus.RECEIVED else {"LeadStatus"}
    assert changed.keys() == set(expected)


@settings(deadline=None)
@given(leads)
def test_what_the_vendor_echoes_comes_back_as_it_was(lead: Lead) -> None:
    lead = replace(lead, vehicle_interest=lead.vehicle_interest or VehicleInterest.BUY)
    fields = create_lead_fields(lead, today=TODAY)
    customer = {f"Customer{name}": value for name, value in fields.pop("LeadCustomer").items()}

    back = lead_from_detail(LeadDetail.model_validate({"LeadNumber": "17", **fields, **customer}))

    assert back.vehicle_interest is lead.vehicle_interest
    assert back.finance_status is lead.finance_status
    assert back.rating is lead.rating
    assert back.external_id == str(lead.external_id)
    assert back.email == lead.email


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
plausible = st.fixed_dictionaries(
    {},
    optional={
        name: st.just(value) | json_values | st.text(max_size=6000)
        for name, value in VENDOR_ITEM.items()
    },
)
TEXT_COLUMNS = {
    "easycars_stock_number": 100, "easycars_yard_code": 50, "easycars_vin": 17, "make": 100,
    "model": 100, "condition": 10, "status": 10, "title": 255, "description": 5000,
    "exterior_color": 50, "interior_color": 50, "body": 50, "fuel_type": 50, "gear_type": 50,
    "engine_capacity": 50,
}  # fmt: skip
REQUIRED = {"easycars_stock_number", "make", "model", "condition", "status", "title", "description"}


def assert_storable(vehicle: MappedVehicle) -> None:
    assert {column.name for column in columns_of(vehicle)} >= TEXT_COLUMNS.keys()
    for column, limit in TEXT_COLUMNS.items():
        value = getattr(vehicle, column)
        if value is None:
            assert column not in REQUIRED
            continue
        assert 0 < len(value) <= limit
        assert value == value.strip()
        assert "\x00" not in value
        value.encode()
    assert vehicle.status in {"active", "pending", "sold"}
    assert vehicle.condition in {"new", "used"}
    assert 1900 <= vehicle.year <= 2100
    assert 0 <= vehicle.price < 10**8
    assert vehicle.price.as_tuple().exponent == -2
    assert 0 <= vehicle.mileage < 2**31
    assert vehicle.door_count is None or 0 < vehicle.door_count < 2**31
    assert all(part and part == part.strip() for part in vehicle.features + vehicle.image_urls)
    assert len(set(vehicle.features)) == len(vehicle.features)
    assert r"\u0000" not in vehicle.easycars_raw_data.replace(r"\\", "")


@settings(deadline=None, max_examples=300)
@given(plausible)
def test_any_item_fits_its_columns_or_is_skipped(changes: dict[str, Any]) -> None:
    raw = item(**changes).replace(b"NaN", b'"NaN"').replace(b"Infinity", b'"Infinity"')

    try:
        vehicle = map_stock_item(decode_stock_item(raw))
    except SkippableError:
        return
    assert_storable(vehicle)
    assert vehicle.easycars_stock_number == stock_number_of(raw)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_item_or_skipped(raw: bytes) -> None:
    stock_number_of(raw)
    try:
        assert_storable(map_stock_item(decode_stock_item(raw)))
    except SkippableError:
        return
