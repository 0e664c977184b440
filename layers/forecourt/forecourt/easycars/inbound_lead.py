"""Map GetLeadDetail to our side of a lead (reference, 2.3 and 2.4)."""

from collections.abc import Mapping
from typing import Any

from forecourt.easycars.codes import (
    FINANCE_OF_CODE,
    INTEREST_OF_CODE,
    RATING_OF_CODE,
    FinanceStatusCode,
)
from forecourt.easycars.lead_messages import LeadDetail
from forecourt.easycars.sydney_time import parse_sydney_time
from forecourt.leads.inbound import Choices, ConfirmedChoices, InboundLead
from forecourt.leads.status import STATUS_OF_NUMBER
from forecourt.text_limits import cut_code_points

__all__ = ["InboundLead", "confirmed_choices", "lead_from_detail"]

_NAME_LIMIT = 255
_PHONE_LIMIT = 20
_CUSTOMER_NO_LIMIT = 100

_CHOICE_FIELDS = {
    "vehicle_interest": "VehicleInterest",
    "finance_status": "FinanceStatus",
    "rating": "Rating",
}


def lead_from_detail(detail: LeadDetail) -> InboundLead:
    """Translate a lead as the vendor holds it.

    An e-mail or a customer number too long for its column is left out: cut, it is another one.
    """
    email = _trimmed(detail.customer_email)
    customer_no = _trimmed(detail.customer_no)
    return InboundLead(
        easycars_lead_number=detail.lead_number,
        easycars_customer_no=_unless_longer(customer_no, _CUSTOMER_NO_LIMIT),
        easycars_raw_data=detail.raw_json,
        external_id=_trimmed(detail.external_id),
        stock_number=_trimmed(detail.stock_number),
        vehicle_interest=_meaning(INTEREST_OF_CODE, detail.vehicle_interest),
        finance_status=_meaning(FINANCE_OF_CODE, detail.finance_status),
        finance_interested=detail.finance_status == FinanceStatusCode.YES,
        rating=_meaning(RATING_OF_CODE, detail.rating),
        status=_meaning(STATUS_OF_NUMBER, detail.lead_status),
        easycars_status=detail.lead_status,
        created_at=parse_sydney_time(detail.created_date_time),
        name=_trimmed(detail.customer_name, _NAME_LIMIT),
        email=_unless_longer(email, _NAME_LIMIT),
        phone=_trimmed(detail.customer_phone or detail.customer_mobile, _PHONE_LIMIT),
        message=_trimmed(detail.notes),
        confirmed=_confirmed(detail),
    )


def confirmed_choices(delivered_fields: Mapping[str, Any] | None) -> ConfirmedChoices:
    """Read the choices out of what EasyCars last confirmed.

    An absent field was never sent, a null one was part of an update that was not confirmed.
    """
    if delivered_fields is None:
        return ConfirmedChoices(in_doubt=frozenset(_CHOICE_FIELDS))
    return ConfirmedChoices(
        choices=Choices(
            vehicle_interest=_meaning(INTEREST_OF_CODE, delivered_fields.get("VehicleInterest")),
            finance_status=_meaning(FINANCE_OF_CODE, delivered_fields.get("FinanceStatus")),
            rating=_meaning(RATING_OF_CODE, delivered_fields.get("Rating")),
        ),
        in_doubt=frozenset(
            name
            for name, field in _CHOICE_FIELDS.items()
            if delivered_fields.get(field, field) is None
        ),
    )


def _confirmed(detail: LeadDetail) -> dict[str, int]:
    told = (
        ("VehicleInterest", detail.vehicle_interest, INTEREST_OF_CODE.keys()),
        ("FinanceStatus", detail.finance_status, FINANCE_OF_CODE.keys()),
        ("Rating", detail.rating, RATING_OF_CODE.keys()),
        ("LeadStatus", detail.lead_status, STATUS_OF_NUMBER.keys()),
    )
    return {
        field: number for field, number, meant in told if number is not None and number in meant
    }


def _unless_longer(text: str | None, limit: int) -> str | None:
    return text if text is None or len(text) <= limit else None


def _trimmed(text: str | None, limit: int | None = None) -> str | None:
    trimmed = (text or "").replace("\x00", "").strip()
    if limit is not None:
        trimmed = cut_code_points(trimmed, limit)
    return trimmed or None


def _meaning[T](meanings: dict[int, T], code: int | None) -> T | None:
    return None if code is None else meanings.get(code)
