"""The HTTP side: connections, bodies, and sending a reply the way it asks for."""

import contextlib
import logging
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from local.simulation.request_log import RequestLog, RequestRecord
from local.simulation.wire import Answer, Manner, RawRequest, Reply

_LOG = logging.getLogger("local.simulation")
MAX_BODY = 2_000_000
IDLE_SECONDS = 75.0
_DRIP_STEPS = 100
_LOOK_EVERY = 0.05
"""Seconds between looks whether a client that is kept waiting is still there."""
_CLOSING_GRACE = 5.0
_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

type OwnPages = Callable[[str, str, str, bytes], Answer | None]
"""Method, path, query and body to the answer of what is not the vendor's, or None."""


class Exchange(Protocol):
    """A vendor, as the server sees it."""

    log: RequestLog

    def reply(self, method: str, path: str, request: RawRequest) -> tuple[Reply, RequestRecord]:
        """Answer a request, with the record of it as it is in the log."""

    def finish(self, record: RequestRecord, seconds: float) -> None:
        """Write down how long a request took."""


class SimulatorServer(ThreadingHTTPServer):
    """Serves a vendor, a thread per connection, until :meth:`end`.

    Parameters
    ----------
    latency
        Gives the seconds every answer of the vendor takes at least.
    own_pages
        Answers the control API and the page for people.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(
        self,
        address: tuple[str, int],
        exchange: Exchange,
        *,
        latency: Callable[[], float],
        own_pages: OwnPages,
    ) -> None:
        super().__init__(address, _Handler)
        self.exchange = exchange
        self.latency = latency
        self.own_pages = own_pages
        self.ending = threading.Event()
        self._open_lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def opened(self, connection: socket.socket) -> None:
        """Note a connection, so that :meth:`end` can close it."""
        with self._open_lock:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Note that a connection is no more."""
        with self._open_lock:
            self._open.discard(connection)

    def end(self) -> None:
        """Stop listening and close every connection, whatever it waits for."""
        self.ending.set()
        self.shutdown()
        self.server_close()
        until = time.monotonic() + _CLOSING_GRACE
        while time.monotonic() < until:
            with self._open_lock:
                still_open = list(self._open)
            if not still_open:
                return
            for connection in still_open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.01)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - inherited
        """Pass over clients that went away; anything else is a defect of the simulator."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            _LOG.exception("the simulator failed at a request")


class _Handler(BaseHTTPRequestHandler):
    """Reads a request and sends its reply."""

    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    server_version = "VendorSimulator"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited
        """Print nothing: the target of a RequestToken holds a secret."""

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        try:
            body = self._body()
        except _UnfinishedRequestError:
            self.close_connection = True
            return
        except _RefusedBodyError as refusal:
            self.close_connection = True
            self._send(Answer(b"", status=refusal.status))
            return
        own = self.server.own_pages(self.command, path, query, body)
        if own is not None:
            self._send(own)
            return
        self.server.exchange.log.arrived()
        try:
            self._serve_vendor(path, query, body)
        finally:
            self.server.exchange.log.left()

    def _serve_vendor(self, path: str, query: str, body: bytes) -> None:
        started = time.monotonic()
        latency = self.server.latency()
        if latency and self.server.ending.wait(latency):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RawRequest(headers=headers, query=query, body=body)
        reply, record = self.server.exchange.reply(self.command, path, request)
        self._send_reply(reply)
        self.server.exchange.finish(record, time.monotonic() - started)

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise _RefusedBodyError(HTTPStatus.LENGTH_REQUIRED)
        given = self.headers.get("Content-Length", "0")
        if not given.isdecimal():
            raise _RefusedBodyError(HTTPStatus.BAD_REQUEST)
        if int(given) > MAX_BODY:
            raise _RefusedBodyError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(int(given))
        if len(body) < int(given):
            raise _UnfinishedRequestError
        return body

    def _send_reply(self, reply: Reply) -> None:
        if reply.wait and not self._waited(reply.wait):
            self.close_connection = True
            return
        match reply.manner:
            case Manner.WHOLE:
                self._send(reply.answer)
            case Manner.DRIP:
                self._drip(reply.answer, reply.spread)
            case Manner.HALF:
                self._send_head(reply.answer)
                self.wfile.write(reply.answer.body[: len(reply.answer.body) // 2])
                self.close_connection = True
            case Manner.NOTHING:
                self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self._send_head(answer)
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _send_head(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.status not in _WITHOUT_BODY:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def _drip(self, answer: Answer, spread: float) -> None:
        self._send_head(answer)
        size = max(1, -(-len(answer.body) // _DRIP_STEPS))
        pieces = [answer.body[at : at + size] for at in range(0, len(answer.body), size)]
        for piece in pieces:
            self.wfile.flush()
            if not self._waited(spread / len(pieces)):
                self.close_connection = True
                return
            self.wfile.write(piece)

    def _waited(self, seconds: float) -> bool:
        """Wait; False when the client went away or the server ends before the time is over."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.server.ending.wait(min(left, _LOOK_EVERY)) or self._client_is_gone():
                return False
        return True

    def _client_is_gone(self) -> bool:
        readable = select.poll()
        readable.register(self.connection, select.POLLIN)
        if not readable.poll(0):
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


for _method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
    setattr(_Handler, f"do_{_method}", _Handler.do_POST)


class _UnfinishedRequestError(Exception):
    """The client went away before it had sent all of its request, which thus is none."""


class _RefusedBodyError(Exception):
    """HTTP itself refuses the body."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status
