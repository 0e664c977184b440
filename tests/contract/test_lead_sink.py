"""The sink over the real client: the write window, and numbers nobody could use."""

import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.errors import AuthenticationError, OutcomeUnknownError, RetryableError
from forecourt.leads.sink import WRITE_WINDOW_CLOSED, Operation
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import EasyCarsCredentials, Environment
from local.easycars_simulator import EasyCarsSimulator, Fault, default_accounts
from tests.support.easycars import CREDENTIALS, LEAD, ScriptedVendor

WRITE_BY = 45.0
CONNECT = 5.0


class Clock:
    """A wall clock that is where it is told to be."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(1, vehicles=1)) as simulator:
        yield simulator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sink(simulator: EasyCarsSimulator, clock: Clock) -> Iterator[EasyCarsLeadSink]:
    urls = dict.fromkeys(Environment, simulator.url)
    transport = WindowedTransport(clock=clock)
    with EasyCarsClient(urls, transport=transport, sleep=lambda _: None) as client:
        yield EasyCarsLeadSink(client, clock=clock)


def credentials_of(simulator: EasyCarsSimulator) -> EasyCarsCredentials:
    (account,) = simulator.accounts()
    return EasyCarsCredentials(
        credential_id=1,
        dealership_id=1,
        environment=Environment.TEST,
        client_id=SecretStr(account.client_id),
        client_secret=SecretStr(account.client_secret),
        account_number=SecretStr(account.account_number),
        account_secret=SecretStr(account.account_secret),
    )


def test_a_create_within_the_window_is_sent(
    simulator: EasyCarsSimulator, sink: EasyCarsLeadSink, clock: Clock
) -> None:
    push = sink.prepare(LEAD, None)

    receipt = sink.send(push, credentials_of(simulator), write_by=clock.now + WRITE_BY, seconds=20)

    (lead,) = simulator.leads()
    assert receipt.lead_number == lead["leadNumber"]
    assert lead["fields"]["ExternalID"] == str(LEAD.external_id)
    assert simulator.invalid_requests() == []


@pytest.mark.parametrize("late", [0.1 - CONNECT, 1.0, 3600.0])
def test_after_the_window_nothing_is_written(
    simulator: EasyCarsSimulator, sink: EasyCarsLeadSink, clock: Clock, late: float
) -> None:
    push = sink.prepare(LEAD, None)

    with pytest.raises(RetryableError) as caught:
        sink.send(push, credentials_of(simulator), write_by=clock.now - late, seconds=20)

    assert caught.value.code == WRITE_WINDOW_CLOSED
    assert simulator.requests() == []


def test_a_sandbox_that_froze_while_it_got_a_token_does_not_send(
    simulator: EasyCarsSimulator, clock: Clock
) -> None:
    class FreezesAfterToken(WindowedTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.url.path.endswith("RequestToken"):
                clock.now += 60
            return answer

    urls = dict.fromkeys(Environment, simulator.url)
    transport = FreezesAfterToken(clock=clock)
    with EasyCarsClient(urls, transport=transport, sleep=lambda _: None) as client:
        sink = EasyCarsLeadSink(client, clock=clock)
        push = sink.prepare(LEAD, None)
        with pytest.raises(RetryableError) as caught:
            sink.send(push, credentials_of(simulator), write_by=clock.now + WRITE_BY, seconds=20)

    assert caught.value.code == WRITE_WINDOW_CLOSED
    assert {record.operation for record in simulator.requests()} == {"RequestToken"}


def test_a_vendor_that_cannot_be_reached_is_no_closed_window(clock: Clock) -> None:
    urls = dict.fromkeys(Environment, "http://127.0.0.1:9")
    with EasyCarsClient(urls, transport=WindowedTransport(clock=clock)) as client:
        sink = EasyCarsLeadSink(client, clock=clock)
        with pytest.raises(RetryableError) as caught:
            sink.send(
                sink.prepare(LEAD, None), CREDENTIALS, write_by=clock.now + WRITE_BY, seconds=20
            )

    assert caught.value.code == "CONNECT_FAILED"


def test_a_number_no_later_call_could_carry_is_an_unknown_outcome() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"LeadNumber": "9" * 21, "CustomerNo": "1", "Code": 0})
    sink = EasyCarsLeadSink(vendor.client)

    with pytest.raises(OutcomeUnknownError) as caught:
        sink.send(sink.prepare(LEAD, None), CREDENTIALS, write_by=time.time() + 45, seconds=20)

    assert caught.value.code == "UNUSABLE_LEAD_NUMBER"


def test_refused_credentials_stay_what_they_are(
    simulator: EasyCarsSimulator, sink: EasyCarsLeadSink, clock: Clock
) -> None:
    simulator.put_fault(Fault(kind="code", code=1, operation="CreateLead", times=2))

    with pytest.raises(AuthenticationError):
        sink.send(
            sink.prepare(LEAD, None),
            credentials_of(simulator),
            write_by=clock.now + WRITE_BY,
            seconds=20,
        )


def test_what_may_be_logged_holds_nothing_a_person_wrote() -> None:
    push = EasyCarsLeadSink(ScriptedVendor().client).prepare(LEAD, None)

    assert push.operation is Operation.CREATE
    assert push.loggable["LeadCustomer"] == "[redacted]"
    assert push.loggable["Notes"] == "[redacted]"
    assert push.loggable["VehicleMake"] == "Volvo"
    assert set(push.loggable) == set(push.fields)
