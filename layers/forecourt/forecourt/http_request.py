"""An HTTP API request (payload format 2.0) as the few facts a handler needs."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from forecourt.problem import Problem

COMMAND_LINE = "command-line"
"""Stands in the place of the API's id when an operator's command invokes a function itself. Only
the gateway or somebody who may invoke the function writes there, never a client of the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request; header names are in lower case, the body is decoded when it is asked for."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    raw_body: str = field(default="", repr=False)
    is_base64: bool = False
    request_id: str = ""
    is_command: bool = False

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        """Read an event of an HTTP API."""
        context = event["requestContext"]
        return cls(
            method=str(context["http"]["method"]).upper(),
            path=str(context["http"]["path"]),
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            raw_body=event.get("body") or "",
            is_base64=bool(event.get("isBase64Encoded")),
            request_id=str(context.get("requestId", "")),
            is_command=context.get("apiId") == COMMAND_LINE,
        )

    def body(self, max_bytes: int) -> bytes:
        """Return what stood on the wire.

        Raises
        ------
        Problem
            413 for a body of more than ``max_bytes``; 400 for one that should be base64 and is
            not.
        """
        # Four letters of base64 hold three bytes; the length is judged before any work is done.
        longest = max_bytes * 4 // 3 + 4 if self.is_base64 else max_bytes
        body = b"" if len(self.raw_body) > longest else self._decoded()
        if len(self.raw_body) > longest or len(body) > max_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "body-too-large",
                f"The body may have at most {max_bytes} bytes.",
            )
        return body

    def _decoded(self) -> bytes:
        if not self.is_base64:
            return self.raw_body.encode("utf-8", "surrogatepass")
        try:
            return base64.b64decode(self.raw_body, validate=True)
        except (binascii.Error, ValueError):
            raise Problem(
                HTTPStatus.BAD_REQUEST, "broken-body", "The body is not valid base64."
            ) from None
