"""One HTTP operation as OpenAPI 3.1 describes it, and the refusals operations share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from forecourt.openapi.shapes import Schema, record, schema_of
from forecourt.problem import PROBLEM_TYPE

PROBLEM = record(
    "type:text title:text status:int detail:text",
) | {
    "properties": {
        "type": {"type": "string", "pattern": "^urn:forecourt:problem:[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "One sentence with the cure."},
        "errors": {
            "type": "array",
            "maxItems": 100,
            "description": "Every field that is wrong and what to do about it, at most 100.",
            "items": record("field:text message:text"),
        },
        "correlationId": {"type": "string", "description": "Finds the request in our logs."},
    },
    "description": "A problem document (RFC 9457).",
}
"""Every refusal of ours."""

RETRY_AFTER = {
    "description": "Seconds to wait before the same request is sent again.",
    "schema": {"type": "integer", "minimum": 1},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of the query string, the path or a header."""

    name: str
    place: str
    schema: Schema
    description: str = ""
    required: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return it as OpenAPI writes it."""
        return {
            "name": self.name,
            "in": self.place,
            "schema": self.schema,
            "required": self.required,
        } | ({"description": self.description} if self.description else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    ``answers`` holds the schema by status, None for no body; ``problems`` says by status when that
    refusal comes. ``body`` holds the models one of which a request's body is.
    """

    method: str
    path: str
    summary: str
    tag: str
    answers: Mapping[HTTPStatus, Schema | None]
    problems: Mapping[HTTPStatus, str]
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: tuple[type[BaseModel], ...] = ()
    body_required: bool = True
    example: Mapping[str, Any] | None = None
    headers: Mapping[str, Any] = field(default_factory=dict)
    security: tuple[Mapping[str, list[str]], ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return it as OpenAPI writes it."""
        document: dict[str, Any] = {
            "operationId": operation_id(self.method, self.path),
            "summary": self.summary,
            "tags": [self.tag],
            "security": [dict(one) for one in self.security],
            "responses": {
                **{str(int(status)): self._answer(status) for status in self.answers},
                **{str(int(status)): self._problem(status) for status in self.problems},
            },
        }
        if self.description:
            document["description"] = self.description
        if self.parameters:
            document["parameters"] = [one.to_document() for one in self.parameters]
        if self.body:
            schemas = [schema_of(model) for model in self.body]
            content: dict[str, Any] = {
                "schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
            }
            if self.example is not None:
                content["example"] = dict(self.example)
            document["requestBody"] = {
                "required": self.body_required,
                "content": {"application/json": content},
            }
        return document

    def _answer(self, status: HTTPStatus) -> dict[str, Any]:
        answer: dict[str, Any] = {"description": status.description or status.phrase}
        if self.headers:
            answer["headers"] = dict(self.headers)
        schema = self.answers[status]
        if schema is not None:
            answer["content"] = {"application/json": {"schema": schema}}
        return answer

    def _problem(self, status: HTTPStatus) -> dict[str, Any]:
        headers = dict(self.headers)
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            headers["Retry-After"] = RETRY_AFTER
        answer: dict[str, Any] = {
            "description": self.problems[status],
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if status is HTTPStatus.UNAUTHORIZED and {"token": []} in self.security:
            # The gateway's own answer to a token it does not take.
            answer["content"]["application/json"] = {"schema": record("message:text")}
        if headers:
            answer["headers"] = headers
        return answer


def operation_id(method: str, path: str) -> str:
    """Return a unique name for an operation, e.g. ``get_api_admin_leads_leadId``."""
    return f"{method.lower()}{path.replace('{', '').replace('}', '').replace('/', '_')}".replace(
        "-", "_"
    ).replace(".", "_")
