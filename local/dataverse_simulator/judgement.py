"""Judge a request for the Web API before anything is done about it (reference, 1.2 and 1.7)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NoReturn

from local.dataverse_simulator.accounts import Account
from local.dataverse_simulator.addresses import Address, Target, read_address
from local.dataverse_simulator.errors import (
    BAD_PAYLOAD,
    INVALID_ARGUMENT,
    NO_MEMBER,
    DataverseError,
    bad_request,
    forbidden,
    no_such_segment,
)
from local.dataverse_simulator.operation_names import (
    CREATE_COLUMN,
    CREATE_KEY,
    CREATE_LEAD,
    DELETE_LEAD,
    GET_LEAD,
    LIST_LEADS,
    READ_METADATA,
    READ_PRIVILEGES,
    UNKNOWN,
    UPDATE_LEAD,
    UPSERT_LEAD,
    WHO_AM_I,
)
from local.dataverse_simulator.organizations import Organization, Vendor
from local.simulation.tokens import TokenRefusedError
from local.simulation.wire import RawRequest

_JSON_TYPES = ("application/json", "application/*", "*/*")
_ETAG = re.compile(r'\*|W/"[^"]*"')
_OPERATIONS: Mapping[tuple[str, Target], str] = {
    ("GET", Target.WHO_AM_I): WHO_AM_I,
    ("GET", Target.LEADS): LIST_LEADS,
    ("POST", Target.LEADS): CREATE_LEAD,
    ("GET", Target.LEAD): GET_LEAD,
    ("PATCH", Target.LEAD): UPSERT_LEAD,
    ("DELETE", Target.LEAD): DELETE_LEAD,
    ("GET", Target.TABLE): READ_METADATA,
    ("GET", Target.COLUMNS): READ_METADATA,
    ("POST", Target.COLUMNS): CREATE_COLUMN,
    ("GET", Target.KEYS): READ_METADATA,
    ("POST", Target.KEYS): CREATE_KEY,
    ("GET", Target.PRIVILEGES): READ_PRIVILEGES,
}
_WITH_BODY = frozenset({CREATE_LEAD, UPSERT_LEAD, UPDATE_LEAD, CREATE_COLUMN, CREATE_KEY})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the headers ask for.

    Parameters
    ----------
    if_match, if_none_match
        ``*`` or an ETag; None when not given (``If-None-Match: null`` is as good as none).
    page_size
        ``Prefer: odata.maxpagesize``.
    detect_duplicates
        ``MSCRM.SuppressDuplicateDetection: false``.
    """

    representation: bool = False
    annotations: bool = False
    page_size: int | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    detect_duplicates: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A judged request.

    Parameters
    ----------
    base
        The address before the entity set, as the caller wrote it.
    reasons
        What breaks the documents although it is answered.
    refusal
        How Dataverse refuses it, None when it goes ahead.
    unauthenticated
        Why its token is no good; None when it is.
    """

    operation: str
    base: str
    method: str
    organization: Organization | None = None
    user: Account | None = None
    address: Address | None = None
    query: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    wishes: Wishes = field(default_factory=Wishes)
    affinity: int | None = None
    reasons: tuple[str, ...] = ()
    refusal: DataverseError | None = None
    unauthenticated: str | None = None


def judge(vendor: Vendor, method: str, path: str, request: RawRequest) -> Call:
    """Judge a request for ``/api/data/…``.

    Refusals come in this order: token (401), application user (403), then all that is wrong with
    the address, the headers and the body.
    """
    base = f"http://{request.headers.get('host', 'localhost')}{path.partition('/v9')[0]}/v9.2"
    address, operation, address_refusal = _read_address(method, path, request)
    found = Call(
        operation=operation,
        base=base,
        method=method,
        address=address,
        query=request.query,
        affinity=_affinity(request.headers),
    )
    try:
        organization, user = _authenticated(vendor, request.headers)
    except TokenRefusedError as error:
        return replace(found, unauthenticated=str(error))
    found = replace(found, organization=organization, user=user)
    if not user.application_user:
        refusal = forbidden(NO_MEMBER, "The user is not a member of the organization.")
        return replace(found, refusal=refusal)
    try:
        if address_refusal is not None:
            raise address_refusal
        wishes, reasons = _read_headers(request.headers, method)
        body = _read_body(request) if operation in _WITH_BODY else {}
        if operation not in _WITH_BODY and request.body:
            reasons.append(f"{method} takes no body.")
    except DataverseError as refusal:
        return replace(found, refusal=refusal)
    return replace(found, wishes=wishes, reasons=tuple(reasons), body=body)


def _read_address(
    method: str, path: str, request: RawRequest
) -> tuple[Address | None, str, DataverseError | None]:
    try:
        address = read_address(path)
    except DataverseError as refusal:
        return None, UNKNOWN, refusal
    if address.target is Target.WHO_AM_I and method != "GET":
        return address, WHO_AM_I, no_such_segment("WhoAmI")
    operation = _OPERATIONS.get((method, address.target))
    if operation is None:
        message = f"The requested resource does not support http method '{method}'."
        status = HTTPStatus.METHOD_NOT_ALLOWED
        return address, UNKNOWN, DataverseError(status, "", message, against_documents=True)
    if operation == UPSERT_LEAD and "if-match" in request.headers:
        operation = UPDATE_LEAD
    return address, operation, None


def _authenticated(vendor: Vendor, headers: Mapping[str, str]) -> tuple[Organization, Account]:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        message = "no bearer token"
        raise TokenRefusedError(message)
    claims = vendor.issuer.claims_of(token)
    organization = vendor.organization(str(claims.get("aud")))
    user = None if organization is None else organization.users.get(str(claims["appid"]))
    if organization is None or user is None:
        message = "issued for no environment there is"
        raise TokenRefusedError(message)
    return organization, user


def _affinity(headers: Mapping[str, str]) -> int | None:
    match = re.search(r"ARRAffinity=([0-9]+)", headers.get("cookie", ""))
    return int(match[1]) if match else None


def _read_headers(headers: Mapping[str, str], method: str) -> tuple[Wishes, list[str]]:
    reasons = [
        f"{name} is missing."
        for name in ("OData-Version", "OData-MaxVersion", "Accept")
        if name.lower() not in headers
    ]
    for name in ("odata-version", "odata-maxversion"):
        if headers.get(name, "4.0") != "4.0":
            message = f"The header {name} must be 4.0."
            raise bad_request(BAD_PAYLOAD, message)
    accept = [part.partition(";")[0].strip() for part in headers.get("accept", "*/*").split(",")]
    if not set(accept) & set(_JSON_TYPES):
        status = HTTPStatus.NOT_ACCEPTABLE
        raise DataverseError(status, "", "Only JSON can be had.", against_documents=True)
    if method == "GET" and "if-none-match" not in headers:
        reasons.append("If-None-Match: null is missing on a read.")
    return _wishes(headers), reasons


def _wishes(headers: Mapping[str, str]) -> Wishes:
    prefer = headers.get("prefer", "")
    page_size = re.search(r"odata\.maxpagesize=([0-9]{1,9})", prefer)
    if_match = headers.get("if-match")
    if_none_match = headers.get("if-none-match")
    if if_none_match == "null":
        if_none_match = None
    for value in (if_match, if_none_match):
        if value is not None and not _ETAG.fullmatch(value):
            message = f"The ETag value {value} is not valid."
            raise bad_request(INVALID_ARGUMENT, message)
    suppress = headers.get("mscrm.suppressduplicatedetection", "true").lower()
    if suppress not in ("true", "false"):
        message = "MSCRM.SuppressDuplicateDetection must be true or false."
        raise bad_request(INVALID_ARGUMENT, message)
    return Wishes(
        representation="return=representation" in prefer,
        annotations="odata.include-annotations" in prefer,
        page_size=int(page_size[1]) if page_size else None,
        if_match=if_match,
        if_none_match=if_none_match,
        detect_duplicates=suppress == "false",
    )


def _read_body(request: RawRequest) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        message = "Content-Type must be application/json."
        raise DataverseError(status, BAD_PAYLOAD, message, against_documents=True)
    try:
        body = json.loads(
            request.body.decode(), parse_float=Decimal, parse_constant=_refuse_constant
        )
        json.dumps(body, ensure_ascii=False, default=str).encode()  # half a pair is no text
    except ValueError as error:
        message = "Error identified in Payload provided by the user: the body is not JSON."
        raise bad_request(BAD_PAYLOAD, message) from error
    if not isinstance(body, dict):
        message = "Error identified in Payload provided by the user: an object is expected."
        raise bad_request(BAD_PAYLOAD, message)
    return body


def _refuse_constant(name: str) -> NoReturn:
    message = f"{name} is no JSON"
    raise ValueError(message)
