"""The columns every tenant's lead table has (Dataverse reference, 2.2), as a lead fills them."""

from collections.abc import Mapping
from typing import Any

from forecourt.dynamics.fitting import Wish, clean_text
from forecourt.dynamics.person_names import split_name
from forecourt.leads.lead import Lead, LeadVehicle, Rating, VehicleInterest
from forecourt.leads.phone_numbers import sort_phone

SUBJECT = "subject"
DESCRIPTION = "description"

DO_NOT_CONTACT = ("donotbulkemail", "donotsendmm")
"""Yes unless the visitor agreed to marketing; the visitor's own question may be answered."""

_NO_NAME = "Unknown"
_WEB_SOURCE = 8
_QUALITY = {Rating.HOT: 1, Rating.WARM: 2, Rating.COLD: 3}
_WANTS = {
    VehicleInterest.BUY: "Buy",
    VehicleInterest.LEASE: "Lease",
    VehicleInterest.SELL: "Sell",
    VehicleInterest.TEST_DRIVE: "Test drive",
    VehicleInterest.SERVICE: "Service",
}


def core_wishes(lead: Lead) -> list[Wish]:
    """Return what the core columns are to hold, but for those a company fills and the description.

    ``statecode`` and ``statuscode`` are the sales staff's: a lead they closed is read-only
    (reference, 1.10), and none of our statuses may open or close it.
    """
    first, last = split_name(clean_text(lead.name, lines=False) or "")
    name = f"Name: {lead.name}"
    return [
        Wish(column=SUBJECT, value=_subject(lead)),
        Wish(column="firstname", value=first, line=name),
        Wish(column="lastname", value=last or _NO_NAME, line=name),
        _text("emailaddress1", "E-mail", lead.email, is_whole=True),
        _text("telephone1", "Phone", lead.phone, is_whole=True),
        Wish(column="mobilephone", value=sort_phone(lead.phone).mobile, is_whole=True),
        _text("address1_line1", "Address", lead.address.line),
        _text("address1_city", "City", lead.address.city),
        _text("address1_stateorprovince", "State", lead.address.state),
        _text("address1_postalcode", "Post code", lead.address.post_code, is_whole=True),
        Wish(column="leadsourcecode", value="Web", integer=_WEB_SOURCE, is_ours=True),
        Wish(
            column="leadqualitycode",
            value=lead.rating,
            integer=None if lead.rating is None else _QUALITY[lead.rating],
            is_ours=True,
        ),
        *(Wish(column=name, value=not _agreed(lead.consent)) for name in DO_NOT_CONTACT),
    ]


def description_lines(lead: Lead) -> list[str]:
    """Return what no core column holds, a line each, to stand below the message."""
    facts = {
        "Wants": None if lead.vehicle_interest is None else _WANTS[lead.vehicle_interest],
        "Vehicle": None if lead.vehicle is None else _vehicle_facts(lead.vehicle),
        "Stock number the website named": None if lead.vehicle is not None else lead.stock_number,
        "Finance": lead.finance_status,
        "Page": lead.source_page_url,
    }
    lines = [f"{label}: {text}" for label, text in facts.items() if text and text.strip()]
    return [*lines, *(note for note in lead.delivery_notes if note.strip())]


def _text(column: str, label: str, text: str | None, *, is_whole: bool = False) -> Wish:
    return Wish(column=column, value=text, is_whole=is_whole, line=f"{label}: {text}")


def _subject(lead: Lead) -> str:
    wants = "Enquiry" if lead.vehicle_interest is None else _WANTS[lead.vehicle_interest]
    if lead.vehicle is not None:
        number = lead.vehicle.stock_number
        return f"{wants}: {_vehicle_name(lead.vehicle)}" + (f" ({number})" if number else "")
    if lead.stock_number:
        return f"{wants}: stock number {lead.stock_number}"
    return f"{wants}: {lead.name}" if clean_text(lead.name, lines=False) else wants


def _vehicle_name(vehicle: LeadVehicle) -> str:
    return f"{vehicle.year} {vehicle.make} {vehicle.model}"


def _vehicle_facts(vehicle: LeadVehicle) -> str:
    facts = [_vehicle_name(vehicle), "new" if vehicle.is_new else "used"]
    if vehicle.stock_number:
        facts.append(f"stock number {vehicle.stock_number}")
    if vehicle.price.is_finite() and vehicle.price > 0:
        facts.append(f"${vehicle.price:,.2f}")
    return ", ".join(facts)


def _agreed(consent: Mapping[str, Any] | None) -> bool:
    """Whether the visitor said yes to marketing; who was not asked has not."""
    return consent is not None and consent.get("marketing") is True
