"""Dataverse's JSON and headers on an answer, right or refused (reference, 1.7 and 1.8)."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec

from local.dataverse_simulator.errors import DataverseError
from local.dataverse_simulator.judgement import Call
from local.simulation.wire import Answer

JSON = "application/json; odata.metadata=minimal"
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def json_answer(value: Mapping[str, Any]) -> Answer:
    """Answer 200 with JSON."""
    return Answer(_ENCODER.encode(value), content_type=JSON)


def unauthenticated_answer() -> Answer:
    """Refuse a token, without a body."""
    challenge = 'Bearer error="invalid_token", error_description="Error during token validation!"'
    headers = {"WWW-Authenticate": challenge}
    return Answer(b"", status=HTTPStatus.UNAUTHORIZED, headers=headers)


def refusal_answer(call: Call, refusal: DataverseError) -> Answer:
    """Write a refusal as Dataverse does."""
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if call.wishes.annotations:
        prefix = "@Microsoft.PowerApps.CDS."
        error[f"{prefix}HelpLink"] = "http://go.microsoft.com/fwlink/?LinkID=398563"
        error[f"{prefix}TraceText"] = f"[{call.operation}] {refusal.message}"
        error[f"{prefix}InnerError.Message"] = refusal.message
        for name, value in refusal.annotations.items():
            error[f"{prefix}ErrorDetails.{name}"] = value
    return Answer(
        _ENCODER.encode({"error": error}),
        status=refusal.status,
        content_type=JSON,
        headers=refusal.headers,
        code=refusal.code,
    )


def with_common_headers(answer: Answer, dop_hint: int) -> Answer:
    """Add what every answer of the Web API carries."""
    request_id = str(uuid.uuid4())
    headers = {
        "OData-Version": "4.0",
        "x-ms-service-request-id": request_id,
        "REQ_ID": request_id,
        "x-ms-dop-hint": str(dop_hint),
        **answer.headers,
    }
    return replace(answer, headers=headers)
