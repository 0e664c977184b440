"""The whole document."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from forecourt.openapi.admin_operations import ADMIN_OPERATIONS
from forecourt.openapi.lead_operations import LEAD_OPERATIONS
from forecourt.openapi.operations import PROBLEM
from forecourt.problem import Answer

OPENAPI_PATH = "/api/openapi.json"

_DESCRIPTION = """\
Leads of dealers' websites into EasyCars, and EasyCars stock into PostgreSQL.

Every refusal of ours is a problem document (RFC 9457). The gateway in front of us answers a few
requests itself, with `{"message": …}`: a path nobody serves (404), a token that is not valid (401),
too many requests over all callers (429), a body over 10 MB (413)."""


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in (*LEAD_OPERATIONS, *ADMIN_OPERATIONS):
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.to_document()
    paths[OPENAPI_PATH] = {"get": _ITSELF}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Forecourt", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "securitySchemes": {
                "siteKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Site-Key",
                    "description": "The dealership's site key. It stands in a public page and says "
                    "which dealership a lead is for; it is no secret, and can be revoked.",
                },
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


_ITSELF: dict[str, Any] = {
    "operationId": "get_api_openapi_json",
    "summary": "Read this document",
    "tags": ["document"],
    "security": [],
    "responses": {
        "200": {
            "description": "This document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}


@cache
def openapi_answer() -> Answer:
    """Return the document as an HTTP answer; any page may read it."""
    return Answer(
        status=HTTPStatus.OK.value,
        body=json.dumps(openapi_document(), ensure_ascii=False, separators=(",", ":")),
        headers={
            "Content-Type": "application/json",
            "Cache-Control": "public, max-age=300",
            "Access-Control-Allow-Origin": "*",
        },
    )
