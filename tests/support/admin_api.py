"""Asking the admin API as the gateway passes requests on."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.support.handlers import Handler

type Claims = dict[str, str]

ADMIN: Claims = {"sub": "admin-1", "username": "admin", "usertype": "Admin"}


def owner(dealership_id: int) -> Claims:
    return _pinned("owner-1", "DealershipOwner", dealership_id)


def staff(dealership_id: int) -> Claims:
    return _pinned("staff-1", "DealershipStaff", dealership_id)


def _pinned(subject: str, usertype: str, dealership_id: int) -> Claims:
    return {"sub": subject, "usertype": usertype, "dealershipid": str(dealership_id)}


@dataclass(frozen=True)
class Answered:
    """One answer; ``body`` is the parsed document, None for none."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def bad_fields(self) -> set[str]:
        return {error["field"] for error in self.body.get("errors", ())}


class AdminClient:
    """Sends requests with the claims of one person."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        claims: Claims | None = ADMIN,
        headers: Any = None,
        api_id: Any = "api",
        **query: Any,
    ) -> Answered:
        parameters = {name: str(value) for name, value in query.items()}
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": urlencode(parameters),
            "headers": {"content-type": "application/json", **(headers or {})},
            "requestContext": {
                "apiId": api_id,
                "http": {"method": method, "path": path},
                "requestId": "request-1",
                "authorizer": {"jwt": {"claims": claims}} if claims else None,
            },
            "isBase64Encoded": False,
        }
        if parameters:
            event["queryStringParameters"] = parameters
        if body is not None:
            event["body"] = body if isinstance(body, str) else json.dumps(body)
        answer = self.handler(event, None)
        document = json.loads(answer["body"]) if answer["body"] else None
        return Answered(answer["statusCode"], document, answer["headers"])
