"""One HTTP exchange with a vendor: its failures as values, its address in no log.

An address may carry a secret (EasyCars' RequestToken, spec 1.2) or an e-mail (a Dataverse filter),
and httpx logs every URL at INFO, so importing this module mutes the loggers of httpx and httpcore
below WARNING. Failures come back as :class:`NoAnswer` instead of being raised: an httpx exception
holds its request, and would stay in the chain of whatever is raised while it is being handled.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from forecourt.network.deadline import answer_by
from forecourt.network.silence import Silence

CONNECT_SECONDS = 5.0
_MOST_SECONDS_TO_WAIT = 86_400.0
_MUTED_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


for _name in _MUTED_LOGGERS:
    logging.getLogger(_name).addFilter(_is_worth_a_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer of any status; ``retry_after`` is in seconds."""

    status: int
    body: bytearray = field(repr=False)
    retry_after: float | None
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No complete answer; ``was_sent`` is False only where the vendor cannot have seen it."""

    reason: Silence
    detail: str
    was_sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send, and how much of an answer to wait for.

    ``answer_by`` is monotonic seconds, for everything up to the last byte of the answer;
    ``silence_seconds`` is the longest pause within it; ``answer_bytes`` is the largest body. The
    repr shows nothing that could be secret or somebody's.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    answer_by: float
    silence_seconds: float
    answer_bytes: int
    query: Mapping[str, str] | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)
    method: str = "POST"


class Exchanger:
    """Sends calls over one kept connection pool; safe for threads."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        if transport is None:
            from forecourt.network.transport import (  # noqa: PLC0415 - half the import time
                DeadlineTransport,
            )

            transport = DeadlineTransport()
        self._in_use: Callable[[], AbstractContextManager[None]] = getattr(
            transport, "in_use", nullcontext
        )
        self._transport = transport

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def exchange(self, call: Call) -> Answer | NoAnswer:
        """Send `call` and read its whole answer, or say why there is none."""
        left = call.answer_by - time.monotonic()
        if left <= 0:
            return NoAnswer(
                reason=Silence.NO_TIME_LEFT,
                detail="there was no time left to send the request",
                was_sent=False,
            )
        patience = min(call.silence_seconds, left)
        timeout = httpx.Timeout(patience, connect=min(CONNECT_SECONDS, left), pool=left)
        try:
            with answer_by(call.answer_by), self._in_use():
                return self._send(call, timeout)
        except httpx.HTTPError as error:
            failure = type(error)
        return _no_answer(failure)

    def _send(self, call: Call, timeout: httpx.Timeout) -> Answer | NoAnswer:
        # httpx's client on top of the transport would follow redirects, keep the vendor's session
        # cookie (which ties one dealership's calls to another's) and cost more than all else here.
        request = httpx.Request(
            call.method,
            call.url,
            params=call.query,
            content=call.content,
            headers={"User-Agent": "Forecourt", **call.headers},
            extensions={"timeout": timeout.as_dict()},
        )
        with closing(self._transport.handle_request(request)) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > call.answer_bytes:
                    return NoAnswer(
                        reason=Silence.ANSWER_TOO_LARGE,
                        detail=f"the answer is larger than {call.answer_bytes} bytes",
                        was_sent=True,
                    )
                if time.monotonic() > call.answer_by:
                    return _no_answer(httpx.ReadTimeout)
            return Answer(
                status=response.status_code,
                body=body,
                retry_after=_seconds_to_wait(response.headers.get("Retry-After")),
                headers=response.headers,
            )


def _no_answer(failure: type[httpx.HTTPError]) -> NoAnswer:
    if issubclass(failure, httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ConnectError):
        return NoAnswer(
            reason=Silence.CONNECT_FAILED, detail="no connection could be made", was_sent=False
        )
    if issubclass(failure, httpx.TimeoutException):
        return NoAnswer(
            reason=Silence.TIMEOUT, detail="the answer was not complete in time", was_sent=True
        )
    if issubclass(failure, httpx.DecodingError):
        return NoAnswer(
            reason=Silence.UNREADABLE_ANSWER,
            detail="the answer's compression is broken",
            was_sent=True,
        )
    return NoAnswer(
        reason=Silence.CONNECTION_CUT,
        detail="the connection broke before the answer was complete",
        was_sent=True,
    )


def _seconds_to_wait(header: str | None) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110, 10.2.3), as seconds from now."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:10]), _MOST_SECONDS_TO_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds: float = (moment - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), _MOST_SECONDS_TO_WAIT)
