"""The network under httpx: one kept connection pool, and a deadline for the whole answer."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from forecourt.network.deadline import clip

_MAX_CONNECTIONS = 20
_IDLE_SECONDS = 5.0


class DeadlineStream(httpcore.NetworkStream):
    """A socket whose every operation ends with the request's deadline.

    httpx's own time-outs start anew with every byte, so a server that drips its headers could
    hold a call for hours.
    """

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come; ReadTimeout when the deadline has passed."""
        left = clip(timeout)
        if left == 0.0:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer`; WriteTimeout when the deadline has passed."""
        left = clip(timeout)
        if left == 0.0:
            raise httpcore.WriteTimeout
        self._stream.write(buffer, left)

    def close(self) -> None:
        """Close the socket."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Shake hands; ConnectTimeout when the deadline has passed."""
        left = clip(timeout)
        if left == 0.0:
            raise httpcore.ConnectTimeout
        return self._like_this(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> object:
        """Tell about the socket."""
        return self._stream.get_extra_info(info)

    def _like_this(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        return DeadlineStream(stream)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens such sockets."""

    def __init__(self) -> None:
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; ConnectTimeout when the deadline has passed."""
        left = clip(timeout)
        if left == 0.0:
            raise httpcore.ConnectTimeout
        stream = self._sockets.connect_tcp(host, port, left, local_address, socket_options)
        return DeadlineStream(stream)


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport over sockets that know the request's deadline.

    Connections that nobody used for 5 s by the wall clock are dropped before a call: a sandbox
    that slept between two invocations would otherwise write a request into a connection the
    network gave up long ago, and not know whether it arrived.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        sockets: httpcore.NetworkBackend | None = None,
    ) -> None:
        context = httpx.create_ssl_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_MAX_CONNECTIONS,
            max_keepalive_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=DeadlineBackend() if sockets is None else sockets,
        )
        self._clock = clock
        self._lock = threading.Lock()
        self._calls = 0
        self._last_used = clock()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Count one call from its request to the end of its answer."""
        with self._lock:
            if self._calls == 0 and self._clock() - self._last_used > _IDLE_SECONDS:
                self._pool.close()
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                self._last_used = self._clock()
