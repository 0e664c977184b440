"""The tables once more, read off the vendor's documents a second time, in their own short form.

``Name 100 !`` is a field of at most 100 characters that is required; ``#`` stands for an integer,
``.`` for a decimal, ``?`` for a flag, ``d`` for a date, ``m`` for a month, ``{}`` for an object
and ``[]`` for a list; ``#1,2`` lists the numbers of an enumeration.
"""

import pytest

from local.easycars_simulator.request_tables import (
    CREATE_LEAD,
    CREATE_QUOTATION,
    CUSTOMER_MODEL,
    FINANCE_COMPANY,
    GET_ADVERTISEMENT_STOCKS,
    GET_LEAD_DETAIL,
    OPERATIONS,
    QUOTATION_EXTRA,
    QUOTATION_RECEIPT,
    QUOTATION_TRADEIN,
    SEARCH_CONTACTS,
    UPDATE_LEAD,
    Service,
)
from local.easycars_simulator.schema import Field, Kind, Table

PAIR = "AccountNumber 20 !; AccountSecret 50 !; "
CONTACT = "Address 200; City 50; State; PostCode 10; Fax 20; Phone 20; Mobile 20"
TYPE = "VehicleType #1,2,3,4,5,6"
SHORT = {
    Kind.TEXT: "",
    Kind.INTEGER: "#",
    Kind.DECIMAL: ".",
    Kind.FLAG: "?",
    Kind.DATE: "d",
    Kind.MONTH: "m",
    Kind.OBJECT: "{}",
    Kind.LIST: "[]",
}


def written(field: Field) -> str:
    kind = SHORT[field.kind] + ",".join(str(each) for each in sorted(field.choices or ()))
    limit = "" if field.limit is None else str(field.limit)
    return " ".join(part for part in (field.name, kind, limit, "!" * field.required) if part)


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        (GET_ADVERTISEMENT_STOCKS, PAIR + "YardCode"),
        (
            CREATE_LEAD,
            (
                PAIR + "StockNumber 20; VehicleMake 100 !; VehicleModel 50 !; VehiclePrice .; "
                f"{TYPE} !; VehicleYear # !; IsVehicleNew ? !; VehicleInterest #1,2,3,4,5 !; "
                "Notes; VehicleSourcePageURL 400; FinanceStatus #1,2,3; Rating #1,2,3; "
                "ExternalID 50; LeadCustomer {} !"
            ),
        ),
        (CUSTOMER_MODEL, "CustomerNo 20; Name 100; Email 100; " + CONTACT),
        (
            UPDATE_LEAD,
            (
                PAIR + "LeadNumber 20 !; VehiclePrice .; VehicleInterest #1,2,3,4,5; Notes; "
                "VehicleSourcePageURL 400; FinanceStatus #1,2,3; Rating #1,2,3; "
                "LeadStatus #10,30,50,60,90; LeadCustomer {}"
            ),
        ),
        (GET_LEAD_DETAIL, PAIR + "LeadNumber 20 !"),
        (SEARCH_CONTACTS, PAIR + "Name 100; Email 100; Phone 20"),
        (
            CREATE_QUOTATION,
            (
                PAIR + f"YardCode !; VehicleMake 100 !; VehicleModel 50 !; {TYPE} !; "
                "IsVehicleNew ? !; VehicleYear # !; QuoteDate d !; BasePrice . !; "
                "SellingPrice . !; RegoState 3 !; QuotationCustomer1 {} !; LeadNumber 20; "
                "StockNumber 20; Series 30; SeriesModelYear 30; Badge 65; BadgeSecondary 50; "
                "Body 50; Colour 50; GearType 50; InteriorColour 50; SpecialConditions 1000; "
                "Discount .; IsCalcGovCharges ?; IsIGCPrice ?; IsCommercial ?; TaxRate .; "
                "FinanceNote 1000; QuotationCustomer2 {}; FinanceCompany {}; "
                "QuotationReceipts []; QuotationTradeins []; QuotationExtras []"
            ),
        ),
        (FINANCE_COMPANY, "Name 100 !; ABN 20 !; Email 100; " + CONTACT),
        (
            QUOTATION_RECEIPT,
            (
                "Amount . !; ReceiveDate d !; PaymentMethod #1,2,3,4,5,6,9 !; Reference 30 !; "
                "Description 200"
            ),
        ),
        (
            QUOTATION_TRADEIN,
            (
                f"Allowance . !; Make 100 !; Model 50 !; {TYPE} !; VehicleYear # !; Badge 65; "
                "BadgeSecondary 50; Body 50; BuildDate m; EngineNumber 22; FinancePayout .; "
                "GearType 50; Odometer #; RegoNum 10; RegoState 3; Series 30; SeriesModelYear 50; "
                "VIN 20; IsCommercial ?"
            ),
        ),
        (
            QUOTATION_EXTRA,
            (
                "ExtraType #1,4,5,6,7,8,9 !; Amount . !; TaxRate .; Description 200; Dutiable ?; "
                "LCTApply ?; PriceIncluded ?; Cost ."
            ),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "",
)
def test_a_table_is_the_vendors(table: Table, lines: str) -> None:
    assert [written(field) for field in table.fields] == lines.split("; ")


def test_each_service_has_its_operations() -> None:
    assert {service: set(tables) for service, tables in OPERATIONS.items()} == {
        Service.STOCK: {"GetAdvertisementStocks"},
        Service.LEAD: {
            "CreateLead",
            "UpdateLead",
            "GetLeadDetail",
            "CreateQuotation",
            "SearchContacts",
        },
    }


def test_customers_in_every_table_are_customer_models() -> None:
    customers = [
        field
        for table in (CREATE_LEAD, UPDATE_LEAD, CREATE_QUOTATION)
        for field in table.fields
        if "Customer" in field.name
    ]
    assert len(customers) == 4
    assert {field.table for field in customers} == {CUSTOMER_MODEL}
