"""Map a lead to what CreateLead and UpdateLead take (reference, 2.2 and 2.4).

Everything is within the vendor's limits, counted in UTF-16 code units as .NET counts, and what a
limit cuts off, or what fits no field, stands in full in Notes, which has none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from forecourt.easycars.codes import (
    FINANCE_CODES,
    INTEREST_CODES,
    RATING_CODES,
    STATUS_CODES,
    VEHICLE_TYPE_OF_STOCK_TYPE,
    LeadStatusCode,
    VehicleInterestCode,
    VehicleTypeCode,
)
from forecourt.easycars.inbound_lead import InboundLead, lead_from_detail
from forecourt.easycars.reasons import Reason
from forecourt.errors import PermanentError
from forecourt.leads.lead import Lead, LeadVehicle
from forecourt.leads.phone_numbers import sort_phone
from forecourt.text_limits import cut_utf16, utf16_length

__all__ = [
    "InboundLead",
    "changed_fields",
    "create_lead_fields",
    "lead_from_detail",
    "update_lead_fields",
]

_GENERAL_MAKE = "General"
_GENERAL_MODEL = "Enquiry"
_NO_NAME = "Unknown"
_STOCK_NUMBER_LIMIT = 20
_URL_LIMIT = 400
_EMAIL_LIMIT = 100
_CENT = Decimal("0.01")
_LARGEST_PRICE = Decimal("99999999.99")
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")
_HTTPS_URL = re.compile(r"https://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)


@dataclass(slots=True)
class _Draft:
    """The vendor's fields so far, and the lines that go below the message in Notes."""

    fields: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def put_text(self, name: str, label: str, text: str | None, limit: int) -> None:
        """Put `text` on one line and in `limit`; where it is cut, all of it goes to Notes."""
        line = " ".join((text or "").split())
        if not line:
            return
        self.fields[name] = cut_utf16(line, limit)
        if self.fields[name] != line:
            self.lines.append(f"{label}: {line}")


def create_lead_fields(lead: Lead, *, today: date) -> dict[str, Any]:
    """Return the fields of CreateLead for `lead`, by the vendor's names, ready for JSON.

    The customer always goes with Name and Email and never with CustomerNo, so the vendor finds or
    makes the customer. A lead without a vehicle of ours gets "General", "Enquiry" and the year of
    `today` (a date in Sydney), which the vendor requires, and Notes say so.

    Raises
    ------
    PermanentError
        Code ``INVALID_EMAIL``: the e-mail is none, or over 100 characters; it is never cut.
    """
    draft = _common_fields(lead)
    fields = draft.fields
    vehicle = lead.vehicle
    fields["ExternalID"] = str(lead.external_id)
    fields["VehicleType"] = int(_vehicle_type(vehicle))
    fields["VehicleYear"] = today.year if vehicle is None else vehicle.year
    fields["IsVehicleNew"] = vehicle is not None and vehicle.is_new
    return fields


def update_lead_fields(lead: Lead) -> dict[str, Any]:
    """Return all fields of UpdateLead for `lead` but LeadNumber, by the vendor's names.

    What they have in common with :func:`create_lead_fields` is equal for the same lead, so that
    the difference of the two is what changed.

    Raises
    ------
    PermanentError
        As :func:`create_lead_fields`.
    """
    fields = _common_fields(lead).fields
    for name in ("StockNumber", "VehicleMake", "VehicleModel"):
        fields.pop(name, None)
    fields["LeadStatus"] = int(STATUS_CODES[lead.status])
    return fields


def changed_fields(desired: Mapping[str, Any], delivered: Mapping[str, Any]) -> dict[str, Any]:
    """Return those fields of `desired` that `delivered` does not hold with the same value.

    `delivered` is what the vendor last confirmed, with numbers as any JSON reader returns them; a
    lead that was only created stands at New. The customer goes whole, as the vendor wants Name and
    Email. What is only in `delivered` cannot be unset (a key left out stays unchanged), and
    nothing brings a deleted lead back, so its status is not sent again.
    """
    known = {"LeadStatus": int(LeadStatusCode.NEW)} | dict(delivered)
    changed = {name: value for name, value in desired.items() if not _same(value, known.get(name))}
    if known["LeadStatus"] == LeadStatusCode.DELETED:
        changed.pop("LeadStatus", None)
    return changed


def _common_fields(lead: Lead) -> _Draft:
    draft = _Draft()
    _put_vehicle(draft, lead)
    draft.fields["LeadCustomer"] = _customer(draft, lead)
    _put_url(draft, lead.source_page_url)
    interest = lead.vehicle_interest
    draft.fields["VehicleInterest"] = int(
        VehicleInterestCode.BUY if interest is None else INTEREST_CODES[interest]
    )
    if lead.finance_status is not None:
        draft.fields["FinanceStatus"] = int(FINANCE_CODES[lead.finance_status])
    if lead.rating is not None:
        draft.fields["Rating"] = int(RATING_CODES[lead.rating])
    draft.lines.extend(lead.delivery_notes)
    notes = "\n\n".join(part for part in (lead.message.strip(), "\n".join(draft.lines)) if part)
    if notes:
        draft.fields["Notes"] = notes
    return draft


def _put_vehicle(draft: _Draft, lead: Lead) -> None:
    vehicle = lead.vehicle
    if vehicle is None:
        draft.fields["VehicleMake"], draft.fields["VehicleModel"] = _GENERAL_MAKE, _GENERAL_MODEL
        draft.lines.append("No known vehicle: make, model and year of this lead are placeholders.")
        number = _put_stock_number(draft, lead.stock_number)
        if number:
            draft.lines.append(f"Stock number the website named: {number}")
        return
    draft.put_text("VehicleMake", "Make", vehicle.make, 100)
    draft.put_text("VehicleModel", "Model", vehicle.model, 50)
    draft.fields.setdefault("VehicleMake", _GENERAL_MAKE)
    draft.fields.setdefault("VehicleModel", _GENERAL_MODEL)
    number = _put_stock_number(draft, vehicle.stock_number)
    if number and "StockNumber" not in draft.fields:
        draft.lines.append(f"Stock number: {number}")
    if vehicle.price.is_finite() and _CENT <= vehicle.price <= _LARGEST_PRICE:
        price = vehicle.price.quantize(_CENT, rounding=ROUND_HALF_UP)
        # Ten digits survive a float exactly, and JSON has no better number to be stored as.
        draft.fields["VehiclePrice"] = int(price) if price == int(price) else float(price)


def _put_stock_number(draft: _Draft, text: str | None) -> str:
    number = (text or "").strip()
    if number and utf16_length(number) <= _STOCK_NUMBER_LIMIT:
        draft.fields["StockNumber"] = number
    return number


def _vehicle_type(vehicle: LeadVehicle | None) -> VehicleTypeCode:
    letter = "" if vehicle is None else (vehicle.stock_type or "").strip().upper()
    return VEHICLE_TYPE_OF_STOCK_TYPE.get(letter, VehicleTypeCode.CAR)


def _customer(draft: _Draft, lead: Lead) -> dict[str, Any]:
    customer = _Draft(lines=draft.lines)
    customer.put_text("Name", "Full name", lead.name, 100)
    customer.fields.setdefault("Name", _NO_NAME)
    customer.fields["Email"] = _email(lead.email)
    customer.put_text("Address", "Full address", lead.address.line, 200)
    customer.put_text("City", "City", lead.address.city, 50)
    state = " ".join((lead.address.state or "").split())
    if state:
        customer.fields["State"] = state
    customer.put_text("PostCode", "Post code", lead.address.post_code, 10)
    phone = sort_phone(lead.phone)
    if phone.phone is not None:
        customer.fields["Phone"] = phone.phone
    if phone.mobile is not None:
        customer.fields["Mobile"] = phone.mobile
    if phone.unplaced is not None:
        draft.lines.append(f"Phone as given: {phone.unplaced}")
    return customer.fields


def _email(text: str) -> str:
    email = text.strip()
    if _EMAIL.fullmatch(email) is None:
        detail = "the e-mail address is not valid, and EasyCars needs one"
    elif utf16_length(email) > _EMAIL_LIMIT:
        detail = f"the e-mail address is over {_EMAIL_LIMIT} characters, and is never cut"
    else:
        return email
    raise PermanentError(Reason.INVALID_EMAIL, detail, target="EasyCars")


def _put_url(draft: _Draft, text: str | None) -> None:
    url = (text or "").strip()
    if _HTTPS_URL.fullmatch(url) and utf16_length(url) <= _URL_LIMIT:
        draft.fields["VehicleSourcePageURL"] = url
    elif url:
        draft.lines.append(f"Page: {url}")


def _same(desired: object, delivered: object) -> bool:
    if isinstance(desired, Mapping):
        return isinstance(delivered, Mapping) and all(
            _same(value, delivered.get(name)) for name, value in desired.items()
        )
    if _is_number(desired) and _is_number(delivered):
        return Decimal(str(desired)) == Decimal(str(delivered))
    return desired == delivered


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
