"""Requests as they came in over the wire, and answers with the way they go out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request for a vendor as it came: header names in lower case, the query undecoded."""

    headers: Mapping[str, str]
    query: str
    body: bytes


class Manner(Enum):
    """How an answer is sent."""

    WHOLE = "whole"
    DRIP = "drip"
    HALF = "half, then closed"
    NOTHING = "closed without a word"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, with what the request log wants to know of it.

    Parameters
    ----------
    code
        The vendor's own code in the body, if there is one.
    lead_number
        The lead created, changed or read, told to the caller or not.
    """

    body: bytes
    status: int = HTTPStatus.OK
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    code: int | str | None = None
    lead_number: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and how it goes out.

    Parameters
    ----------
    wait
        Seconds to wait before sending; infinity waits until the simulator stops.
    spread
        Seconds over which :attr:`Manner.DRIP` sends.
    """

    answer: Answer
    manner: Manner = Manner.WHOLE
    wait: float = 0.0
    spread: float = 0.0


def error_page(title: str) -> bytes:
    """Write a web server's own error page."""
    return f"<!DOCTYPE html><html><body><h1>{title}</h1></body></html>".encode()
