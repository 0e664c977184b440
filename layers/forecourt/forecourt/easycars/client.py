"""The EasyCars client: all seven operations of the vendor's Stock and Lead APIs.

A call raises only the classes of :mod:`forecourt.errors`, with the codes of
:mod:`forecourt.easycars.reasons`. How each answer is judged stands in
:mod:`forecourt.easycars.verdict`.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec

from forecourt.easycars import verdict
from forecourt.easycars.contact_messages import Contact, SearchContactsRequest
from forecourt.easycars.field_types import read_text
from forecourt.easycars.json_text import drop_nulls
from forecourt.easycars.lead_messages import (
    CreateLeadRequest,
    GetLeadDetailRequest,
    LeadDetail,
    LeadReceipt,
    UpdateLeadRequest,
)
from forecourt.easycars.reasons import Reason
from forecourt.easycars.session import EasyCarsSession
from forecourt.easycars.stock_messages import GetAdvertisementStocksRequest, StockFeed
from forecourt.easycars.tokens import Service, Token
from forecourt.errors import PermanentError
from forecourt.security.credentials import EasyCarsCredentials, Environment

if TYPE_CHECKING:
    import httpx

    from forecourt.easycars.quotation_messages import CreateQuotationRequest, QuotationNumbers


class EasyCarsClient:
    """Calls EasyCars for any dealership; safe for threads, one per sandbox.

    Reads are tried up to three times in place, and only where the failure was quick; a time-out is
    not repeated. What creates or changes something is sent once. Either is sent once more with a
    new token when the vendor refuses the token it came with. Everything spends one deadline.

    Parameters
    ----------
    base_urls
        Per environment the address without the service, e.g.
        ``https://my.easycars.net.au/ECService``. Must be https, except on this machine.
    transport
        Takes the place of the network.
    clock
        Seconds since the epoch, for the expiry of tokens.
    sleep
        Waits that many seconds between two tries of a read.
    """

    def __init__(
        self,
        base_urls: Mapping[Environment, str],
        *,
        transport: "httpx.BaseTransport | None" = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = EasyCarsSession(base_urls, transport=transport, clock=clock, sleep=sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def request_token(
        self,
        credentials: EasyCarsCredentials,
        service: Service = Service.STOCK,
        *,
        deadline: float | None = None,
    ) -> Token:
        """Buy a token past the cache: proves that the client pair is right, and no more.

        Takes at most 10 s and is not repeated.
        """
        return self._session.buy_token(credentials, service, deadline)

    def fetch_stock(
        self, credentials: EasyCarsCredentials, *, deadline: float | None = None
    ) -> StockFeed:
        """Fetch the whole stock of the account or, where one is set, of the yard.

        Returns
        -------
        StockFeed
            The items as slices of the body, which is in memory once.

        Raises
        ------
        RetryableError, PermanentError, AuthenticationError
            The feed is not complete: change nothing.
        """
        request = GetAdvertisementStocksRequest.from_fields(
            {"YardCode": credentials.yard_code or None}
        )
        answer = self._session.read(verdict.STOCK, credentials, request.to_wire(), deadline)
        return StockFeed(
            items=answer.fields["StockList"],
            warning=answer.warning,
            body_bytes=answer.body_bytes,
        )

    def create_lead(
        self,
        credentials: EasyCarsCredentials,
        request: CreateLeadRequest,
        *,
        deadline: float | None = None,
    ) -> LeadReceipt:
        """Create a lead; the receipt always has its number.

        Raises
        ------
        OutcomeUnknownError
            It may exist now: look for its ExternalID before creating it again.
        RetryableError, PermanentError, AuthenticationError
            It does not exist.
        """
        answer = self._session.change(verdict.CREATE_LEAD, credentials, request.to_wire(), deadline)
        return _lead_receipt(answer)

    def update_lead(
        self,
        credentials: EasyCarsCredentials,
        request: UpdateLeadRequest,
        *,
        deadline: float | None = None,
    ) -> LeadReceipt:
        """Change those fields of a lead that `request` holds.

        Raises
        ------
        OutcomeUnknownError
            The change may have happened.
        RetryableError, PermanentError, AuthenticationError
            Nothing changed.
        """
        answer = self._session.change(verdict.UPDATE_LEAD, credentials, request.to_wire(), deadline)
        return _lead_receipt(answer)

    def get_lead_detail(
        self, credentials: EasyCarsCredentials, lead_number: str, *, deadline: float | None = None
    ) -> LeadDetail:
        """Read one lead of our own lead source.

        Raises
        ------
        PermanentError
            Code ``VENDOR_REFUSED`` or ``MISSING_PAYLOAD`` for a number that is not visible; which
            of the two, the vendor does not document.
        """
        request = GetLeadDetailRequest.from_fields({"LeadNumber": lead_number})
        answer = self._session.read(verdict.LEAD_DETAIL, credentials, request.to_wire(), deadline)
        fields = answer.fields
        detail = LeadDetail.model_validate(fields)
        return detail.model_copy(update={"raw_json": _as_json(fields), "warning": answer.warning})

    def find_lead(
        self, credentials: EasyCarsCredentials, lead_number: str, *, deadline: float | None = None
    ) -> LeadDetail | None:
        """Read one lead of our own lead source, or say that the vendor shows none of that number.

        What an unknown number looks like is not documented (Lead API, 1.7). Code 7 counts, and a
        Code 0 in which every field is null, blank, false or 0; nothing else does.

        Raises
        ------
        RetryableError, PermanentError, AuthenticationError
            Whether there is such a lead is not known.
        """
        request = GetLeadDetailRequest.from_fields({"LeadNumber": lead_number})
        try:
            answer = self._session.read(
                verdict.LEAD_LOOKUP, credentials, request.to_wire(), deadline
            )
        except PermanentError as error:
            if error.code == Reason.VENDOR_REFUSED:
                return None
            raise
        detail = LeadDetail.model_validate(answer.fields)
        if detail.lead_number is not None:
            return detail
        if any(_says_something(answer.fields[name]) for name in answer.fields.keys() - _ENVELOPE):
            reason = "GetLeadDetail: Code 0 with a lead's fields, but without its LeadNumber"
            raise PermanentError(Reason.MISSING_PAYLOAD, reason, target="EasyCars")
        return None

    def search_contacts(
        self,
        credentials: EasyCarsCredentials,
        *,
        name: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        deadline: float | None = None,
    ) -> list[Contact]:
        """Find customers by part of a name, by exact e-mail, by exact phone or mobile.

        An empty list means that the vendor said so with Code 0 or 5 and a list; a contact that
        cannot be read still counts as one.
        """
        answer = self._search_contacts(credentials, name, email, phone, deadline)
        return [
            Contact.model_validate(contact if isinstance(contact, dict) else {})
            for contact in answer.fields["Contacts"]
        ]

    def has_no_contact(
        self,
        credentials: EasyCarsCredentials,
        *,
        email: str | None = None,
        phone: str | None = None,
        deadline: float | None = None,
    ) -> bool:
        """Tell whether the vendor said with a plain Code 0 that nobody has this e-mail or phone."""
        answer = self._search_contacts(credentials, None, email, phone, deadline)
        return answer.fields["Contacts"] == [] and answer.warning is None

    def _search_contacts(
        self,
        credentials: EasyCarsCredentials,
        name: str | None,
        email: str | None,
        phone: str | None,
        deadline: float | None,
    ) -> verdict.Success:
        request = SearchContactsRequest.from_fields({"Name": name, "Email": email, "Phone": phone})
        return self._session.read(verdict.SEARCH_CONTACTS, credentials, request.to_wire(), deadline)

    def create_quotation(
        self,
        credentials: EasyCarsCredentials,
        request: "CreateQuotationRequest",
        *,
        deadline: float | None = None,
    ) -> "QuotationNumbers":
        """Create a quotation; raises as :meth:`create_lead` does."""
        from forecourt.easycars.quotation_messages import (  # noqa: PLC0415 - seldom needed
            QuotationNumbers,
        )

        answer = self._session.change(
            verdict.CREATE_QUOTATION, credentials, request.to_wire(), deadline
        )
        fields = answer.fields
        return QuotationNumbers(
            quote_number=read_text(fields["QuoteNumber"]) or "",
            customer_no_1=read_text(fields.get("CustomerNo1")),
            customer_no_2=read_text(fields.get("CustomerNo2")),
            warning=answer.warning,
        )


_ENVELOPE = frozenset({"Code", "ErrorMessage"})


def _says_something(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, False, 0)


def _as_json(fields: dict[str, Any]) -> str:
    text, _ = drop_nulls(msgspec.json.Encoder(decimal_format="number").encode(fields))
    return text.decode()


def _lead_receipt(answer: verdict.Success) -> LeadReceipt:
    return LeadReceipt(
        lead_number=read_text(answer.fields.get("LeadNumber")),
        customer_no=read_text(answer.fields.get("CustomerNo")),
        warning=answer.warning,
    )
