"""A time after which a request may no longer be written.

A worker whose sandbox was frozen between claiming a lead and sending it wakes up when others may
already be looking for that lead at the vendor. The last moment to notice is when the request is
handed to the socket, also the request that is repeated with a new token.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx

from forecourt.easycars.transport import DeadlineTransport

_write_by: ContextVar[float | None] = ContextVar("easycars_write_by", default=None)


@contextmanager
def write_by(wall_clock: float) -> Iterator[None]:
    """Let no request of this thread be written after `wall_clock`, seconds since the epoch."""
    token = _write_by.set(wall_clock)
    try:
        yield
    finally:
        _write_by.reset(token)


class WindowedTransport(DeadlineTransport):
    """The vendor's transport, which refuses to write outside the window.

    What it raises reads as a failed connect: nothing was sent.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock=clock)
        self._wall_clock = clock

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request if there is still time to."""
        limit = _write_by.get()
        if limit is not None and self._wall_clock() > limit:
            reason = "the time to write this request has passed"
            raise httpx.ConnectTimeout(reason, request=request)
        return super().handle_request(request)
