"""5,000 leads are pushed to Dynamics at once: its answers of 429, and the time against its limits.

Real are five workers with their threads, the sweeper, ledger and budget in PostgreSQL, the client
with its tokens, and the simulator with the limits of one application user (6,000 requests, 1,200 s
of execution in 300 s, 52 at once). The queue is a list, and time is simulated: it stands while
Forecourt and PostgreSQL work and passes while Dynamics executes or everybody waits.

    python -m benchmarks.dynamics_push [--leads 5000] [--execution 0.2]
"""

import argparse
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import batched
from math import ceil, floor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from pydantic import SecretStr

from benchmarks.lead_delivery import MIGRATIONS, Quiet, lead_body
from benchmarks.server import open_database
from benchmarks.standing_dataverse import OneKey, StandingDataverse, StandingQueue
from benchmarks.standing_time import StandingTime, give_standing_clock
from forecourt.admin.audit import Actor
from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.lead_sink import DynamicsLeadSink
from forecourt.leads.dynamics.delivery import DynamicsDelivery
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsReceipt
from forecourt.leads.message import LeadMessage, parse_message
from forecourt.leads.slots import SLOTS
from forecourt.leads.sweep import DeliverySweeper
from forecourt.leads.wake_ups import DYNAMICS
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.security.dynamics_records import DynamicsChanges
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.dynamics_budget import PostgresBudget
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.dynamics_ledger import PostgresDynamicsLedger
from forecourt.storage.dynamics_pushes import PostgresDynamicsPushes
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.postgres import Database
from forecourt.storage.schema import Schema, SchemaAction
from forecourt.storage.sweeps import PostgresSweeps
from local.dataverse_simulator import Limits
from local.postgres import EmbeddedPostgres

WORKERS = 5
"""What the event source of ``dynamics_delivery`` runs at once."""
LEADS_PER_REQUEST = 500
_SWEEP_SECONDS = 60.0
_FIRST_SWEEP_SECONDS = 30.0
_INVOCATION_SECONDS = 120.0
_TOO_MANY_REQUESTS = 429
_ACTOR = Actor(name="bench", kind="Admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What was measured.

    Parameters
    ----------
    seconds
        Simulated, from the push until all leads are there.
    bound
        What the limits alone allow for as many requests.
    refusals
        Answers of 429.
    work_seconds
        What it took this machine, all workers and the simulator together.
    """

    leads: int
    seconds: float
    bound: float
    refusals: int
    work_seconds: float


def bound_of(requests: int, execution_seconds: float, limits: Limits) -> float:
    """Say how long so many requests take at least within the limits."""
    per_window = min(limits.requests, floor(limits.execution_seconds / execution_seconds))
    full_windows = ceil(requests / per_window) - 1
    rest = requests - full_windows * per_window
    return full_windows * limits.window + ceil(rest / limits.concurrent) * execution_seconds


class _TimedSink(DynamicsLeadSink):
    """The sink with a stopwatch of simulated time."""

    def __init__(self, client: DynamicsClient, standing: StandingTime) -> None:
        super().__init__(client)
        self._standing = standing

    def send(
        self, push: DynamicsPush, connection: DynamicsConnection, *, seconds: float
    ) -> DynamicsReceipt:
        """Send a push and say how long Dynamics took."""
        began = self._standing.now()
        receipt = super().send(push, connection, seconds=seconds)
        return replace(receipt, execution_ms=ceil((self._standing.now() - began) * 1000))


class _Drill:
    """Workers and a sweeper over one database; threads, as in the cloud sandboxes."""

    def __init__(self, url: str, databases: ExitStack, execution_seconds: float) -> None:
        self._url = url
        self._databases = databases
        self.standing = StandingTime(self._open())
        self.dataverse = StandingDataverse(self.standing, execution_seconds)
        self._queue = StandingQueue(self.standing)
        self._outside = self._open()
        self._is_over = False
        self._errors: list[BaseException] = []

    def connect(self) -> int:
        """Add a dealership with a connection to Dynamics."""
        row = self._outside.connection().execute(
            "INSERT INTO dealership (name) VALUES ('Bayside Autos') RETURNING id"
        ).fetchone()  # fmt: skip
        assert row is not None
        dealership_id = int(row[0])
        account = self.dataverse.account
        changes = DynamicsChanges(
            values={
                "environment_url": account.environment_url,
                "tenant_id": account.tenant_id,
                "client_id": account.client_id,
            },
            client_secret=SecretStr(account.client_secret),
        )
        DynamicsVault(self._outside, OneKey()).save(dealership_id, changes, actor=_ACTOR)
        return dealership_id

    def store(self, dealership_id: int, leads: int) -> list[UUID]:
        """Store leads as ``lead_delivery`` does."""
        stored: list[UUID] = []
        for numbers in batched(range(leads), SLOTS, strict=False):
            messages = [parse_message(lead_body(dealership_id)) for _ in numbers]
            accepted = [message for message in messages if isinstance(message, LeadMessage)]
            PostgresLedger(self._outside).accept(accepted)
            stored.extend(message.lead_id for message in accepted)
        return stored

    def push(self, leads: Sequence[UUID]) -> None:
        """Ask for all of them as the admin API does, and work until none is left."""
        pushes = PostgresDynamicsPushes(self._outside)
        for part in batched(leads, LEADS_PER_REQUEST, strict=False):
            pushed = pushes.push(part, None, uuid4(), actor=_ACTOR)
            self._queue.send_wake_ups(pushed.wake_ups)
        threads = [threading.Thread(target=self._guard, args=(self._work,)) for _ in range(WORKERS)]
        threads.append(threading.Thread(target=self._guard, args=(self._sweep,)))
        for thread in threads:
            thread.start()
        self.standing.run_until(lambda: bool(self._errors) or not self._count_left())
        self._is_over = True
        while any(thread.is_alive() for thread in threads):
            self._queue.wake_all()
            self.standing.wake_all()
            time.sleep(0.01)
        if self._errors:
            raise self._errors[0]
        self._is_over = False

    def _count_left(self) -> int:
        row = self._outside.connection().execute(
            "SELECT count(*) FROM lead_delivery WHERE state <> 'delivered'"
        ).fetchone()  # fmt: skip
        assert row is not None
        return int(row[0])

    def _work(self) -> None:
        """Be one sandbox: batch after batch with the same connections."""
        watch, quiet = self.standing.watch, Quiet()
        database = self._open()
        client = DynamicsClient("http://127.0.0.1:1", transport=self.dataverse)
        delivery = DynamicsDelivery(
            ledger=watch(PostgresDynamicsLedger(database)),
            queue=self._queue,
            sink=_TimedSink(client, self.standing),
            vault=watch(DynamicsVault(database, OneKey())),
            budget=watch(PostgresBudget(database)),
            breaker=watch(PostgresBreaker(database, DYNAMICS)),
            alerts=quiet,
            metrics=quiet,
            clock=self.standing.now,
            sleep=self.standing.sleep,
        )
        while not self._is_over:
            messages = self._queue.receive()
            if messages:
                began = self.standing.now()
                failures = delivery.deliver_batch(
                    messages,
                    worker="bench",
                    seconds_left=lambda at=began: (  # type: ignore[misc]
                        _INVOCATION_SECONDS - (self.standing.now() - at)
                    ),
                )
                assert failures == []
        delivery.close()
        client.close()

    def _sweep(self) -> None:
        """Sweep every minute."""
        quiet = Quiet()
        sweeper = DeliverySweeper(
            ledger=self.standing.watch(PostgresSweeps(self._open())),
            queue=self._queue,
            events=quiet,
            metrics=quiet,
            clock=self.standing.now,
            sleep=self.standing.sleep,
        )
        self.standing.sleep(_FIRST_SWEEP_SECONDS)
        while not self._is_over:
            began = self.standing.now()
            sweeper.run()
            self.standing.sleep(max(_SWEEP_SECONDS - (self.standing.now() - began), 0.0))

    def _guard(self, act: Any) -> None:  # noqa: ANN401 - a method without arguments
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - raised again where it is seen
            self._errors.append(error)

    def _open(self) -> Database:
        return self._databases.enter_context(open_database(self._url))


@contextmanager
def _drill(execution_seconds: float) -> Iterator[_Drill]:
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder), durable=False) as server,
        ExitStack() as databases,
    ):
        with open_database(server.url) as empty:
            give_standing_clock(empty)
        Schema(lambda: psycopg.connect(server.url), MIGRATIONS).run(SchemaAction.UPGRADE)
        yield _Drill(server.url, databases, execution_seconds)


def measure(*, leads: int = 5_000, execution_seconds: float = 0.2) -> Pushed:
    """Push leads of one dealership, which has had one delivered before: its table is known."""
    with _drill(execution_seconds) as drill:
        dealership_id = drill.connect()
        drill.push(drill.store(dealership_id, 1))
        stored = drill.store(dealership_id, leads)
        drill.dataverse.log.clear()
        began, worked = drill.standing.now(), time.perf_counter()
        drill.push(stored)
        records = drill.dataverse.log.records("UpsertLead")
        return Pushed(
            leads=leads,
            seconds=drill.standing.now() - began,
            bound=bound_of(leads, execution_seconds, drill.dataverse.limits),
            refusals=sum(record.status == _TOO_MANY_REQUESTS for record in records),
            work_seconds=time.perf_counter() - worked,
        )


def main() -> None:
    """Print what the push came to."""
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--execution", type=float, default=0.2, help="seconds Dynamics executes")
    given = parser.parse_args()
    pushed = measure(leads=given.leads, execution_seconds=given.execution)
    print(
        f"{pushed.leads} leads of {given.execution} s: {pushed.refusals} answers of 429;"
        f" {pushed.seconds:.1f} s of simulated time, the limits allow {pushed.bound:.1f} s:"
        f" {pushed.seconds / pushed.bound:.2f}x\n"
        f"our own work, side by side with the simulator's, took {pushed.work_seconds:.0f} s more"
    )


if __name__ == "__main__":
    main()
