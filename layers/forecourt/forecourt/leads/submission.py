"""What a website may send as a lead (design, section 7), checked field by field.

Texts lose blanks at both ends, and a blank text or null counts as not sent: web forms post their
empty fields. Lengths are in characters and are those of the columns the texts go to.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from forecourt.leads.company import MOST_MEMBERS, company_faults, company_schema
from forecourt.leads.lead import FinanceStatus, Rating, VehicleInterest
from forecourt.problem import FieldError
from forecourt.validation import RequestBody, validate_fields, wrong_value

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

_EMAIL_LIMIT = 100
_LARGEST_ID = 2**31 - 1

# One @, no blanks or specials, a dot in the domain: the HTML standard's "valid e-mail address"
# with letters of any script (RFC 6531).
_EMAIL = re.compile(
    r"[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]{1,64}"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W_](?:[\w-]{0,61}[^\W_])?"
)
_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]\S*", re.IGNORECASE)


def _checked_email(value: str) -> str:
    if _EMAIL.fullmatch(value) is None:
        raise wrong_value(cure="must be an e-mail address like sam@example.org")
    # The vendor counts UTF-16 units, the column counts characters; the first is never fewer.
    if len(value.encode("utf-16-le")) > 2 * _EMAIL_LIMIT:
        raise wrong_value(cure="must have at most 100 characters")
    return value


def _checked_web_address(value: str) -> str:
    if _WEB_ADDRESS.fullmatch(value) is None:
        raise wrong_value(cure="must start with http:// or https:// and hold no blank")
    return value


def _checked_company(value: dict[str, Any]) -> dict[str, Any]:
    faults: list[InitErrorDetails] = [
        {"type": wrong_value(cure=cure), "loc": (name,), "input": None}
        for name, cure in company_faults(value)
    ]
    if faults:
        title = "company"
        raise ValidationError.from_exception_data(title, faults)
    return value


type _Text50 = Annotated[str, Field(max_length=50)]
type Name = Annotated[str, Field(max_length=255, json_schema_extra={"pattern": r"\S"})]
type Email = Annotated[
    str,
    AfterValidator(_checked_email),
    Field(json_schema_extra={"format": "email", "maxLength": _EMAIL_LIMIT}),
]
type Phone = Annotated[str, Field(max_length=20)]
type Message = Annotated[str, Field(max_length=10_000)]
type VehicleId = Annotated[int, Field(ge=1, le=_LARGEST_ID)]
type StockNumber = Annotated[str, Field(max_length=100)]
type AddressLine = Annotated[str, Field(max_length=200)]
type AddressPart = _Text50
type PostCode = Annotated[str, Field(max_length=10)]
type _Company = Annotated[
    dict[str, Any],
    Field(max_length=MOST_MEMBERS, json_schema_extra=company_schema()),
    AfterValidator(_checked_company),
]
type _WebAddress = Annotated[
    str,
    Field(max_length=2000, json_schema_extra={"pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#]\S*$"}),
    AfterValidator(_checked_web_address),
]


class _Part(RequestBody):
    @model_validator(mode="wrap")
    @classmethod
    def _leave_out_blanks(cls, value: object, build: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, dict):
            value = {name: item for name, item in value.items() if not _is_blank(item)}
        return build(value)


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


class SubmittedAddress(_Part):
    """The visitor's postal address."""

    line: AddressLine | None = None
    city: AddressPart | None = None
    state: AddressPart | None = None
    post_code: PostCode | None = None


class Consent(_Part):
    """What the visitor agreed to, in the words that were shown: they stay as they were sent.

    Absent means that nobody knows; ``marketing`` has no default.
    """

    verbatim = frozenset({"text"})

    marketing: bool
    text: Annotated[str, Field(max_length=2000)] | None = None
    version: _Text50 | None = None


class LeadSubmission(_Part):
    """One valid lead body.

    ``company`` is an object for Dynamics, at most 60 members; see :mod:`forecourt.leads.company`.
    ``website`` is a field people do not see; whoever fills it in is a robot.
    """

    name: Name
    email: Email
    phone: Phone | None = None
    message: Message | None = None
    vehicle_id: VehicleId | None = None
    stock_number: StockNumber | None = None
    vehicle_interest: Annotated[VehicleInterest, Field(strict=False)] | None = None
    finance_status: Annotated[FinanceStatus, Field(strict=False)] | None = None
    rating: Annotated[Rating, Field(strict=False)] | None = None
    source_page_url: _WebAddress | None = None
    address: SubmittedAddress | None = None
    consent: Consent | None = None
    company: _Company | None = None
    website: Annotated[str, Field(max_length=2000)] | None = None

    @property
    def is_spam(self) -> bool:
        """Whether the field people do not see was filled in."""
        return self.website is not None

    def to_wire(self) -> dict[str, Any]:
        """Return the body as it travels on: camelCase names, what was not sent left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def read_submission(body: Mapping[str, Any], errors: Iterable[FieldError] = ()) -> LeadSubmission:
    """Check a parsed body.

    Parameters
    ----------
    body
        The JSON object.
    errors
        What its parser already found wrong with it.

    Raises
    ------
    Problem
        422 naming every bad field with its cure.
    """
    found = list(errors)
    if _is_sent(body.get("vehicleId")) and _is_sent(body.get("stockNumber")):
        found.append(FieldError("stockNumber", "give vehicleId or stockNumber, not both"))
    return validate_fields(LeadSubmission, body, found)


def _is_sent(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())
