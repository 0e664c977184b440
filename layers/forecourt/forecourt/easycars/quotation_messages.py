"""Request and answer of CreateQuotation with all its parts (spec, 1.8)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from forecourt.easycars.codes import ExtraTypeCode, PaymentMethodCode, VehicleTypeCode
from forecourt.easycars.field_types import (
    Amount,
    EasyCarsRequest,
    Flag,
    MonthAndYear,
    Required,
    Text,
    Text3,
    Text10,
    Text20,
    Text22,
    Text30,
    Text50,
    Text65,
    Text100,
    Text200,
    Text1000,
    VendorDate,
    Whole,
)
from forecourt.easycars.lead_messages import LeadCustomer


class FinanceCompany(EasyCarsRequest):
    """Who finances the deal."""

    name: Annotated[Text100, Required]
    abn: Annotated[Text20, Required] = Field(alias="ABN")
    email: Text100 | None = None
    address: Text200 | None = None
    city: Text50 | None = None
    state: Text | None = None
    post_code: Text10 | None = None
    fax: Text20 | None = None
    phone: Text20 | None = None
    mobile: Text20 | None = None


class QuotationReceipt(EasyCarsRequest):
    """A payment already received, in AUD."""

    amount: Amount
    receive_date: VendorDate
    payment_method: PaymentMethodCode
    reference: Annotated[Text30, Required]
    description: Text200 | None = None


class QuotationTradein(EasyCarsRequest):
    """A vehicle taken in exchange; ``build_date`` is ``MM/yy``."""

    allowance: Amount
    make: Annotated[Text100, Required]
    model: Annotated[Text50, Required]
    vehicle_type: VehicleTypeCode
    vehicle_year: Whole
    badge: Text65 | None = None
    badge_secondary: Text50 | None = None
    body: Text50 | None = None
    build_date: MonthAndYear | None = None
    engine_number: Text22 | None = None
    finance_payout: Amount | None = None
    gear_type: Text50 | None = None
    odometer: Whole | None = None
    rego_num: Text10 | None = None
    rego_state: Text3 | None = None
    series: Text30 | None = None
    series_model_year: Text50 | None = None
    vin: Text20 | None = Field(default=None, alias="VIN")
    is_commercial: Flag | None = None


class QuotationExtra(EasyCarsRequest):
    """One charge on top of the price; ``tax_rate`` 0.1 is 10 %."""

    extra_type: ExtraTypeCode
    amount: Amount
    tax_rate: Amount | None = None
    description: Text200 | None = None
    dutiable: Flag | None = None
    lct_apply: Flag | None = Field(default=None, alias="LCTApply")
    price_included: Flag | None = None
    cost: Amount | None = None


class CreateQuotationRequest(EasyCarsRequest):
    """CreateQuotation; amounts are AUD, ``tax_rate`` 0.1 is 10 %."""

    yard_code: Annotated[Text, Required]
    vehicle_make: Annotated[Text100, Required]
    vehicle_model: Annotated[Text50, Required]
    vehicle_type: VehicleTypeCode
    is_vehicle_new: Flag
    vehicle_year: Whole
    quote_date: VendorDate
    base_price: Amount
    selling_price: Amount
    rego_state: Annotated[Text3, Required]
    quotation_customer1: LeadCustomer = Field(alias="QuotationCustomer1")
    lead_number: Text20 | None = None
    stock_number: Text20 | None = None
    series: Text30 | None = None
    series_model_year: Text30 | None = None
    badge: Text65 | None = None
    badge_secondary: Text50 | None = None
    body: Text50 | None = None
    colour: Text50 | None = None
    gear_type: Text50 | None = None
    interior_colour: Text50 | None = None
    special_conditions: Text1000 | None = None
    discount: Amount | None = None
    is_calc_gov_charges: Flag | None = None
    is_igc_price: Flag | None = Field(default=None, alias="IsIGCPrice")
    is_commercial: Flag | None = None
    tax_rate: Amount | None = None
    finance_note: Text1000 | None = None
    quotation_customer2: LeadCustomer | None = Field(default=None, alias="QuotationCustomer2")
    finance_company: FinanceCompany | None = None
    quotation_receipts: list[QuotationReceipt] | None = None
    quotation_tradeins: list[QuotationTradein] | None = None
    quotation_extras: list[QuotationExtra] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotationNumbers:
    """What CreateQuotation answered: zero-padded numbers, and the warning of a Code 5."""

    quote_number: str
    customer_no_1: str | None
    customer_no_2: str | None
    warning: str | None = None
