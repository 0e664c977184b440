"""Against real sockets: the deadline is for the whole answer, and what was cut is unknown."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.errors import ForecourtError, OutcomeUnknownError, RetryableError
from forecourt.network.transport import DeadlineTransport
from forecourt.security.credentials import Environment
from tests.support.easycars import CREDENTIALS, LEAD, jwt

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))
TOKEN = f'{{"Token":"{jwt(1)}","Code":0}}'.encode()
CREATED = b'{"LeadNumber":"000017","CustomerNo":"00004","Code":0}'

type Act = Callable[[socket.socket], None]


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def answer(body: bytes) -> Act:
    return lambda connection: connection.sendall(ok(body))


def drip(text: bytes) -> Act:
    def act(connection: socket.socket) -> None:
        for index in range(len(text)):
            connection.sendall(text[index : index + 1])
            time.sleep(0.05)

    return act


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def cut(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    connection.shutdown(socket.SHUT_RDWR)


class Vendor:
    """A socket that acts on each request; ``connections`` counts how often it was called up."""

    def __init__(self, operation: Act) -> None:
        self.connections = 0
        self._operation = operation
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.drop_all()
        for thread in self._threads:
            thread.join()

    def drop_all(self) -> None:
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while head := self._request(connection):
                    if b"RequestToken" in head:
                        connection.sendall(ok(TOKEN))
                    else:
                        self._operation(connection)
            except OSError:
                return

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65_536)
            if not chunk:
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += connection.recv(65_536)
        return head


@contextmanager
def vendor_that(operation: Act) -> Iterator[tuple[Vendor, EasyCarsClient]]:
    vendor = Vendor(operation)
    client = EasyCarsClient({Environment.TEST: vendor.url})
    try:
        yield vendor, client
    finally:
        client.close()
        vendor.stop()


def failing_create(act: Act, seconds: float) -> tuple[ForecourtError, float]:
    with vendor_that(act) as (_, client):
        started = time.monotonic()
        with pytest.raises(ForecourtError) as failure:
            client.create_lead(CREDENTIALS, CREATE, deadline=started + seconds)
        return failure.value, time.monotonic() - started


@pytest.mark.parametrize(
    "act",
    [
        drip(b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 100),
        drip(ok(b" " * 10_000)),
        hang,
    ],
    ids=["dripping headers", "dripping body", "silence"],
)
def test_no_answer_outlasts_the_deadline(act: Act) -> None:
    error, seconds = failing_create(act, 0.6)

    assert type(error) is OutcomeUnknownError
    assert error.code == "TIMEOUT"
    assert seconds < 1.2


def test_a_stock_feed_that_drips_ends_with_its_deadline() -> None:
    with vendor_that(drip(ok(b'{"StockList":[' + b" " * 10_000))) as (_, client):
        started = time.monotonic()
        with pytest.raises(RetryableError, match="TIMEOUT"):
            client.fetch_stock(CREDENTIALS, deadline=started + 0.6)

        assert time.monotonic() - started < 1.2


def test_a_cut_answer_leaves_a_create_unknown() -> None:
    error, _ = failing_create(cut, 5)

    assert type(error) is OutcomeUnknownError
    assert error.code == "CONNECTION_CUT"


def test_a_port_nobody_listens_on_leaves_a_create_not_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = EasyCarsClient({Environment.TEST: f"http://127.0.0.1:{port}"}, sleep=lambda _: None)

    with pytest.raises(RetryableError, match="CONNECT_FAILED"):
        client.create_lead(CREDENTIALS, CREATE)
    client.close()


def test_connections_are_kept() -> None:
    with vendor_that(answer(CREATED)) as (vendor, client):
        for _ in range(5):
            client.create_lead(CREDENTIALS, CREATE)

        assert vendor.connections == 1


def test_a_connection_that_slept_is_not_written_to() -> None:
    now = [1000.0]
    vendor = Vendor(answer(CREATED))
    transport = DeadlineTransport(clock=lambda: now[0])
    client = EasyCarsClient({Environment.TEST: vendor.url}, transport=transport)

    client.create_lead(CREDENTIALS, CREATE)
    now[0] += 60
    client.create_lead(CREDENTIALS, CREATE)

    assert vendor.connections == 2
    client.close()
    vendor.stop()


def test_a_connection_the_vendor_closed_meanwhile_costs_nothing() -> None:
    with vendor_that(answer(CREATED)) as (vendor, client):
        client.create_lead(CREDENTIALS, CREATE)
        vendor.drop_all()
        time.sleep(0.1)

        assert client.create_lead(CREDENTIALS, CREATE).lead_number == "000017"
