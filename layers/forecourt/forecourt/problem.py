"""Problem documents (RFC 9457): how every HTTP answer says what is wrong and what to do."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PROBLEM_TYPE = "application/problem+json"

_LONGEST_PLACE = 200
_MOST_ERRORS = 100


def shown_place(path: str) -> str:
    """Return a field's path as an answer shows it: what the caller named at length is cut."""
    return path if len(path) <= _LONGEST_PLACE else f"{path[:_LONGEST_PLACE]}…"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: its path as the caller wrote it, and the cure."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer; ``body`` is text, empty for none."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """Return what an HTTP API takes from a function (payload format 2.0)."""
        return {
            "statusCode": self.status,
            "headers": self.headers,
            "body": self.body,
            "isBase64Encoded": False,
        }


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem, and it is an answer
    """Ends a request with a problem document.

    Parameters
    ----------
    status
        HTTP status code.
    kind
        Short stable name; the document's ``type`` is ``urn:forecourt:problem:<kind>``.
    detail
        One sentence for the caller's developer, with the cure and without the caller's data.
    errors
        The fields that are wrong; the document names the first hundred.
    headers
        More headers of the answer, e.g. ``Retry-After``.
    """

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status.value} {kind}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}

    def to_answer(self, correlation_id: str | None = None) -> Answer:
        """Return the problem as an HTTP answer; ``correlationId`` finds it in the logs."""
        document: dict[str, Any] = {
            "type": f"urn:forecourt:problem:{self.kind}",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [
                {"field": shown_place(error.field), "message": error.message}
                for error in self.errors[:_MOST_ERRORS]
            ]
        if correlation_id:
            document["correlationId"] = correlation_id
        headers = {"Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store", **self.headers}
        return Answer(status=self.status.value, body=json.dumps(document), headers=headers)
