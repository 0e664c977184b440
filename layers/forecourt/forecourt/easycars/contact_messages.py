"""Request and answer of SearchContacts (spec, 1.8)."""

from typing import Self

from pydantic import Field, model_validator

from forecourt.easycars.field_types import (
    AnswerText,
    EasyCarsAnswer,
    EasyCarsRequest,
    Text20,
    Text100,
)


class SearchContactsRequest(EasyCarsRequest):
    """Search by at least one of: part of a name, an exact e-mail, an exact phone or mobile."""

    name: Text100 | None = None
    email: Text100 | None = None
    phone: Text20 | None = None

    @model_validator(mode="after")
    def _looks_for_something(self) -> Self:
        if not any((text or "").strip() for text in (self.name, self.email, self.phone)):
            reason = "give a Name, an Email or a Phone"
            raise ValueError(reason)
        return self


class Contact(EasyCarsAnswer):
    """One customer as the vendor knows it, blanks as None; the name is one field."""

    customer_no: AnswerText = None
    name: AnswerText = None
    email: AnswerText = None
    phone: AnswerText = None
    mobile: AnswerText = None
    address: AnswerText = None
    city: AnswerText = None
    state: AnswerText = None
    post_code: AnswerText = None
    country: AnswerText = None
    abn: AnswerText = Field(default=None, alias="ABN")
