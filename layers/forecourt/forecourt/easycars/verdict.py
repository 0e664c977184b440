"""Judge an exchange: what came back, or which of Forecourt's errors it is (reference, 1.3).

An operation that creates or changes something is never *retryable* once it was sent and the
answer does not say that nothing happened: it is *unknown* (design 5.1.4). Known not done are a
connect failure, HTTP 429, Code 1 with HTTP 401 and 403, Code 7, and other HTTP 4xx, where no other
Code in their body contradicts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Never

from forecourt.easycars.codes import ResponseCode
from forecourt.easycars.envelope import Envelope, read_envelope, read_stock_envelope
from forecourt.easycars.field_types import read_text
from forecourt.easycars.reasons import Reason, code_reason, http_reason
from forecourt.easycars.tokens import Service
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from forecourt.network.exchange import Answer, NoAnswer
from forecourt.network.silence import Silence

_TARGET = "EasyCars"
_CODES_OF_REFUSALS = frozenset({None, ResponseCode.AUTHENTICATION_FAIL, ResponseCode.FAILED})
_LONGEST_MESSAGE = 300
_MOST_TO_REDACT = 10_000
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the client must know about one of the vendor's operations.

    ``changes`` says that sending it twice may do it twice. ``payload`` is the field a success
    must hold: text that is not blank, or a list, where null is no list. ``payload_always`` is
    False where a plain Code 0 is enough. ``answer_seconds`` is the time for the whole answer, None
    where the call's own deadline alone ends it; silence never lasts longer than 30 s.
    """

    name: str
    service: Service
    payload: str
    changes: bool = False
    payload_is_list: bool = False
    payload_always: bool = True
    answer_bytes: int = _MEGABYTE
    answer_seconds: float | None = 30.0
    encodings: str = "identity"
    read: Callable[[bytearray], Envelope | None] = read_envelope


REQUEST_TOKEN_SECONDS = 10.0
STOCK = Operation(
    name="GetAdvertisementStocks",
    service=Service.STOCK,
    payload="StockList",
    payload_is_list=True,
    answer_bytes=512 * _MEGABYTE,
    answer_seconds=None,
    encodings="gzip, identity",
    read=read_stock_envelope,
)
CREATE_LEAD = Operation(name="CreateLead", service=Service.LEAD, payload="LeadNumber", changes=True)
UPDATE_LEAD = Operation(
    name="UpdateLead",
    service=Service.LEAD,
    payload="LeadNumber",
    changes=True,
    payload_always=False,
)
LEAD_DETAIL = Operation(name="GetLeadDetail", service=Service.LEAD, payload="LeadNumber")
LEAD_LOOKUP = Operation(
    name="GetLeadDetail", service=Service.LEAD, payload="LeadNumber", payload_always=False
)
SEARCH_CONTACTS = Operation(
    name="SearchContacts", service=Service.LEAD, payload="Contacts", payload_is_list=True
)
CREATE_QUOTATION = Operation(
    name="CreateQuotation", service=Service.LEAD, payload="QuoteNumber", changes=True
)


def request_token_operation(service: Service) -> Operation:
    """Describe RequestToken, which both services have."""
    return Operation(
        name="RequestToken",
        service=service,
        payload="Token",
        answer_seconds=REQUEST_TOKEN_SECONDS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """A Code 0 or 5 with its payload; ``warning`` is the redacted message of a Code 5."""

    fields: dict[str, Any]
    warning: str | None
    body_bytes: int


class Judge:
    """Judges the exchanges of one call; `redact` cuts out what this call's request held."""

    def __init__(self, operation: Operation, redact: Callable[[str], str]) -> None:
        self._operation = operation
        self._redact = redact

    def judge(self, outcome: Answer | NoAnswer) -> Success:
        """Return the success `outcome` is, or raise what it is instead."""
        if isinstance(outcome, NoAnswer):
            raise self._without_answer(outcome)
        status = outcome.status
        by_status = f"HTTP status {status}"
        if self._operation.changes and _is_client_error(status):
            self._doubt(status, self._operation.read(outcome.body))
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._refused_credentials(by_status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._error(
                RetryableError, http_reason(status), "asked us to slow down", outcome.retry_after
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise self._unsure(http_reason(status), by_status, outcome.retry_after)
        if status < HTTPStatus.OK or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise self._unsure(http_reason(status), f"{by_status}, which is not followed")
        envelope = self._operation.read(outcome.body)
        if status >= HTTPStatus.BAD_REQUEST:
            self._raise_for_client_error(status, envelope)
        if envelope is None:
            raise self._unsure(Reason.UNREADABLE_ANSWER, "an answer that is no JSON object")
        return self._by_code(envelope, len(outcome.body))

    def _by_code(self, envelope: Envelope, body_bytes: int) -> Success:
        match envelope.code:
            case ResponseCode.SUCCESS | ResponseCode.WARNING:
                return self._success(envelope, body_bytes)
            case ResponseCode.AUTHENTICATION_FAIL:
                raise self._refused_credentials(self._said(envelope))
            case ResponseCode.FAILED:
                raise self._error(PermanentError, Reason.VENDOR_REFUSED, self._said(envelope))
            case ResponseCode.SYSTEM_ERROR:
                raise self._unsure(Reason.VENDOR_SYSTEM_ERROR, self._said(envelope))
            case None:
                raise self._unsure(Reason.UNREADABLE_ANSWER, "an answer without a Code")
            case code:
                raise self._unsure(code_reason(code), self._said(envelope))

    def _success(self, envelope: Envelope, body_bytes: int) -> Success:
        warned = envelope.code == ResponseCode.WARNING
        if (self._operation.payload_always or warned) and not self._has_payload(envelope):
            detail = f"{self._said(envelope)}, without {self._operation.payload}"
            kind = OutcomeUnknownError if self._operation.changes else PermanentError
            raise self._error(kind, Reason.MISSING_PAYLOAD, detail)
        return Success(
            fields=envelope.fields,
            warning=self._said(envelope) if warned else None,
            body_bytes=body_bytes,
        )

    def _has_payload(self, envelope: Envelope) -> bool:
        payload = envelope.fields.get(self._operation.payload)
        if self._operation.payload_is_list:
            return isinstance(payload, list)
        return read_text(payload) is not None

    def _raise_for_client_error(self, status: int, envelope: Envelope | None) -> Never:
        """Refuse an HTTP 4xx; a read's may turn out to be worth another try."""
        reason, detail = http_reason(status), f"HTTP status {status}"
        code = None if envelope is None else envelope.code
        if envelope is not None and code is not None:
            detail = f"{detail}, {self._said(envelope)}"
            if code == ResponseCode.AUTHENTICATION_FAIL:
                raise self._refused_credentials(detail)
            if code == ResponseCode.SYSTEM_ERROR:
                raise self._error(RetryableError, Reason.VENDOR_SYSTEM_ERROR, detail)
        raise self._error(PermanentError, reason, detail)

    def _doubt(self, status: int, envelope: Envelope | None) -> None:
        """Doubt an HTTP 4xx whose Code says that something else happened than a refusal."""
        if envelope is not None and envelope.code not in _CODES_OF_REFUSALS:
            detail = f"HTTP status {status}, {self._said(envelope)}"
            raise self._error(OutcomeUnknownError, http_reason(status), detail)

    def _without_answer(self, outcome: NoAnswer) -> ForecourtError:
        if not outcome.was_sent:
            return self._error(RetryableError, outcome.reason, outcome.detail)
        if outcome.reason is Silence.ANSWER_TOO_LARGE and not self._operation.changes:
            return self._error(PermanentError, outcome.reason, outcome.detail)
        return self._unsure(outcome.reason, outcome.detail)

    def _unsure(self, reason: str, detail: str, retry_after: float | None = None) -> ForecourtError:
        kind = OutcomeUnknownError if self._operation.changes else RetryableError
        return self._error(kind, reason, detail, retry_after)

    def _refused_credentials(self, detail: str) -> AuthenticationError:
        return self._error(AuthenticationError, Reason.AUTHENTICATION_FAILED, detail)

    def _error[E: ForecourtError](
        self, kind: type[E], reason: str, detail: str, retry_after: float | None = None
    ) -> E:
        return kind(
            str(reason),
            f"{self._operation.name}: {detail}",
            target=_TARGET,
            retry_after=retry_after,
        )

    def _said(self, envelope: Envelope) -> str:
        if envelope.message is None:
            return f"Code {envelope.code}"
        message = self._redact(envelope.message[:_MOST_TO_REDACT])
        return f"Code {envelope.code}: {message[:_LONGEST_MESSAGE]}"


def _is_client_error(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
