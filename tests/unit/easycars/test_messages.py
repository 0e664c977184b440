"""Requests hold every field of the specification with its limits, and refuse what it refuses."""

from decimal import Decimal
from typing import Any

import pytest

from forecourt.easycars.contact_messages import Contact, SearchContactsRequest
from forecourt.easycars.field_types import EasyCarsRequest
from forecourt.easycars.lead_messages import (
    CreateLeadRequest,
    GetLeadDetailRequest,
    LeadCustomer,
    LeadDetail,
    UpdateLeadRequest,
)
from forecourt.easycars.quotation_messages import (
    CreateQuotationRequest,
    FinanceCompany,
    QuotationExtra,
    QuotationReceipt,
    QuotationTradein,
)
from forecourt.easycars.stock_messages import GetAdvertisementStocksRequest
from forecourt.errors import PermanentError

CUSTOMER = {"Name": "n", "Email": "e@x"}
CREATE = {
    "VehicleMake": "Volvo", "VehicleModel": "V90", "VehicleType": 1, "VehicleYear": 2020,
    "IsVehicleNew": False, "VehicleInterest": 1, "LeadCustomer": CUSTOMER,
}  # fmt: skip
QUOTATION = {
    "YardCode": "100", "VehicleMake": "Volvo", "VehicleModel": "V90", "VehicleType": 1,
    "IsVehicleNew": True, "VehicleYear": 2020, "QuoteDate": "01/03/2026", "BasePrice": 1,
    "SellingPrice": 2, "RegoState": "NSW", "QuotationCustomer1": CUSTOMER,
}  # fmt: skip
COMPANY = {"Name": "Bank", "ABN": "51824753556"}
RECEIPT = {"Amount": 5, "ReceiveDate": "28/02/2026", "PaymentMethod": 9, "Reference": "r"}
TRADEIN = {"Allowance": 5, "Make": "m", "Model": "m", "VehicleType": 6, "VehicleYear": 1999}
EXTRA = {"ExtraType": 9, "Amount": 5}

SMALLEST: dict[type[EasyCarsRequest], dict[str, Any]] = {
    LeadCustomer: CUSTOMER,
    CreateLeadRequest: CREATE,
    UpdateLeadRequest: {"LeadNumber": "000017"},
    GetLeadDetailRequest: {"LeadNumber": "000017"},
    CreateQuotationRequest: QUOTATION,
    FinanceCompany: COMPANY,
    QuotationReceipt: RECEIPT,
    QuotationTradein: TRADEIN,
    QuotationExtra: EXTRA,
}
TEXT_LIMITS: dict[type[EasyCarsRequest], dict[str, int]] = {
    LeadCustomer: {
        "CustomerNo": 20, "Name": 100, "Email": 100, "Address": 200, "City": 50, "PostCode": 10,
        "Fax": 20, "Phone": 20, "Mobile": 20,
    },
    CreateLeadRequest: {
        "StockNumber": 20, "VehicleMake": 100, "VehicleModel": 50, "VehicleSourcePageURL": 400,
        "ExternalID": 50,
    },
    UpdateLeadRequest: {"LeadNumber": 20, "VehicleSourcePageURL": 400},
    GetLeadDetailRequest: {"LeadNumber": 20},
    SearchContactsRequest: {"Name": 100, "Email": 100, "Phone": 20},
    CreateQuotationRequest: {
        "VehicleMake": 100, "VehicleModel": 50, "RegoState": 3, "LeadNumber": 20,
        "StockNumber": 20, "Series": 30, "SeriesModelYear": 30, "Badge": 65, "BadgeSecondary": 50,
        "Body": 50, "Colour": 50, "GearType": 50, "InteriorColour": 50, "SpecialConditions": 1000,
        "FinanceNote": 1000,
    },
    FinanceCompany: {
        "Name": 100, "ABN": 20, "Email": 100, "Address": 200, "City": 50, "PostCode": 10,
        "Fax": 20, "Phone": 20, "Mobile": 20,
    },
    QuotationReceipt: {"Reference": 30, "Description": 200},
    QuotationTradein: {
        "Make": 100, "Model": 50, "Badge": 65, "BadgeSecondary": 50, "Body": 50,
        "EngineNumber": 22, "GearType": 50, "RegoNum": 10, "RegoState": 3, "Series": 30,
        "SeriesModelYear": 50, "VIN": 20,
    },
    QuotationExtra: {"Description": 200},
}  # fmt: skip
LIMITS = [
    (request, field, limit) for request, fields in TEXT_LIMITS.items()
    for field, limit in fields.items()
]  # fmt: skip
WHOLE_OF = {
    CreateLeadRequest: {
        "StockNumber", "VehicleMake", "VehicleModel", "VehiclePrice", "VehicleType", "VehicleYear",
        "IsVehicleNew", "VehicleInterest", "Notes", "VehicleSourcePageURL", "FinanceStatus",
        "Rating", "ExternalID", "LeadCustomer",
    },
    UpdateLeadRequest: {
        "LeadNumber", "VehiclePrice", "VehicleInterest", "Notes", "VehicleSourcePageURL",
        "FinanceStatus", "Rating", "LeadStatus", "LeadCustomer",
    },
    LeadCustomer: {
        "CustomerNo", "Name", "Email", "Address", "City", "State", "PostCode", "Fax", "Phone",
        "Mobile",
    },
    LeadDetail: {
        "LeadNumber", "StockNumber", "VehicleMake", "VehicleModel", "VehiclePrice", "VehicleType",
        "VehicleYear", "IsVehicleNew", "VehicleInterest", "Notes", "VehicleSourcePageURL",
        "FinanceStatus", "Rating", "ExternalID", "CreatedDateTime", "CustomerNo", "CustomerName",
        "CustomerEmail", "CustomerAddress", "CustomerCity", "CustomerState", "CustomerPostCode",
        "CustomerFax", "CustomerPhone", "CustomerMobile", "LeadStatus", "Warning", "RawJson",
    },
    Contact: {
        "CustomerNo", "Name", "Email", "Phone", "Mobile", "Address", "City", "State", "PostCode",
        "Country", "ABN",
    },
    SearchContactsRequest: {"Name", "Email", "Phone"},
    GetLeadDetailRequest: {"LeadNumber"},
    GetAdvertisementStocksRequest: {"YardCode"},
    CreateQuotationRequest: {
        "YardCode", "VehicleMake", "VehicleModel", "VehicleType", "IsVehicleNew", "VehicleYear",
        "QuoteDate", "BasePrice", "SellingPrice", "RegoState", "QuotationCustomer1", "LeadNumber",
        "StockNumber", "Series", "SeriesModelYear", "Badge", "BadgeSecondary", "Body", "Colour",
        "GearType", "InteriorColour", "SpecialConditions", "Discount", "IsCalcGovCharges",
        "IsIGCPrice", "IsCommercial", "TaxRate", "FinanceNote", "QuotationCustomer2",
        "FinanceCompany", "QuotationReceipts", "QuotationTradeins", "QuotationExtras",
    },
    FinanceCompany: {
        "Name", "ABN", "Email", "Address", "City", "State", "PostCode", "Fax", "Phone", "Mobile",
    },
    QuotationReceipt: {"Amount", "ReceiveDate", "PaymentMethod", "Reference", "Description"},
    QuotationTradein: {
        "Allowance", "Make", "Model", "VehicleType", "VehicleYear", "Badge", "BadgeSecondary",
        "Body", "BuildDate", "EngineNumber", "FinancePayout", "GearType", "Odometer", "RegoNum",
        "RegoState", "Series", "SeriesModelYear", "VIN", "IsCommercial",
    },
    QuotationExtra: {
        "ExtraType", "Amount", "TaxRate", "Description", "Dutiable", "LCTApply", "PriceIncluded",
        "Cost",
    },
}  # fmt: skip


@pytest.mark.parametrize("message", WHOLE_OF, ids=lambda message: message.__name__)
def test_every_field_is_there_under_the_vendors_name(message: Any) -> None:
    assert {field.alias for field in message.model_fields.values()} == WHOLE_OF[message]


@pytest.mark.parametrize("request_type", SMALLEST, ids=lambda request: request.__name__)
def test_the_required_fields_are_enough_and_each_is_required(
    request_type: type[EasyCarsRequest],
) -> None:
    fields = SMALLEST[request_type]

    assert request_type.from_fields(fields).to_wire().keys() == fields.keys()
    for field in fields:
        without = {name: value for name, value in fields.items() if name != field}
        with pytest.raises(PermanentError) as failure:
            request_type.from_fields(without)
        assert failure.value.code == "INVALID_REQUEST"


@pytest.mark.parametrize(("request_type", "field", "limit"), LIMITS)
def test_a_text_may_be_as_long_as_the_vendor_says_and_no_longer(
    request_type: type[EasyCarsRequest], field: str, limit: int
) -> None:
    fields = SMALLEST.get(request_type, {})

    request_type.from_fields(fields | {field: "x" * limit})
    for too_long in ("x" * (limit + 1), "\U0001f600" * (limit // 2 + 1)):
        with pytest.raises(PermanentError, match=f"{field}: may be at most {limit} characters"):
            request_type.from_fields(fields | {field: too_long})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("VehicleMake", " "),
        ("VehicleMake", None),
        ("VehicleModel", ""),
        ("VehicleType", 7),
        ("VehicleType", 0),
        ("VehicleYear", "soon"),
        ("VehicleYear", True),
        ("VehicleYear", 2**31),
        ("IsVehicleNew", 1),
        ("IsVehicleNew", "true"),
        ("VehicleInterest", 6),
        ("FinanceStatus", 4),
        ("Rating", 0),
        ("VehiclePrice", "NaN"),
        ("VehiclePrice", "Infinity"),
        ("VehiclePrice", True),
        ("VehiclePrice", "1" * 29),
        ("Notes", 5),
        ("Notes", "half an emoji \ud83d"),
        ("LeadCustomer", None),
        ("LeadCustomer", {"Name": "n"}),
        ("LeadCustomer", {"Name": " ", "Email": "e@x"}),
        ("LeadCustomer", {"CustomerNo": " "}),
        ("Comments", "not a vendor field"),
        ("AccountNumber", "EC1"),
    ],
)
def test_what_the_vendor_would_refuse_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(PermanentError, match=field) as failure:
        CreateLeadRequest.from_fields(CREATE | {field: value})

    assert failure.value.code == "INVALID_REQUEST"


@pytest.mark.parametrize("status", [10, 30, 50, 60, 90])
def test_an_update_takes_the_five_states(status: int) -> None:
    fields = {"LeadNumber": "000017", "LeadStatus": status}

    assert UpdateLeadRequest.from_fields(fields).to_wire() == fields


@pytest.mark.parametrize("field", ["StockNumber", "VehicleMake", "VehicleYear", "ExternalID"])
def test_an_update_cannot_change_the_vehicle(field: str) -> None:
    with pytest.raises(PermanentError, match=field):
        UpdateLeadRequest.from_fields({"LeadNumber": "000017", field: "1"})


@pytest.mark.parametrize("fields", [{}, {"Name": " "}, {"Email": None, "Phone": ""}])
def test_a_search_looks_for_something(fields: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="give a Name, an Email or a Phone"):
        SearchContactsRequest.from_fields(fields)


def test_a_customer_known_by_number_needs_no_name() -> None:
    assert LeadCustomer.from_fields({"CustomerNo": "00004"}).to_wire() == {"CustomerNo": "00004"}


def test_a_whole_quotation_goes_with_its_dates_and_amounts() -> None:
    fields = QUOTATION | {
        "TaxRate": Decimal("0.1"),
        "FinanceCompany": COMPANY,
        "QuotationReceipts": [RECEIPT],
        "QuotationTradeins": [TRADEIN | {"BuildDate": "07/19", "VIN": "V"}],
        "QuotationExtras": [EXTRA | {"LCTApply": False}],
        "IsIGCPrice": True,
    }

    assert CreateQuotationRequest.from_fields(fields).to_wire() == fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("QuoteDate", "2026-03-01"),
        ("QuoteDate", "31/02/2026"),
        ("QuotationReceipts", [RECEIPT | {"PaymentMethod": 7}]),
        ("QuotationTradeins", [TRADEIN | {"BuildDate": "13/19"}]),
        ("QuotationTradeins", [TRADEIN | {"BuildDate": "7/19"}]),
        ("QuotationExtras", [EXTRA | {"ExtraType": 2}]),
    ],
)
def test_a_quotation_is_refused_by_the_part_that_is_wrong(field: str, value: object) -> None:
    with pytest.raises(PermanentError, match=field):
        CreateQuotationRequest.from_fields(QUOTATION | {field: value})
