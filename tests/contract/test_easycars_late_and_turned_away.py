"""A change the vendor turned away with a status and acted upon all the same; and late writing."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date

import httpx
import pytest

from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.errors import AuthenticationError, OutcomeUnknownError, RetryableError
from forecourt.network.write_window import WindowedTransport, write_by
from tests.support.easycars import CREDENTIALS, LEAD, ScriptedVendor

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))


@pytest.mark.parametrize("status", [401, 403, 429])
@pytest.mark.parametrize("code", [0, 5, 9])
def test_a_refusal_whose_code_says_that_it_acted_is_of_unknown_outcome(
    status: int, code: int
) -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", httpx.Response(status, json={"Code": code, "LeadNumber": "000012"}))

    with pytest.raises(OutcomeUnknownError) as failure:
        vendor.client.create_lead(CREDENTIALS, CREATE)

    assert failure.value.code == f"HTTP_{status}"
    assert vendor.operations() == ["RequestToken", "CreateLead"]


@pytest.mark.parametrize("code", [1, 7])
def test_a_refusal_whose_code_agrees_stays_one(code: int) -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", *(httpx.Response(401, json={"Code": code}) for _ in range(2)))
    with pytest.raises(AuthenticationError):
        vendor.client.create_lead(CREDENTIALS, CREATE)

    vendor.will("CreateLead", httpx.Response(429, json={"Code": code}))
    with pytest.raises(RetryableError):
        vendor.client.create_lead(CREDENTIALS, CREATE)


@pytest.mark.parametrize("number", ["00\0041", "41\n"])
def test_a_number_that_is_no_plain_text_is_of_unknown_outcome(number: str) -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"LeadNumber": number, "CustomerNo": "1", "Code": 0})
    sink = EasyCarsLeadSink(vendor.client)

    with pytest.raises(OutcomeUnknownError) as failure:
        sink.send(sink.prepare(LEAD, None), CREDENTIALS, write_by=time.time() + 45, seconds=20)

    assert failure.value.code == "UNUSABLE_LEAD_NUMBER"


class Listener:
    """Takes one connection, keeps what is written to it and answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.received = b""
        self._thread = threading.Thread(target=self._take)
        self._thread.start()

    def _take(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            while piece := connection.recv(65_536):
                self.received += piece

    def end(self) -> bytes:
        self._thread.join(5)
        self._socket.close()
        return self.received


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.end()


def frozen_after(looks: int) -> Callable[[], float]:
    """A wall clock of a sandbox that is frozen for an hour after so many looks at it."""
    seen = 0

    def clock() -> float:
        nonlocal seen
        seen += 1
        return 1000.0 if seen <= looks else 4600.0

    return clock


def post(listener: Listener, looks: int) -> None:
    # One look is taken when the transport is made.
    with (
        httpx.Client(transport=WindowedTransport(clock=frozen_after(1 + looks))) as client,
        write_by(1040.0),
    ):
        client.post(listener.url, content=b'{"ExternalID": "1"}', timeout=2.0)


def test_a_sandbox_frozen_while_it_connects_writes_nothing(listener: Listener) -> None:
    with pytest.raises(httpx.ConnectTimeout):
        post(listener, looks=1)

    assert listener.end() == b""


def test_a_sandbox_frozen_within_the_request_does_not_finish_it(listener: Listener) -> None:
    with pytest.raises(httpx.WriteTimeout):
        post(listener, looks=2)

    assert b"ExternalID" not in listener.end()
