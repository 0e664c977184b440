"""EasyCars is down for three hours while 5,000 leads come in: calls meanwhile, then the drain.

Real are the delivery with its breaker and its probing, the sweeper, the ledger in PostgreSQL and
the HTTP client; the vendor is the simulator in a process of its own. The queue is a list, and
hours are skipped: delivery and sweeper work as long as they need, and what is left of each second
passes at once.

    python -m benchmarks.drain [--leads 5000] [--latency 0.05]
"""

import argparse
import json
import logging
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.lead_delivery import (
    MIGRATIONS,
    VENDORS,
    OpenVault,
    Quiet,
    add_dealership,
    lead_body,
    new_delivery,
    vendor_process,
)
from benchmarks.server import open_database
from benchmarks.simulated_time import SimulatedTime, give_own_clock
from forecourt.easycars.client import EasyCarsClient
from forecourt.leads.delivery import LeadDelivery
from forecourt.leads.message import QueuedMessage
from forecourt.leads.slots import SLOTS
from forecourt.leads.sweep import TOP_UP_SECONDS, DeliverySweeper
from forecourt.leads.wake_ups import MOST_WOKEN_PER_DEALERSHIP, WakeUp
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import Environment
from forecourt.storage.postgres import Database
from forecourt.storage.schema import Schema, SchemaAction
from forecourt.storage.sweeps import PostgresSweeps
from local.easycars_simulator import default_accounts
from local.postgres import EmbeddedPostgres

OUTAGE_SECONDS = 3 * 3600.0
DEALERSHIPS = 10
_LARGEST_SHARE = 0.5
_SWEEPS_PER_BATCH = 2
_LONGEST_DRAIN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What was measured.

    Parameters
    ----------
    calls
        Requests that reached the vendor while it was down, those for tokens and probes included.
    seconds
        From the vendor's return until all leads but the doubtful are delivered.
    lone_seconds
        The same for the dealership that had one lead.
    doubtful, doubtful_seconds
        How many creates the vendor had answered with 503 instead of saying what became of them,
        and how long after its return the last of them was settled, by probing.
    latency_bound
        Leads times the vendor's latency over the ten slots of one handler.
    ration_bound
        What the largest dealership takes if it is woken as fast as one dealership may be.
    """

    leads: int
    calls: int
    seconds: float
    lone_seconds: float
    doubtful: int
    doubtful_seconds: float
    latency_bound: float
    ration_bound: float

    @property
    def bound(self) -> float:
        """Sooner nobody can be done."""
        return max(self.latency_bound, self.ration_bound)


class WakingQueue:
    """A leads queue that holds messages until they are taken."""

    def __init__(self) -> None:
        self._bodies: deque[str] = deque()

    def put(self, body: str) -> None:
        """Take a message in."""
        self._bodies.append(body)

    def take(self) -> Iterator[list[QueuedMessage]]:
        """Hand out what there is, ten at a time."""
        while self._bodies:
            slots = range(min(len(self._bodies), SLOTS))
            yield [
                QueuedMessage(message_id=str(slot), receipt_handle="-", body=self._bodies.popleft())
                for slot in slots
            ]

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Take those that are due; for the others the sweeper is the net."""
        for wake_up in wake_ups:
            if wake_up.delay == 0:
                self.put(
                    json.dumps(
                        {
                            "schema": 1,
                            "leadId": str(wake_up.external_id),
                            "dealershipId": wake_up.dealership_id,
                            "deliveryId": wake_up.delivery_id,
                        }
                    )
                )
        return ()

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        """Fail: nothing is poison."""
        raise AssertionError(code, detail, message.message_id)

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        """Fail: nothing comes back."""
        raise AssertionError(message.message_id, seconds)


class Vendor:
    """The simulator's control API."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, method: str, path: str, **fields: object) -> dict[str, Any]:
        """Send one request."""
        request = urllib.request.Request(  # noqa: S310 - our own process
            f"{self._address}/_control/{path}",
            method=method,
            data=json.dumps(fields).encode() if fields else None,
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            document: dict[str, Any] = json.loads(answer.read())
        return document

    def count_requests(self) -> int:
        """Say how many requests came in, whatever they asked for."""
        counts: Mapping[str, int] = self.ask("GET", "requests")["counts"]
        return sum(counts.values())


class Drill:
    """An outage, played with one delivery and one sweeper."""

    def __init__(
        self, database: Database, delivery: LeadDelivery, queue: WakingQueue, vendor: Vendor
    ) -> None:
        self._database = database
        self._delivery = delivery
        self._queue = queue
        self._time = SimulatedTime(database)
        self.vendor = vendor
        quiet = Quiet()
        self._sweeper = DeliverySweeper(
            ledger=PostgresSweeps(database), queue=queue, events=quiet, metrics=quiet
        )

    def take_in(self, bodies: Sequence[str], seconds: float) -> None:
        """Let leads come in evenly over so long, while the sweeper goes on."""
        arrivals = list(batched(bodies, SLOTS, strict=False))
        for arriving in arrivals:
            for body in arriving:
                self._queue.put(body)
            for _ in range(_SWEEPS_PER_BATCH):
                self._work(seconds / len(arrivals) / _SWEEPS_PER_BATCH)

    def drain(self, *states: str, dealership_id: int | None = None) -> float:
        """Work until no delivery is in one of the states; gives the seconds that took."""
        spent = 0.0
        while self.count(*states, dealership_id=dealership_id):
            spent += self._work(TOP_UP_SECONDS)
            assert spent < _LONGEST_DRAIN_SECONDS
        return spent

    def count(self, *states: str, dealership_id: int | None = None) -> int:
        """Count deliveries in one of the states, of all or of one dealership."""
        row = (
            self._database.connection()
            .execute(
                "SELECT count(*) FROM lead_delivery WHERE state = ANY(%s)"
                " AND (%s::integer IS NULL OR dealership_id = %s)",
                (list(states), dealership_id, dealership_id),
            )
            .fetchone()
        )
        assert row is not None
        return int(row[0])

    def _work(self, seconds: float) -> float:
        """Sweep once and deliver what is woken; skip what is left of so many seconds then."""
        started = time.perf_counter()
        self._sweeper.sweep_once()
        for messages in self._queue.take():
            assert self._delivery.deliver_batch(messages, worker="bench") == []
        worked = time.perf_counter() - started
        if worked < seconds:
            self._time.let_pass(seconds - worked)
        return max(worked, seconds)


@contextmanager
def _drill(latency: float) -> Iterator[tuple[Drill, list[int]]]:
    options = ("--accounts", str(DEALERSHIPS), "--vehicles", "1")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder)) as server,
        vendor_process(VENDORS["simulator"], latency, *options) as address,
    ):
        with open_database(server.url) as empty:
            give_own_clock(empty)
        Schema(lambda: psycopg.connect(server.url), MIGRATIONS).run(SchemaAction.UPGRADE)
        client = EasyCarsClient(
            dict.fromkeys(Environment, address),
            transport=WindowedTransport(),
            sleep=lambda _: None,  # pauses between tries of a read pass at once, too
        )
        dealerships = [add_dealership(server.url) for _ in range(DEALERSHIPS)]
        vault = OpenVault(dict(zip(dealerships, default_accounts(DEALERSHIPS), strict=True)))
        queue = WakingQueue()
        with open_database(server.url) as database:
            delivery = new_delivery(database, client, vault, queue)
            try:
                yield Drill(database, delivery, queue, Vendor(address)), dealerships
            finally:
                delivery.close()
                client.close()


def measure(*, leads: int = 5_000, latency: float = 0.05) -> Drained:
    """Play the outage; half of the leads are one dealership's, and another has a single one.

    Each dealership has had a lead delivered before, so that tokens are at hand and every trial
    sends a create.
    """
    with _drill(latency) as (drill, dealerships):
        largest, lone, *others = dealerships
        most = round(leads * _LARGEST_SHARE)
        rest = [others[number % len(others)] for number in range(leads - most - 1)]
        vendor = drill.vendor
        drill.take_in([lead_body(owner) for owner in dealerships], DEALERSHIPS)
        drill.drain("pending")
        vendor.ask("POST", "faults", fault="http_503", times=None)
        vendor.ask("DELETE", "requests")
        # The lone lead comes after all others: it has to overtake them.
        bodies = [lead_body(owner) for owner in [*[largest] * most, *rest, lone]]
        drill.take_in(bodies, OUTAGE_SECONDS)
        calls = vendor.count_requests()
        doubtful = drill.count("unconfirmed")
        vendor.ask("DELETE", "faults")
        lone_seconds = drill.drain("pending", dealership_id=lone)
        seconds = lone_seconds + drill.drain("pending")
        doubtful_seconds = seconds + drill.drain("pending", "unconfirmed")
        assert drill.count("delivered") == leads + DEALERSHIPS
        held = vendor.ask("GET", "leads")["leads"]
        assert len(held) == leads + DEALERSHIPS
    return Drained(
        leads=leads,
        calls=calls,
        seconds=seconds,
        lone_seconds=lone_seconds,
        doubtful=doubtful,
        doubtful_seconds=doubtful_seconds,
        latency_bound=leads * latency / SLOTS,
        ration_bound=most / MOST_WOKEN_PER_DEALERSHIP * TOP_UP_SECONDS,
    )


def main() -> None:
    """Print what the outage and the drain came to."""
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leads", type=int, default=5_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds of every answer")
    given = parser.parse_args()
    drained = measure(leads=given.leads, latency=given.latency)
    print(
        f"{drained.leads} leads came in during {OUTAGE_SECONDS / 3600:.0f} h without EasyCars:"
        f" {drained.calls} calls, {drained.calls / OUTAGE_SECONDS:.3f} a second\n"
        f"drained in {drained.seconds:.0f} s; {drained.leads} answers of"
        f" {given.latency * 1000:.0f} ms in {SLOTS} slots take {drained.latency_bound:.0f} s,"
        f" the largest dealership at {MOST_WOKEN_PER_DEALERSHIP} a second"
        f" {drained.ration_bound:.0f} s\n"
        f"the dealership with one lead waited {drained.lone_seconds:.0f} s of them\n"
        f"{drained.doubtful} creates of unknown outcome were settled after"
        f" {drained.doubtful_seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
