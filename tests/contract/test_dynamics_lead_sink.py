"""The port into Dynamics over real sockets: by key or by id, on time or not at all."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.lead_sink import WRITE_WITHIN_SECONDS, DynamicsLeadSink
from forecourt.errors import OutcomeUnknownError, PermanentError, RetryableError
from forecourt.leads.dynamics.sink import DynamicsPush, Standing
from forecourt.network.write_window import WindowedTransport
from forecourt.security.dynamics_connections import DynamicsConnection
from local.dataverse_simulator import DataverseSimulator
from tests.support.dataverse_connection import connection_to
from tests.support.easycars import LEAD


@pytest.fixture(scope="module")
def running() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: DataverseSimulator) -> Iterator[DataverseSimulator]:
    running.reset()
    yield running
    assert [(r.operation, r.reasons) for r in running.invalid_requests()] == []


@pytest.fixture
def connection(simulator: DataverseSimulator) -> DynamicsConnection:
    return connection_to(simulator.accounts()[0])


@pytest.fixture
def sink(simulator: DataverseSimulator) -> Iterator[DynamicsLeadSink]:
    with DynamicsClient(simulator.url) as client:
        yield DynamicsLeadSink(client)


def a_push(remote_id: UUID | None = None, **fields: object) -> DynamicsPush:
    return DynamicsPush(
        external_id=uuid4(),
        remote_id=remote_id,
        fields={"lastname": "Nguyen"} | fields,
        confirmed={},
        payload_hash="",
    )


def operations(simulator: DataverseSimulator) -> list[str]:
    return [record.operation for record in simulator.requests()]


NOTHING_KNOWN = Standing(remote_id=None, delivered_fields=None, payload_hash=None, attempts=1)


def test_a_lead_goes_from_the_tenants_table_to_a_record_and_on_to_an_update(
    simulator: DataverseSimulator, sink: DynamicsLeadSink, connection: DynamicsConnection
) -> None:
    known = replace(connection, metadata=sink.read_metadata(connection, seconds=10.0))
    first = sink.prepare(LEAD, known, NOTHING_KNOWN)
    created = sink.send(first, known, seconds=10.0)
    standing = Standing(
        remote_id=created.remote_id,
        delivered_fields=first.confirmed,
        payload_hash=first.payload_hash,
        attempts=2,
    )
    edited = sink.prepare(replace(LEAD, message="Sold already?"), known, standing)
    updated = sink.send(edited, known, seconds=10.0)

    assert (created.created, updated.created) == (True, False)
    assert created.remote_id == updated.remote_id
    (lead,) = simulator.leads()
    assert lead["values"]["hnt_forecourtid"] == str(LEAD.external_id)
    assert "Sold already?" in lead["values"]["description"]
    assert operations(simulator)[-2:] == ["UpsertLead", "UpdateLead"]


def test_how_long_it_took_is_told_in_milliseconds(
    simulator: DataverseSimulator, sink: DynamicsLeadSink, connection: DynamicsConnection
) -> None:
    simulator.add_fault("slow", operation="UpsertLead", seconds=0.2)

    receipt = sink.send(a_push(), connection, seconds=10.0)

    assert 200 <= receipt.execution_ms < 5000


@pytest.mark.parametrize(("kind", "is_update"), [("drip", False), ("hang", False), ("hang", True)])
def test_seconds_are_for_the_whole_answer(
    simulator: DataverseSimulator,
    sink: DynamicsLeadSink,
    connection: DynamicsConnection,
    kind: str,
    is_update: bool,
) -> None:
    lead_id = sink.send(a_push(), connection, seconds=10.0).remote_id
    simulator.add_fault(kind, operation="WriteLead", seconds=8.0, times=1)
    began = time.monotonic()

    with pytest.raises(OutcomeUnknownError if is_update else RetryableError) as failure:
        sink.send(a_push(lead_id if is_update else None), connection, seconds=0.5)

    assert failure.value.code == "TIMEOUT"
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize("kind", ["drip", "hang"])
def test_seconds_are_for_the_token_too(
    simulator: DataverseSimulator, sink: DynamicsLeadSink, connection: DynamicsConnection, kind: str
) -> None:
    simulator.add_fault(kind, operation="Token", seconds=8.0, times=1)
    began = time.monotonic()

    with pytest.raises(RetryableError) as failure:
        sink.send(a_push(), connection, seconds=0.5)

    assert failure.value.code == "TIMEOUT"
    assert time.monotonic() - began < 3.0
    assert "UpsertLead" not in operations(simulator)


class Standstill:
    """A clock for worker and sockets that jumps ahead once the worker has begun to send."""

    def __init__(self, seconds: float) -> None:
        self._jump = timedelta(seconds=seconds)
        self._asked = False

    def worker(self) -> datetime:
        begun, self._asked = self._asked, True
        return datetime.now(UTC) + (self._jump if begun else timedelta())

    def sockets(self) -> float:
        return (datetime.now(UTC) + self._jump).timestamp()


def send_after(
    seconds: float, simulator: DataverseSimulator, connection: DynamicsConnection
) -> Callable[[], object]:
    still = Standstill(seconds)
    transport = WindowedTransport(clock=still.sockets)
    client = DynamicsClient(simulator.url, transport=transport)
    sink = DynamicsLeadSink(client, clock=still.worker)

    def send() -> object:
        with client:
            return sink.send(a_push(), connection, seconds=10.0)

    return send


def test_a_worker_that_stood_still_sends_nothing(
    simulator: DataverseSimulator, connection: DynamicsConnection
) -> None:
    send = send_after(WRITE_WITHIN_SECONDS + 1.0, simulator, connection)

    with pytest.raises(RetryableError) as failure:
        send()

    assert failure.value.code == "WRITE_WINDOW_CLOSED"
    assert operations(simulator) == []


def test_a_worker_that_stood_still_for_a_moment_sends(
    simulator: DataverseSimulator, connection: DynamicsConnection
) -> None:
    send_after(WRITE_WITHIN_SECONDS - 5.0, simulator, connection)()

    assert operations(simulator) == ["Token", "UpsertLead"]


def test_connections_are_kept_from_call_to_call(
    simulator: DataverseSimulator, sink: DynamicsLeadSink, connection: DynamicsConnection
) -> None:
    began = time.monotonic()

    for _ in range(20):
        sink.send(a_push(), connection, seconds=10.0)

    assert operations(simulator).count("Token") == 1
    assert time.monotonic() - began < 5.0


def test_what_a_tenant_refuses_is_parked(
    simulator: DataverseSimulator, sink: DynamicsLeadSink, connection: DynamicsConnection
) -> None:
    for fields, code in (
        ({"hnt_source": 3}, "OPTION_REFUSED"),
        ({"subject": "x" * 301}, "TEXT_TOO_LONG"),
        ({"hnt_nothing": "x"}, "COLUMN_UNKNOWN"),
        ({"hnt_finalscore": 101}, "REQUEST_REFUSED"),
    ):
        with pytest.raises(PermanentError) as failure:
            sink.send(a_push(**fields), connection, seconds=10.0)

        assert failure.value.code == code
        assert next(iter(fields)) in failure.value.detail
    simulator.clear_requests()
