"""Map GetLeadDetail to our side of a lead (reference, 2.3 and 2.4)."""

from dataclasses import dataclass
from datetime import datetime

from forecourt.easycars.codes import (
    FINANCE_OF_CODE,
    INTEREST_OF_CODE,
    RATING_OF_CODE,
    STATUS_OF_CODE,
    FinanceStatusCode,
)
from forecourt.easycars.lead_messages import LeadDetail
from forecourt.easycars.sydney_time import parse_sydney_time
from forecourt.easycars.text_limits import cut_code_points
from forecourt.leads.lead import FinanceStatus, LeadStatus, Rating, VehicleInterest

_NAME_LIMIT = 255
_PHONE_LIMIT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundLead:
    """What the vendor knows of a lead, None where it says nothing or something we do not know.

    ``name``, ``email``, ``phone`` and ``message`` are for a lead we do not have; of one we have,
    ours stay. ``easycars_status`` is the number as it came and ``status`` its meaning: a number
    without a meaning is to be flagged and never resets a lead. v1.05 sends neither.
    ``created_at`` is UTC. ``easycars_raw_data`` is JSON text.
    """

    easycars_lead_number: str | None
    easycars_customer_no: str | None
    easycars_raw_data: str
    external_id: str | None
    stock_number: str | None
    vehicle_interest: VehicleInterest | None
    finance_status: FinanceStatus | None
    finance_interested: bool
    rating: Rating | None
    status: LeadStatus | None
    easycars_status: int | None
    created_at: datetime | None
    name: str | None
    email: str | None
    phone: str | None
    message: str | None


def lead_from_detail(detail: LeadDetail) -> InboundLead:
    """Translate a lead as the vendor holds it; an e-mail too long for its column is left out."""
    email = _trimmed(detail.customer_email)
    return InboundLead(
        easycars_lead_number=detail.lead_number,
        easycars_customer_no=detail.customer_no,
        easycars_raw_data=detail.raw_json,
        external_id=_trimmed(detail.external_id),
        stock_number=_trimmed(detail.stock_number),
        vehicle_interest=_meaning(INTEREST_OF_CODE, detail.vehicle_interest),
        finance_status=_meaning(FINANCE_OF_CODE, detail.finance_status),
        finance_interested=detail.finance_status == FinanceStatusCode.YES,
        rating=_meaning(RATING_OF_CODE, detail.rating),
        status=_meaning(STATUS_OF_CODE, detail.lead_status),
        easycars_status=detail.lead_status,
        created_at=parse_sydney_time(detail.created_date_time),
        name=_trimmed(detail.customer_name, _NAME_LIMIT),
        email=email if email is None or len(email) <= _NAME_LIMIT else None,
        phone=_trimmed(detail.customer_phone or detail.customer_mobile, _PHONE_LIMIT),
        message=_trimmed(detail.notes),
    )


def _trimmed(text: str | None, limit: int | None = None) -> str | None:
    trimmed = (text or "").replace("\x00", "").strip()
    if limit is not None:
        trimmed = cut_code_points(trimmed, limit)
    return trimmed or None


def _meaning[T](meanings: dict[int, T], code: int | None) -> T | None:
    return None if code is None else meanings.get(code)
