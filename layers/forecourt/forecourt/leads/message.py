"""What stands in a message on the leads queue, and how it is read.

Three kinds share the queue: a lead as intake accepted it, a wake-up, which only says "look at
this delivery again", and sums of refused requests. All are JSON with ``"schema": 1``. The envelope
ignores keys it does not know; the visitor's own words may not be dropped unseen, so an unknown key
inside ``lead`` makes the message one for the dead-letter queue.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from forecourt.errors import SkippableError
from forecourt.leads.lead import FinanceStatus, Rating, VehicleInterest
from forecourt.leads.refusals import RefusedRequests


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMessage:
    """One message as the queue handed it over.

    ``receive_count`` is how often the queue has handed it over, this time included.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int = 1


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, hide_input_in_errors=True, extra="forbid"
    )


class AddressPart(_Part):
    """``lead.address`` of a lead message."""

    line: str | None = None
    city: str | None = None
    state: str | None = None
    post_code: str | None = None


class LeadPart(_Part):
    """``lead`` of a lead message: the body intake validated, field by field (design 7).

    Lengths are intake's and the columns' business: a value too long for its column is refused by
    the database and the message goes to the dead-letter queue alone.
    """

    name: str
    email: str
    phone: str | None = None
    message: str | None = None
    vehicle_id: int | None = None
    stock_number: str | None = None
    vehicle_interest: VehicleInterest | None = None
    finance_status: FinanceStatus | None = None
    rating: Rating | None = None
    source_page_url: str | None = None
    address: AddressPart | None = None
    consent: dict[str, Any] | None = None
    company: dict[str, Any] | None = None
    website: str | None = None


class _Envelope(_Part):
    model_config = ConfigDict(extra="ignore")

    schema_version: Literal[1] = Field(alias="schema")
    lead_id: UUID
    dealership_id: int = Field(ge=1, le=2**31 - 1)


class LeadMessage(_Envelope):
    """A lead that intake accepted; ``lead_id`` is the id the website was given."""

    received_at: datetime
    idempotency_key: str | None = None
    site_key_id: str | None = None
    spam: bool = False
    correlation_id: str | None = None
    lead: LeadPart


class WakeUpMessage(_Envelope):
    """A call to look at a delivery again; what there is to do stands in the ledger."""

    delivery_id: int = Field(ge=1)


class RefusalPart(_Part):
    """One sum of a refusals message; see :class:`forecourt.leads.refusals.RefusedRequests`."""

    dealership_id: int = Field(ge=1, le=2**31 - 1)
    key_id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")
    reason: str = Field(pattern=r"^[a-z-]{1,50}$")
    field: str = Field(pattern=r"^[A-Za-z0-9_.()-]{0,50}$")
    hour: AwareDatetime
    requests: int = Field(ge=1, le=1_000_000)


class RefusalsMessage(_Part):
    """How many requests of a dealership's website intake refused, and why."""

    model_config = ConfigDict(extra="ignore")

    schema_version: Literal[1] = Field(alias="schema")
    refusals: list[RefusalPart] = Field(min_length=1, max_length=1000)

    def sums(self) -> list[RefusedRequests]:
        """Return them as logic speaks of them."""
        return [RefusedRequests(**one.model_dump()) for one in self.refusals]


class _Kind(BaseModel):
    delivery_id: int | None = Field(default=None, alias="deliveryId")
    refusals: list[Any] | None = None


def parse_message(body: str) -> LeadMessage | WakeUpMessage | RefusalsMessage:
    """Read one message body.

    Raises
    ------
    SkippableError
        ``MALFORMED_MESSAGE``: not JSON, another schema, or a field missing or wrong. The detail
        names the fields and no value.
    """
    try:
        kind = _Kind.model_validate_json(body)
        if kind.refusals is not None:
            return RefusalsMessage.model_validate_json(body)
        if kind.delivery_id is not None:
            return WakeUpMessage.model_validate_json(body)
        return LeadMessage.model_validate_json(body)
    except ValidationError as error:
        places = sorted({".".join(map(str, e["loc"])) or "(whole)" for e in error.errors()})
        raise SkippableError(
            code="MALFORMED_MESSAGE",
            detail=f"The message cannot be read; look at: {', '.join(places)}.",
            target="LeadsQueue",
        ) from None
