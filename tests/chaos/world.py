"""All that stands around the workers of one run: database, vendor, AWS, and time."""

import random
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.conninfo import conninfo_to_dict

from forecourt.errors import RetryableError
from forecourt.leads.wake_ups import DYNAMICS, EASYCARS
from forecourt.storage.lead_edits import PostgresLeadEdits
from local.dataverse_simulator import DataverseSimulator
from local.easycars_simulator import EasyCarsSimulator, Rules
from local.postgres import EmbeddedPostgres
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.aws_endpoint import AwsEndpoint
from tests.chaos.crm import Crm
from tests.chaos.dynamics_crm import Dynamics
from tests.chaos.easycars_crm import EasyCars
from tests.chaos.standard_queue import Habits, StandardQueue
from tests.chaos.workers import Worker, Workers
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, wake_up_body
from tests.support.postgres import PostgresForTests

_LATE = 40.0
"""Seconds the vendor may act later at most (`late_commit`)."""

_ROWS_OF = """
SELECT d.id, d.target FROM lead_delivery d JOIN lead l ON l.id = d.lead_id
WHERE l.external_id = %s ORDER BY d.id
"""

_OTHER_SESSIONS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class World:
    """One run's world; ``scene`` looks at and changes the database from outside.

    ``crm`` is the one that trouble is made for; ``crms`` are all that leads go to.
    """

    def __init__(
        self,
        scene: Scene,
        simulator: EasyCarsSimulator,
        crms: Sequence[Crm],
        aws: AwsEndpoint,
        workers: Workers,
        postgres: EmbeddedPostgres,
    ) -> None:
        self.scene = scene
        self.simulator = simulator
        self.crm = crms[0]
        self.crms = crms
        self.dynamics = next((crm for crm in crms if isinstance(crm, Dynamics)), None)
        self.aws = aws
        self.workers = workers
        self.postgres = postgres
        self.edits = PostgresLeadEdits(scene.database)
        self.passed = 0.0

    @property
    def queue(self) -> StandardQueue:
        """The leads queue, where what intake accepts arrives."""
        return self.aws.queues[EASYCARS]

    @property
    def messages(self) -> int:
        """How many messages there are on all queues."""
        return sum(len(queue) for queue in self.aws.queues.values())

    @property
    def buried(self) -> Sequence[str]:
        """Bodies of the dead letters of all queues."""
        dead = (body for queue in self.aws.queues.values() for body in queue.dead)
        return [*self.aws.buried, *dead]

    def next_visible_in(self) -> float | None:
        """Tell in how many seconds a message is visible; None where there is none."""
        waits = (queue.next_visible_in() for queue in self.aws.queues.values())
        return min((wait for wait in waits if wait is not None), default=None)

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
                "DYNAMICS_URL": "" if self.dynamics is None else self.dynamics.simulator.url,
            },
        )

    def edit_one(self, leads: AcceptedLeads, *, tell: bool, among: Sequence[str] = ()) -> bool:
        """Change a lead as a person does; with `tell` the wake-up gets onto the queue."""
        edited = leads.edit_one(self.edits, self._stored_version, among)
        if edited is None:
            return False
        if tell and not edited.spam:
            for row in self.rows(_ROWS_OF, edited.external_id):
                queue = self.aws.queues[row["target"]]
                queue.send(wake_up_body(edited.external_id, edited.dealership_id, row["id"]))
        return True

    def _stored_version(self, lead: str) -> int | None:
        found = self.rows("SELECT version FROM lead WHERE external_id = %s", lead)
        return found[0]["version"] if found else None

    def let_pass(self, seconds: float) -> None:
        """Let time pass for database, vendor and queue, and for no worker."""
        while seconds > 0:
            # What the vendor does late it has done before anybody looks for it.
            part = min(seconds, _LATE / 2) if self._commits_wait() else seconds
            self.again(lambda part=part: let_pass(self.scene.database, part))  # type: ignore[misc]
            for crm in self.crms:
                crm.simulator.let_time_pass(part)
            for queue in self.aws.queues.values():
                queue.let_pass(part)
            self.passed += part
            seconds -= part
            if self._commits_wait():
                time.sleep(0.05)

    def _commits_wait(self) -> bool:
        return any(crm.simulator.waiting_commits() for crm in self.crms)

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
            self.crm.hold_commits(connection)
            yield lambda: [row["pid"] for row in self.rows(self.crm.waiting)]

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
        self,
        chance: random.Random,
        habits: Habits,
        rules: Rules | None = None,
        *,
        target: str = EASYCARS,
    ) -> Iterator[World]:
        """Lend a world with no dealership in it; `rules` are EasyCars'."""
        with self._databases.migrated_database() as url, closing(Scene(url)) as scene:
            login = {
                "username": str(conninfo_to_dict(url)["user"]),
                "password": str(conninfo_to_dict(url)["password"]),
            }
            queues = {
                target: StandardQueue(random.Random(chance.random()), habits)
                for target in (EASYCARS, DYNAMICS)
            }
            with (
                EasyCarsSimulator(accounts=(), rules=rules) as simulator,
                AwsEndpoint(queues, scene.keys, login) as aws,
                ExitStack() as stack,
            ):
                easycars = EasyCars(simulator)
                crms: Sequence[Crm] = [easycars]
                if target == DYNAMICS:
                    crms = [
                        Dynamics(stack.enter_context(DataverseSimulator(accounts=())), easycars),
                        easycars,
                    ]
                yield World(scene, simulator, crms, aws, self._workers, self._postgres)


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
