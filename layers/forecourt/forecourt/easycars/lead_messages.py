"""Requests and answers of CreateLead, UpdateLead and GetLeadDetail (spec, 1.5 to 1.7)."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from forecourt.easycars.codes import (
    FinanceStatusCode,
    LeadStatusCode,
    RatingCode,
    VehicleInterestCode,
    VehicleTypeCode,
)
from forecourt.easycars.field_types import (
    Amount,
    AnswerFlag,
    AnswerNumber,
    AnswerText,
    AnswerWhole,
    EasyCarsAnswer,
    EasyCarsRequest,
    Flag,
    Required,
    Text,
    Text10,
    Text20,
    Text50,
    Text100,
    Text200,
    Text400,
    Whole,
)


class LeadCustomer(EasyCarsRequest):
    """The vendor's CustomerModel: a CustomerNo, or a Name and an Email, must be given."""

    customer_no: Text20 | None = None
    name: Text100 | None = None
    email: Text100 | None = None
    address: Text200 | None = None
    city: Text50 | None = None
    state: Text | None = None
    post_code: Text10 | None = None
    fax: Text20 | None = None
    phone: Text20 | None = None
    mobile: Text20 | None = None

    @model_validator(mode="after")
    def _can_be_identified(self) -> Self:
        if not (self.customer_no or "").strip() and not (
            (self.name or "").strip() and (self.email or "").strip()
        ):
            reason = "give a CustomerNo, or a Name and an Email"
            raise ValueError(reason)
        return self


class CreateLeadRequest(EasyCarsRequest):
    """CreateLead; ``external_id`` is ours, and the only thing a lost answer can be found by."""

    stock_number: Text20 | None = None
    vehicle_make: Annotated[Text100, Required]
    vehicle_model: Annotated[Text50, Required]
    vehicle_price: Amount | None = None
    vehicle_type: VehicleTypeCode
    vehicle_year: Whole
    is_vehicle_new: Flag
    vehicle_interest: VehicleInterestCode
    notes: Text | None = None
    vehicle_source_page_url: Text400 | None = Field(default=None, alias="VehicleSourcePageURL")
    finance_status: FinanceStatusCode | None = None
    rating: RatingCode | None = None
    external_id: Text50 | None = Field(default=None, alias="ExternalID")
    lead_customer: LeadCustomer


class UpdateLeadRequest(EasyCarsRequest):
    """UpdateLead: what is left out stays as it is; the vehicle and ExternalID never change."""

    lead_number: Annotated[Text20, Required]
    vehicle_price: Amount | None = None
    vehicle_interest: VehicleInterestCode | None = None
    notes: Text | None = None
    vehicle_source_page_url: Text400 | None = Field(default=None, alias="VehicleSourcePageURL")
    finance_status: FinanceStatusCode | None = None
    rating: RatingCode | None = None
    lead_status: LeadStatusCode | None = None
    lead_customer: LeadCustomer | None = None


class GetLeadDetailRequest(EasyCarsRequest):
    """GetLeadDetail; only leads of the caller's own lead source are visible."""

    lead_number: Annotated[Text20, Required]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadReceipt:
    """What CreateLead or UpdateLead answered.

    Both numbers are zero-padded text. ``lead_number`` of a create is never None. ``warning`` is
    the redacted ErrorMessage of a Code 5, None after a Code 0.
    """

    lead_number: str | None
    customer_no: str | None
    warning: str | None = None


class LeadDetail(EasyCarsAnswer):
    """The 25 fields of GetLeadDetail, blanks as None.

    ``created_date_time`` is Sydney wall time as it came. ``lead_status`` does not exist in v1.05;
    it is read should the vendor add it. ``raw_json`` is the whole answer as it came.
    """

    lead_number: AnswerText = None
    stock_number: AnswerText = None
    vehicle_make: AnswerText = None
    vehicle_model: AnswerText = None
    vehicle_price: AnswerNumber = None
    vehicle_type: AnswerWhole = None
    vehicle_year: AnswerWhole = None
    is_vehicle_new: AnswerFlag = None
    vehicle_interest: AnswerWhole = None
    notes: AnswerText = None
    vehicle_source_page_url: AnswerText = Field(default=None, alias="VehicleSourcePageURL")
    finance_status: AnswerWhole = None
    rating: AnswerWhole = None
    external_id: AnswerText = Field(default=None, alias="ExternalID")
    created_date_time: AnswerText = None
    customer_no: AnswerText = None
    customer_name: AnswerText = None
    customer_email: AnswerText = None
    customer_address: AnswerText = None
    customer_city: AnswerText = None
    customer_state: AnswerText = None
    customer_post_code: AnswerText = None
    customer_fax: AnswerText = None
    customer_phone: AnswerText = None
    customer_mobile: AnswerText = None
    lead_status: AnswerWhole = None
    warning: str | None = Field(default=None, exclude=True)
    raw_json: str = Field(default="{}", exclude=True, repr=False)
