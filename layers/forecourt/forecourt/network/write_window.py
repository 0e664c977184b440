"""A time after which a request may no longer be written.

A worker whose sandbox was frozen between claiming a lead and sending it wakes up when others may
already be looking for that lead at the vendor. The last moment to notice is when bytes of the
request are handed to the socket, after name look-up, connect and handshake; that goes for the
request that is repeated with a new token, too.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpcore
import httpx

from forecourt.network.transport import DeadlineBackend, DeadlineStream, DeadlineTransport


@dataclass(slots=True)
class _Window:
    """When writing must have ended, and whether the present request has been begun."""

    closes_at: float
    has_begun: bool = False


_window: ContextVar[_Window | None] = ContextVar("write_window", default=None)


@contextmanager
def write_by(wall_clock: float) -> Iterator[None]:
    """Let no request of this thread be written after `wall_clock`, seconds since the epoch."""
    token = _window.set(_Window(wall_clock))
    try:
        yield
    finally:
        _window.reset(token)


class _WindowedStream(DeadlineStream):
    def __init__(self, stream: httpcore.NetworkStream, clock: Callable[[], float]) -> None:
        super().__init__(stream)
        self._clock = clock

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        window = _window.get()
        if window is not None:
            if self._clock() > window.closes_at:
                raise httpcore.WriteTimeout if window.has_begun else httpcore.ConnectTimeout
            window.has_begun = True
        super().write(buffer, timeout)

    def _like_this(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        return _WindowedStream(stream, self._clock)


class _WindowedBackend(DeadlineBackend):
    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = super().connect_tcp(host, port, timeout, local_address, socket_options)
        return _WindowedStream(stream, self._clock)


class WindowedTransport(DeadlineTransport):
    """A transport that refuses to write outside the window.

    What it raises reads as a failed connect where nothing was sent, and as a time-out where a part
    was: the vendor has not got the whole request, but whether it acts on a part nobody knows.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock=clock, sockets=_WindowedBackend(clock))
        self._wall_clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request if there is still time to."""
        window = _window.get()
        if window is not None:
            if self._wall_clock() > window.closes_at:
                reason = "the time to write this request has passed"
                raise httpx.ConnectTimeout(reason, request=request)
            window.has_begun = False
        return super().handle_request(request)
