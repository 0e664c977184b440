"""Judge a request by the vendor's documents before anything is done about it."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.easycars_simulator.operations import AUTHENTICATION_FAIL, FAILED, RefusedError
from local.easycars_simulator.request_tables import OPERATIONS, REQUEST_TOKEN, Service
from local.easycars_simulator.schema import faults_of, read_object
from local.easycars_simulator.vendor import Dealer, Vendor
from local.simulation.tokens import TokenRefusedError
from local.simulation.wire import RawRequest

UNSUPPORTED_MEDIA_TYPE = 415


@dataclass(frozen=True, slots=True)
class Call:
    """A judged request.

    Parameters
    ----------
    client_id
        Whose token or client pair it carries, None when that was refused.
    accounts
        The account it names if there is one, or those a token was asked for.
    reasons
        What breaks the documents; empty when only the credentials or nothing is wrong.
    refusal
        How the vendor refuses it, None when it goes ahead.
    http_status
        200 unless HTTP itself refuses it.
    """

    service: Service
    operation: str
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    client_id: str | None = None
    dealer: Dealer | None = None
    accounts: Sequence[str] = ()
    reasons: tuple[str, ...] = ()
    refusal: RefusedError | None = None
    http_status: int = 200


def judge(vendor: Vendor, service: Service, operation: str, request: RawRequest) -> Call:
    """Judge a POST to an operation the service has.

    Refusals come in this order: media type (HTTP 415), token (Code 1), body (Code 7), account.
    """
    if operation == REQUEST_TOKEN:
        return _judge_token_request(vendor, service, request)
    return _judge_operation(vendor, service, operation, request)


def _judge_token_request(vendor: Vendor, service: Service, request: RawRequest) -> Call:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    given = dict(pairs)
    wanted = ("ClientID", "ClientSecret")
    reasons = [f"{name} is required." for name in wanted if not given.get(name, "").strip()]
    if given.keys() - set(wanted) or len(pairs) != len(given):
        reasons.append("RequestToken takes ClientID and ClientSecret, each once.")
    if request.body:
        reasons.append("RequestToken takes no body.")
    client_id = given.get("ClientID", "")
    secret = vendor.secret_of(client_id)
    known = secret is not None and _same(given.get("ClientSecret", ""), secret)
    refusal = None
    if reasons:
        refusal = RefusedError(FAILED, " ".join(reasons))
    elif not known:
        refusal = RefusedError(AUTHENTICATION_FAIL, "Invalid ClientID or ClientSecret.")
    return Call(
        service=service,
        operation=REQUEST_TOKEN,
        client_id=client_id if known else None,
        accounts=vendor.accounts_of(client_id) if secret is not None else (),
        reasons=tuple(reasons),
        refusal=refusal,
    )


def _judge_operation(vendor: Vendor, service: Service, operation: str, request: RawRequest) -> Call:
    reasons: list[str] = []
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        reasons.append("Content-Type must be application/json.")
    if request.query:
        reasons.append(f"{operation} takes no query.")
    body: dict[str, Any] = {}
    try:
        body = read_object(request.body)
    except ValueError:
        reasons.append("The body must be one JSON object.")
    else:
        reasons.extend(faults_of(body, OPERATIONS[service][operation]))
    client_id = _client_of(vendor, service, request.headers)
    number = body.get("AccountNumber")
    dealer = vendor.dealer(number) if isinstance(number, str) else None
    http_status, refusal = 200, None
    if media_type != "application/json":
        http_status = UNSUPPORTED_MEDIA_TYPE
        refusal = RefusedError(FAILED, reasons[0])
    elif client_id is None:
        refusal = RefusedError(AUTHENTICATION_FAIL, "Invalid token.")
    elif reasons:
        refusal = RefusedError(FAILED, " ".join(reasons))
    elif not _may_use(client_id, dealer, body):
        message = "Invalid AccountNumber or AccountSecret."
        refusal = RefusedError(vendor.rules.account_refusal_code, message)
    return Call(
        service=service,
        operation=operation,
        body=body,
        client_id=client_id,
        dealer=dealer,
        accounts=(dealer.account.account_number,) if dealer else (),
        reasons=tuple(reasons),
        refusal=refusal,
        http_status=http_status,
    )


def _client_of(vendor: Vendor, service: Service, headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        return None
    try:
        client_id = vendor.issuer(service).client_of(token)
    except TokenRefusedError:
        return None
    return client_id if vendor.secret_of(client_id) is not None else None


def _may_use(client_id: str, dealer: Dealer | None, body: Mapping[str, Any]) -> bool:
    return (
        dealer is not None
        and client_id in dealer.clients
        and _same(body["AccountSecret"], dealer.account.account_secret)
    )


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
