"""Deliveries per second of one handler with batches of ten, against a vendor of known latency.

The bound is ten slots over the vendor's latency: 200 a second at 50 ms. Everything is the real
thing but the queue, the credentials' key and the metrics: handler logic, ledger in PostgreSQL with
durable commits, HTTP client. What ten bare threads with ``http.client`` reach on the same machine
in the same run, storing nothing, says how much of the bound this machine gives anyone.

    python -m benchmarks.lead_delivery [--batches 60] [--latency 0.05]
"""

import argparse
import http.client
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.leads.announcements import AcceptedLead
from forecourt.leads.delivery import LeadDelivery
from forecourt.leads.message import QueuedMessage
from forecourt.leads.probing import Prober
from forecourt.leads.slots import SLOTS
from forecourt.leads.wake_ups import LeadQueue, WakeUp
from forecourt.network.write_window import WindowedTransport
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.postgres import Database
from forecourt.storage.probes import PostgresProbes
from forecourt.storage.schema import Schema, SchemaAction
from local.easycars_simulator import Account, default_accounts
from local.postgres import EmbeddedPostgres

MIGRATIONS = Path(__file__).parents[1] / "migrations"
WARM_UP_BATCHES = 5


class Queue:
    """Takes what a delivery without failures never sends."""

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Take none."""
        return wake_ups

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        """Fail: nothing is poison."""
        raise AssertionError(code, detail, message.message_id)

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        """Fail: nothing comes back."""
        raise AssertionError(message.message_id, seconds)


class Quiet:
    """Takes metrics, gauges, alerts and events."""

    def batch_finished(
        self, counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[int]]
    ) -> None:
        """Forget the numbers."""

    def publish_accepted(self, leads: Sequence[AcceptedLead]) -> Collection[UUID]:
        """Take all, so that noting it is measured too."""
        return [lead.external_id for lead in leads]

    def swept(self, gauges: Mapping[str, float]) -> None:
        """Forget the gauges."""

    def publish(self, subject: str, text: str) -> None:
        """Forget an alert; what went wrong shows in the ledger."""


class OpenVault:
    """A vault that keeps the accounts of dealerships in memory."""

    def __init__(self, accounts: Mapping[int, Account]) -> None:
        self._accounts = accounts

    def load(self, dealership_id: int) -> EasyCarsCredentials:
        """Give a dealership's account."""
        account = self._accounts[dealership_id]
        return EasyCarsCredentials(
            credential_id=dealership_id,
            dealership_id=dealership_id,
            environment=Environment.TEST,
            client_id=SecretStr(account.client_id),
            client_secret=SecretStr(account.client_secret),
            account_number=SecretStr(account.account_number),
            account_secret=SecretStr(account.account_secret),
        )


VENDORS = {"punctual vendor": "benchmarks.punctual_vendor", "simulator": "local.easycars_simulator"}


@contextmanager
def vendor_process(module: str, latency: float, *options: str) -> Iterator[str]:
    """Run a vendor in a process of its own; yields its address."""
    command = [sys.executable, "-m", module, "--latency", str(latency), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def add_dealership(url: str) -> int:
    """Add a dealership whose credentials row only says that there are some."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "INSERT INTO dealership (name) VALUES ('Bayside Autos') RETURNING id"
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO dealership_easycars_credentials (dealership_id, account_number_encrypted,"
            " account_secret_encrypted, encryption_iv, environment, data_key_encrypted)"
            " VALUES (%s, '-', '-', 'iv', 'Test', '-')",
            row,
        )
    return int(row[0])


def batch(dealership_id: int) -> list[QueuedMessage]:
    """Make ten messages about ten new leads of different customers."""
    return [
        QueuedMessage(message_id=str(slot), receipt_handle="-", body=lead_body(dealership_id))
        for slot in range(SLOTS)
    ]


def lead_body(dealership_id: int) -> str:
    """Write the message of a new lead, of a customer nobody knows."""
    lead = str(uuid4())
    body = {
        "schema": 1,
        "leadId": lead,
        "dealershipId": dealership_id,
        "receivedAt": "2026-11-20T22:15:00Z",
        "lead": {
            "name": "Zoë Nguyen",
            "email": f"{lead}@mail.example",
            "phone": f"04{int(lead[:8], 16) % 10**8:08d}",
            "message": "Is it still for sale? " * 10,
            "vehicleInterest": "TestDrive",
        },
    }
    return json.dumps(body)


def measure_bare_threads(batches: int, latency: float) -> float:
    """Return requests per second of ten threads that do nothing but ask and wait."""
    kept = threading.local()
    body = json.dumps({"ExternalID": str(uuid4()), "Notes": "Is it still for sale? " * 20}).encode()
    with (
        vendor_process(VENDORS["punctual vendor"], latency) as vendor,
        ThreadPoolExecutor(SLOTS) as threads,
    ):
        address = urlsplit(vendor).netloc

        def ask(_: int) -> None:
            if not hasattr(kept, "connection"):
                kept.connection = http.client.HTTPConnection(address)
            kept.connection.request("POST", "/LeadService/CreateLead", body)
            assert b"LeadNumber" in kept.connection.getresponse().read()

        list(threads.map(ask, range(SLOTS)))
        started = time.perf_counter()
        for _ in range(batches):
            list(threads.map(ask, range(SLOTS)))
        seconds = time.perf_counter() - started
        list(threads.map(lambda _: kept.connection.close(), range(SLOTS)))
    return SLOTS * batches / seconds


def new_delivery(
    database: Database, client: EasyCarsClient, vault: OpenVault, queue: LeadQueue
) -> LeadDelivery:
    """Put a delivery together as its function does, but for the queue, the key and the metrics."""
    quiet = Quiet()
    probe = EasyCarsLeadProbe(client)
    return LeadDelivery(
        ledger=PostgresLedger(database),
        queue=queue,
        elsewhere=queue,
        sink=EasyCarsLeadSink(client),
        vault=vault,
        breaker=PostgresBreaker(database),
        prober=Prober(ledger=PostgresProbes(database), probe=probe, vault=vault),
        alerts=quiet,
        events=quiet,
        metrics=quiet,
    )


def measure(*, batches: int, latency: float, vendor: str = "punctual vendor") -> float:
    """Return deliveries per second to one of :data:`VENDORS`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder)) as server,
        vendor_process(VENDORS[vendor], latency) as address,
    ):
        Schema(lambda: psycopg.connect(server.url), MIGRATIONS).run(SchemaAction.UPGRADE)
        parts = psycopg.conninfo.conninfo_to_dict(server.url)
        database = Database.from_settings(
            host=str(parts["host"]),
            port=int(str(parts["port"])),
            name=str(parts["dbname"]),
            username=str(parts["user"]),
            password=str(parts["password"]),
            sslmode="disable",
        )
        client = EasyCarsClient(
            dict.fromkeys(Environment, address),
            transport=WindowedTransport(),
        )
        dealership_id = add_dealership(server.url)
        vault = OpenVault({dealership_id: default_accounts(1)[0]})
        delivery = new_delivery(database, client, vault, Queue())
        work = [batch(dealership_id) for _ in range(batches + WARM_UP_BATCHES)]
        for messages in work[:WARM_UP_BATCHES]:
            assert delivery.deliver_batch(messages, worker="bench") == []
        started = time.perf_counter()
        for messages in work[WARM_UP_BATCHES:]:
            assert delivery.deliver_batch(messages, worker="bench") == []
        seconds = time.perf_counter() - started
        row = (
            database.connection()
            .execute("SELECT count(*) FROM lead_delivery WHERE state = 'delivered'")
            .fetchone()
        )
        assert row == (SLOTS * len(work),)
        delivery.close()
        client.close()
        database.close()
    return SLOTS * batches / seconds


def main() -> None:
    """Print deliveries per second and their share of the bound."""
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds of every answer")
    arguments = parser.parse_args()
    bound = SLOTS / arguments.latency
    bare = measure_bare_threads(arguments.batches, arguments.latency)
    print(
        f"one handler of {SLOTS}, answers in {arguments.latency * 1000:.0f} ms, bound {bound:.0f}/s"
    )
    print(f"  {'bare threads, nothing stored':30} {bare:4.0f}/s  {bare / bound:4.0%} of the bound")
    for name in VENDORS:
        rate = measure(batches=arguments.batches, latency=arguments.latency, vendor=name)
        print(
            f"  {f'deliveries, {name}':30} {rate:4.0f}/s  {rate / bound:4.0%} of the bound,"
            f" {rate / bare:4.0%} of bare threads"
        )


if __name__ == "__main__":
    main()
