"""The request tables of the vendor's two documents, as data.

Stock API v1.01: GetAdvertisementStocks. Lead API v1.05: CreateLead, UpdateLead, GetLeadDetail,
CreateQuotation, SearchContacts. Where the documents give no length, none is checked.
"""

from enum import StrEnum

from local.easycars_simulator.schema import Field, Kind, Table


class Service(StrEnum):
    """The two services; each issues and accepts its own tokens."""

    STOCK = "StockService"
    LEAD = "LeadService"


VEHICLE_TYPES = frozenset({1, 2, 3, 4, 5, 6})
"""1 Car, 2 MotorBike, 3 Boat, 4 Caravan, 5 TruckOrBus, 6 Trailer."""
VEHICLE_INTERESTS = frozenset({1, 2, 3, 4, 5})
"""1 Buy, 2 Lease, 3 Sell, 4 TestDrive, 5 Service."""
FINANCE_STATUSES = frozenset({1, 2, 3})
"""1 Yes, 2 No, 3 Maybe."""
RATINGS = frozenset({1, 2, 3})
"""1 Cold, 2 Warm, 3 Hot."""
LEAD_STATUSES = frozenset({10, 30, 50, 60, 90})
"""10 New, 30 In Progress, 50 Won, 60 Lost, 90 Deleted."""
LEAD_STATUS_NEW = 10
LEAD_STATUS_DELETED = 90
PAYMENT_METHODS = frozenset({1, 2, 3, 4, 5, 6, 9})
"""1 Cash, 2 CreditCard, 3 Cheque, 4 BankTransfer, 5 BPAY, 6 EFTPOS, 9 Other."""
EXTRA_TYPES = frozenset({1, 4, 5, 6, 7, 8, 9})
"""1 Extra, 4 Registration, 5 CTP, 6 StampDuty, 7 LCT, 8 DealerDelivery, 9 ExtendedWarranty."""


def _text(name: str, limit: int | None = None, *, required: bool = False) -> Field:
    return Field(name, Kind.TEXT, required=required, limit=limit)


def _integer(name: str, *, required: bool = False) -> Field:
    return Field(name, Kind.INTEGER, required=required)


def _choice(name: str, choices: frozenset[int], *, required: bool = False) -> Field:
    return Field(name, Kind.INTEGER, required=required, choices=choices)


def _decimal(name: str, *, required: bool = False) -> Field:
    return Field(name, Kind.DECIMAL, required=required)


def _flag(name: str, *, required: bool = False) -> Field:
    return Field(name, Kind.FLAG, required=required)


def _date(name: str, *, required: bool = False) -> Field:
    return Field(name, Kind.DATE, required=required)


def _object(name: str, table: Table, *, required: bool = False) -> Field:
    return Field(name, Kind.OBJECT, required=required, table=table)


def _list(name: str, table: Table) -> Field:
    return Field(name, Kind.LIST, table=table)


ACCOUNT = (
    _text("AccountNumber", 20, required=True),
    _text("AccountSecret", 50, required=True),
)
CONTACT_DETAILS = (
    _text("Address", 200),
    _text("City", 50),
    _text("State"),
    _text("PostCode", 10),
    _text("Fax", 20),
    _text("Phone", 20),
    _text("Mobile", 20),
)

CUSTOMER_MODEL = Table(
    "CustomerModel",
    (_text("CustomerNo", 20), _text("Name", 100), _text("Email", 100), *CONTACT_DETAILS),
    any_of=(("CustomerNo",), ("Name", "Email")),
)

GET_ADVERTISEMENT_STOCKS = Table("GetAdvertisementStocks", (*ACCOUNT, _text("YardCode")))

CREATE_LEAD = Table(
    "CreateLead",
    (
        *ACCOUNT,
        _text("StockNumber", 20),
        _text("VehicleMake", 100, required=True),
        _text("VehicleModel", 50, required=True),
        _decimal("VehiclePrice"),
        _choice("VehicleType", VEHICLE_TYPES, required=True),
        _integer("VehicleYear", required=True),
        _flag("IsVehicleNew", required=True),
        _choice("VehicleInterest", VEHICLE_INTERESTS, required=True),
        _text("Notes"),
        _text("VehicleSourcePageURL", 400),
        _choice("FinanceStatus", FINANCE_STATUSES),
        _choice("Rating", RATINGS),
        _text("ExternalID", 50),
        _object("LeadCustomer", CUSTOMER_MODEL, required=True),
    ),
)

UPDATE_LEAD = Table(
    "UpdateLead",
    (
        *ACCOUNT,
        _text("LeadNumber", 20, required=True),
        _decimal("VehiclePrice"),
        _choice("VehicleInterest", VEHICLE_INTERESTS),
        _text("Notes"),
        _text("VehicleSourcePageURL", 400),
        _choice("FinanceStatus", FINANCE_STATUSES),
        _choice("Rating", RATINGS),
        _choice("LeadStatus", LEAD_STATUSES),
        _object("LeadCustomer", CUSTOMER_MODEL),
    ),
    nulls_refused=True,
)

GET_LEAD_DETAIL = Table("GetLeadDetail", (*ACCOUNT, _text("LeadNumber", 20, required=True)))

SEARCH_CONTACTS = Table(
    "SearchContacts",
    (*ACCOUNT, _text("Name", 100), _text("Email", 100), _text("Phone", 20)),
    any_of=(("Name",), ("Email",), ("Phone",)),
)

FINANCE_COMPANY = Table(
    "FinanceCompany",
    (
        _text("Name", 100, required=True),
        _text("ABN", 20, required=True),
        _text("Email", 100),
        *CONTACT_DETAILS,
    ),
)

QUOTATION_RECEIPT = Table(
    "QuotationReceipt",
    (
        _decimal("Amount", required=True),
        _date("ReceiveDate", required=True),
        _choice("PaymentMethod", PAYMENT_METHODS, required=True),
        _text("Reference", 30, required=True),
        _text("Description", 200),
    ),
)

QUOTATION_TRADEIN = Table(
    "QuotationTradein",
    (
        _decimal("Allowance", required=True),
        _text("Make", 100, required=True),
        _text("Model", 50, required=True),
        _choice("VehicleType", VEHICLE_TYPES, required=True),
        _integer("VehicleYear", required=True),
        _text("Badge", 65),
        _text("BadgeSecondary", 50),
        _text("Body", 50),
        Field("BuildDate", Kind.MONTH),
        _text("EngineNumber", 22),
        _decimal("FinancePayout"),
        _text("GearType", 50),
        _integer("Odometer"),
        _text("RegoNum", 10),
        _text("RegoState", 3),
        _text("Series", 30),
        _text("SeriesModelYear", 50),
        _text("VIN", 20),
        _flag("IsCommercial"),
    ),
)

QUOTATION_EXTRA = Table(
    "QuotationExtra",
    (
        _choice("ExtraType", EXTRA_TYPES, required=True),
        _decimal("Amount", required=True),
        _decimal("TaxRate"),
        _text("Description", 200),
        _flag("Dutiable"),
        _flag("LCTApply"),
        _flag("PriceIncluded"),
        _decimal("Cost"),
    ),
)

CREATE_QUOTATION = Table(
    "CreateQuotation",
    (
        *ACCOUNT,
        _text("YardCode", required=True),
        _text("VehicleMake", 100, required=True),
        _text("VehicleModel", 50, required=True),
        _choice("VehicleType", VEHICLE_TYPES, required=True),
        _flag("IsVehicleNew", required=True),
        _integer("VehicleYear", required=True),
        _date("QuoteDate", required=True),
        _decimal("BasePrice", required=True),
        _decimal("SellingPrice", required=True),
        _text("RegoState", 3, required=True),
        _object("QuotationCustomer1", CUSTOMER_MODEL, required=True),
        _text("LeadNumber", 20),
        _text("StockNumber", 20),
        _text("Series", 30),
        _text("SeriesModelYear", 30),
        _text("Badge", 65),
        _text("BadgeSecondary", 50),
        _text("Body", 50),
        _text("Colour", 50),
        _text("GearType", 50),
        _text("InteriorColour", 50),
        _text("SpecialConditions", 1000),
        _decimal("Discount"),
        _flag("IsCalcGovCharges"),
        _flag("IsIGCPrice"),
        _flag("IsCommercial"),
        _decimal("TaxRate"),
        _text("FinanceNote", 1000),
        _object("QuotationCustomer2", CUSTOMER_MODEL),
        _object("FinanceCompany", FINANCE_COMPANY),
        _list("QuotationReceipts", QUOTATION_RECEIPT),
        _list("QuotationTradeins", QUOTATION_TRADEIN),
        _list("QuotationExtras", QUOTATION_EXTRA),
    ),
)

OPERATIONS: dict[Service, dict[str, Table]] = {
    Service.STOCK: {"GetAdvertisementStocks": GET_ADVERTISEMENT_STOCKS},
    Service.LEAD: {
        table.name: table
        for table in (CREATE_LEAD, UPDATE_LEAD, GET_LEAD_DETAIL, CREATE_QUOTATION, SEARCH_CONTACTS)
    },
}
"""What each service offers besides ``RequestToken``, which both do."""

REQUEST_TOKEN = "RequestToken"  # noqa: S105 - the name of an operation
IMAGE = "Image"
"""What faults and the request log call the fetching of a picture."""
