"""The seven operations, carried out on a request that has been found right.

Each function takes the vendor, the dealer, the lead source (the client) and the body, and answers
the payload that goes beside ``Code`` and ``ErrorMessage``.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from local.easycars_simulator.customers import CUSTOMER_TEXTS, Customer, UnknownCustomerError
from local.easycars_simulator.lead_book import FOUR_PLACES, Lead
from local.easycars_simulator.request_tables import LEAD_STATUS_DELETED
from local.easycars_simulator.sydney_time import sydney_text
from local.easycars_simulator.vendor import Dealer, Vendor

AUTHENTICATION_FAIL = 1
FAILED = 7

type Payload = dict[str, Any]
type Operation = Callable[[Vendor, Dealer, str, Mapping[str, Any]], Payload]

_NOT_LEAD_FIELDS = {
    *("AccountNumber", "AccountSecret", "LeadNumber", "StockNumber", "LeadCustomer", "LeadStatus"),
}


class RefusedError(Exception):
    """The vendor answers with a Code other than 0 and a sentence instead of a payload."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def get_advertisement_stocks(
    _vendor: Vendor, dealer: Dealer, _source: str, body: Mapping[str, Any]
) -> Payload:
    """Give the stock, or one yard's; items come as JSON already (see :mod:`.replies`)."""
    yard = body.get("YardCode")
    if yard is None:
        return {"StockList": dealer.stock.encoded()}
    if yard.strip() not in dealer.stock.yard_codes():
        raise RefusedError(FAILED, "YardCode is not a yard of this account.")
    return {"StockList": dealer.stock.encoded(yard.strip())}


def create_lead(vendor: Vendor, dealer: Dealer, source: str, body: Mapping[str, Any]) -> Payload:
    """Add a lead; it hangs on the vehicle when the account has one of that StockNumber."""
    try:
        lead = dealer.book.create_lead(
            source=source,
            fields=_lead_fields(body),
            customer=body["LeadCustomer"],
            stock_number=dealer.stock.number_like(body.get("StockNumber") or ""),
            created_at=vendor.clock.now(),
        )
    except UnknownCustomerError:
        _refuse_customer("LeadCustomer")
    return {"LeadNumber": lead.number, "CustomerNo": lead.customer_number}


def update_lead(_vendor: Vendor, dealer: Dealer, source: str, body: Mapping[str, Any]) -> Payload:
    """Change what the body holds; a deleted lead stays deleted (Lead API, UpdateLead)."""
    lead = _visible_lead(dealer, source, body["LeadNumber"])
    status = body.get("LeadStatus")
    if lead.status == LEAD_STATUS_DELETED and status not in (None, LEAD_STATUS_DELETED):
        raise RefusedError(FAILED, "LeadStatus of a deleted lead cannot be changed.")
    try:
        changed = dealer.book.update_lead(
            lead.number,
            fields=_lead_fields(body),
            status=status,
            customer=body.get("LeadCustomer"),
        )
    except UnknownCustomerError:
        _refuse_customer("LeadCustomer")
    return {"LeadNumber": changed.number, "CustomerNo": changed.customer_number}


def get_lead_detail(
    vendor: Vendor, dealer: Dealer, source: str, body: Mapping[str, Any]
) -> Payload:
    """Give the 25 fields of a lead of the caller's own source; its status only by a rule."""
    lead = _visible_lead(dealer, source, body["LeadNumber"])
    person = dealer.book.customer(lead.customer_number)
    given = lead.fields.get
    return {
        "LeadNumber": lead.number,
        "StockNumber": lead.stock_number,
        "VehicleMake": given("VehicleMake"),
        "VehicleModel": given("VehicleModel"),
        "VehiclePrice": _price(given("VehiclePrice")),
        "VehicleType": given("VehicleType"),
        "VehicleYear": given("VehicleYear"),
        "IsVehicleNew": given("IsVehicleNew"),
        "VehicleInterest": given("VehicleInterest"),
        "Notes": given("Notes"),
        "VehicleSourcePageURL": given("VehicleSourcePageURL", ""),
        "FinanceStatus": given("FinanceStatus"),
        "Rating": given("Rating"),
        "ExternalID": given("ExternalID"),
        "CreatedDateTime": sydney_text(vendor.clock.told(lead.created_at)),
        "CustomerNo": person.number,
        **{f"Customer{name}": person.text(name) for name in CUSTOMER_TEXTS},
        **({"LeadStatus": lead.status} if vendor.rules.lead_status_in_detail else {}),
    }


def create_quotation(
    _vendor: Vendor, dealer: Dealer, source: str, body: Mapping[str, Any]
) -> Payload:
    """Add a quotation for one or two customers."""
    if body["YardCode"].strip() not in dealer.stock.yard_codes():
        raise RefusedError(FAILED, "YardCode is not a yard of this account.")
    if body.get("LeadNumber"):
        _visible_lead(dealer, source, body["LeadNumber"])
    names = [name for name in ("QuotationCustomer1", "QuotationCustomer2") if body.get(name)]
    fields = {
        name: value
        for name, value in body.items()
        if name not in {"AccountNumber", "AccountSecret", *names} and value is not None
    }
    try:
        number, customers = dealer.book.add_quotation(fields, [body[name] for name in names])
    except UnknownCustomerError:
        _refuse_customer(" or ".join(names))
    return {
        "QuoteNumber": number,
        "CustomerNo1": customers[0],
        "CustomerNo2": customers[1] if len(customers) > 1 else None,
    }


def search_contacts(
    _vendor: Vendor, dealer: Dealer, _source: str, body: Mapping[str, Any]
) -> Payload:
    """Find customers of the account, whichever source they came by."""
    found = dealer.book.search(
        name=(body.get("Name") or "").strip(),
        email=(body.get("Email") or "").strip(),
        phone=(body.get("Phone") or "").strip(),
    )
    return {"Contacts": [_contact(person) for person in found]}


OPERATIONS: dict[str, Operation] = {
    "GetAdvertisementStocks": get_advertisement_stocks,
    "CreateLead": create_lead,
    "UpdateLead": update_lead,
    "GetLeadDetail": get_lead_detail,
    "CreateQuotation": create_quotation,
    "SearchContacts": search_contacts,
}


def _visible_lead(dealer: Dealer, source: str, number: str) -> Lead:
    lead = dealer.book.lead(number)
    if lead is None or lead.source != source:
        raise RefusedError(FAILED, "LeadNumber was not found.")
    return lead


def _lead_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _NOT_LEAD_FIELDS}


def _price(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(FOUR_PLACES)


def _contact(person: Customer) -> Payload:
    shown = ("Name", "Email", "Phone", "Mobile", "Address", "City", "State", "PostCode")
    texts = {name: person.text(name) for name in shown}
    return {"CustomerNo": person.number, **texts, "Country": "", "ABN": ""}


def _refuse_customer(name: str) -> NoReturn:
    raise RefusedError(FAILED, f"{name}.CustomerNo was not found.")
