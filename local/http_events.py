"""Events of payload format 2.0 from HTTP requests, and HTTP answers from what handlers return.

Source: API Gateway Developer Guide, "Create AWS Lambda proxy integrations for HTTP APIs".
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from local.jwt_authorizer import claims_as_gateway_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.queues import Environ

_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/javascript")


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back to the client.

    Attributes
    ----------
    status
        The status line without the protocol, like ``200 OK``.
    headers
        Names and values, in order.
    body
        The bytes.
    """

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def http_event(
    environ: Environ,
    body: bytes,
    *,
    route_key: str,
    path_parameters: Mapping[str, str],
    api_id: str,
    account: str,
    claims: Mapping[str, Any] | None,
    scopes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the event of one request.

    Parameters
    ----------
    environ, body
        The WSGI request and its body.
    route_key
        The route that matched, like ``POST /api/leads``.
    path_parameters
        Values of the route's variables.
    api_id, account
        What the request context names.
    claims, scopes
        The checked token's claims and the scopes the route asks for; None for an open route.
    """
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    headers = _headers(environ)
    now = time.time()
    cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
    is_text = _is_text(headers.get("content-type", ""), body)
    context: dict[str, Any] = {
        "accountId": account,
        "apiId": api_id,
        "domainName": headers["host"],
        "domainPrefix": api_id,
        "http": {
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "protocol": environ["SERVER_PROTOCOL"],
            "sourceIp": environ["REMOTE_ADDR"],
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": uuid.uuid4().hex,
        "routeKey": route_key,
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    if claims is not None:
        jwt = {"claims": claims_as_gateway_text(claims), "scopes": list(scopes) or None}
        context["authorizer"] = {"jwt": jwt}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "requestContext": context,
        "isBase64Encoded": not is_text,
    }
    if cookies:
        event["cookies"] = cookies
    if query := _query(event["rawQueryString"]):
        event["queryStringParameters"] = query
    if path_parameters:
        event["pathParameters"] = dict(path_parameters)
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    else:
        event["isBase64Encoded"] = False
    return event


def http_answer(payload: str) -> HttpAnswer:
    """Return the HTTP answer a handler's result stands for.

    Raises
    ------
    ValueError
        When the result is no valid answer; the gateway then says 500.
    """
    result = json.loads(payload)
    if not (isinstance(result, dict) and "statusCode" in result):
        headers = [("content-type", "application/json")]
        return HttpAnswer("200 OK", headers, json.dumps(result, ensure_ascii=False).encode())
    code = int(result["statusCode"])
    headers = [(str(k).lower(), str(v)) for k, v in (result.get("headers") or {}).items()]
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or []]
    text = result.get("body") or ""
    body = base64.b64decode(text) if result.get("isBase64Encoded") else str(text).encode()
    if body and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    headers = [(name, value) for name, value in headers if name not in _HOP_BY_HOP]
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Unknown"
    return HttpAnswer(f"{code} {phrase}", headers, body)


_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})


def gateway_message(status: HTTPStatus, message: str) -> HttpAnswer:
    """Return an answer of the gateway itself, like ``{"message": "Not Found"}``."""
    headers = [("content-type", "application/json")]
    body = json.dumps({"message": message}).encode()
    return HttpAnswer(f"{status.value} {status.phrase}", headers, body)


def _headers(environ: Environ) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    headers.setdefault("host", f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}")
    headers["x-forwarded-for"] = environ["REMOTE_ADDR"]
    headers["x-forwarded-port"] = str(environ["SERVER_PORT"])
    headers["x-forwarded-proto"] = environ["wsgi.url_scheme"]
    return headers


def _query(raw: str) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {name: ",".join(several) for name, several in values.items()}


def _is_text(content_type: str, body: bytes) -> bool:
    if content_type and not content_type.lower().startswith(_TEXT_TYPES):
        return False
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
