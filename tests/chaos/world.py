"""All that stands around the workers of one run: database, vendor, AWS, and time."""

import random
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from forecourt.errors import RetryableError
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.lead_edits import PostgresLeadEdits
from local.easycars_simulator import Account, EasyCarsSimulator, Rules
from local.postgres import EmbeddedPostgres
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.aws_endpoint import AwsEndpoint
from tests.chaos.standard_queue import Habits, StandardQueue
from tests.chaos.workers import Worker, Workers
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR, Scene, secrets_of, wake_up_body
from tests.support.postgres import PostgresForTests

_LATE = 40.0
"""Seconds the vendor may act later at most (`late_commit`)."""

_OTHER_SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

_WAITING_FOR_LOG = """
SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE c.relname = 'easycars_sync_logs' AND NOT l.granted
"""


class World:
    """One run's world; ``scene`` looks at and changes the database from outside."""

    def __init__(
        self,
        scene: Scene,
        simulator: EasyCarsSimulator,
        aws: AwsEndpoint,
        workers: Workers,
        postgres: EmbeddedPostgres,
    ) -> None:
        self.scene = scene
        self.simulator = simulator
        self.aws = aws
        self.workers = workers
        self.postgres = postgres
        self.edits = PostgresLeadEdits(scene.database)
        self.passed = 0.0

    @property
    def queue(self) -> StandardQueue:
        return self.aws.queue

    def open_worker(self, function: str = "lead_delivery") -> Worker:
        """Start a worker with what its function finds in its environment."""
        parts = conninfo_to_dict(self.scene.url)
        return self.workers.open(
            function,
            self.aws.environment()
            | {
                "DATABASE_HOST": str(parts["host"]),
                "DATABASE_PORT": str(parts["port"]),
                "DATABASE_NAME": str(parts["dbname"]),
                "DATABASE_SSLMODE": "disable",
                "EASYCARS_TEST_URL": self.simulator.url,
                "EASYCARS_PRODUCTION_URL": self.simulator.url,
            },
        )

    def add_dealership(self, account: str, client: str) -> int:
        """Add a dealership that uses an account as one of its clients; several may use one."""
        secrets = client_secrets(account, client)
        self.simulator.add_account(
            Account(
                client_id=secrets.client_id.get_secret_value(),
                client_secret=secrets.client_secret.get_secret_value(),
                account_number=account,
                account_secret=secrets.account_secret.get_secret_value(),
                name=f"Dealer {account}",
                vehicles=0,
            )
        )
        dealership_id = self.scene.add_dealership(connected=False)
        self.scene.credentials.save(dealership_id, secrets, Environment.TEST, None, actor=ACTOR)
        return dealership_id

    def edit_one(self, leads: AcceptedLeads, *, tell: bool, among: Sequence[str] = ()) -> bool:
        """Change a lead as a person does; with `tell` the wake-up gets onto the queue."""
        edited = leads.edit_one(self.edits, self._stored_version, among)
        if edited is None:
            return False
        if tell and not edited.spam:
            (row,) = self.rows(
                "SELECT d.id FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
                " WHERE l.external_id = %s",
                edited.external_id,
            )
            self.queue.send(wake_up_body(edited.external_id, edited.dealership_id, row["id"]))
        return True

    def _stored_version(self, lead: str) -> int | None:
        found = self.rows("SELECT version FROM lead WHERE external_id = %s", lead)
        return found[0]["version"] if found else None

    def let_pass(self, seconds: float) -> None:
        """Let time pass for database, vendor and queue, and for no worker."""
        while seconds > 0:
            # What the vendor does late it has done before anybody looks for it.
            part = min(seconds, _LATE / 2) if self.simulator.waiting_commits() else seconds
            self.again(lambda part=part: let_pass(self.scene.database, part))  # type: ignore[misc]
            self.simulator.let_time_pass(part)
            self.queue.let_pass(part)
            self.passed += part
            seconds -= part
            if self.simulator.waiting_commits():
                time.sleep(0.05)

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Ask the database from outside."""
        return self.again(lambda: self.scene.rows(statement, *values))

    def again[T](self, act: Callable[[], T]) -> T:
        """Do something in the database, until the database is there to do it."""
        for _ in range(40):
            try:
                return act()
            except RetryableError:
                time.sleep(0.1)
        return act()

    def crash_database(self) -> None:
        """End PostgreSQL at once, as a crash does, and start it again."""
        postmaster = psutil.Process(self.rows("SELECT pg_backend_pid() AS pid")[0]["pid"]).parent()
        assert postmaster is not None
        postmaster.send_signal(signal.SIGQUIT)
        self.postgres.stop()
        self.postgres.start()

    def cut_connections(self) -> int:
        """End the sessions of everyone else."""
        return self._end(row["pid"] for row in self.rows(_OTHER_SESSIONS))

    @contextmanager
    def held_commits(self) -> Iterator[Callable[[], Sequence[int]]]:
        """Let outcomes wait for a lock; gives what lists the sessions that wait."""
        with self.scene.elsewhere() as other, other.database.transaction() as connection:
            connection.execute("LOCK TABLE easycars_sync_logs IN SHARE MODE")
            yield lambda: [row["pid"] for row in self.rows(_WAITING_FOR_LOG)]

    def end_sessions(self, pids: Sequence[int]) -> int:
        """End some sessions."""
        return self._end(iter(pids))

    def _end(self, pids: Iterator[int]) -> int:
        return sum(
            self.rows("SELECT pg_terminate_backend(%s) AS ended", pid)[0]["ended"] for pid in pids
        )


class Harness:
    """What runs share: the PostgreSQL server and the fork server; each run has its own database."""

    def __init__(self, postgres: EmbeddedPostgres, workers: Workers) -> None:
        self._postgres = postgres
        self._databases = PostgresForTests(postgres)
        self._workers = workers
        # A crash may take what no commit waited for, and nothing else.
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = on")

    @contextmanager
    def world(
        self, chance: random.Random, habits: Habits, rules: Rules | None = None
    ) -> Iterator[World]:
        """Lend a world with no dealership in it; `rules` are the vendor's."""
        with self._databases.migrated_database() as url, closing(Scene(url)) as scene:
            login = {
                "username": str(conninfo_to_dict(url)["user"]),
                "password": str(conninfo_to_dict(url)["password"]),
            }
            queue = StandardQueue(random.Random(chance.random()), habits)
            with (
                EasyCarsSimulator(accounts=(), rules=rules) as simulator,
                AwsEndpoint(queue, scene.keys, login) as aws,
            ):
                yield World(scene, simulator, aws, self._workers, self._postgres)


def client_secrets(account: str, client: str) -> CredentialSecrets:
    """Make up the credentials of one client of an account."""
    return replace(
        secrets_of(account),
        client_id=SecretStr(f"{client}-of-{account}"),
        client_secret=SecretStr(f"planted-client-secret-{client}-{account}"),
    )


@contextmanager
def chaos_harness(folder: Path) -> Iterator[Harness]:
    """Start what all runs share."""
    data = folder / "postgres"
    with (
        EmbeddedPostgres(data, durable=False, port=_free_port()) as postgres,
        Workers(folder) as workers,
    ):
        yield Harness(postgres, workers)


def _free_port() -> int:
    """Choose a port the server keeps over its crashes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
