"""Deliveries to Dynamics with a real ledger and vault, and a Dynamics that can be told."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from pydantic import SecretStr

from forecourt.errors import ForecourtError, PermanentError
from forecourt.leads.dynamics.delivery import DynamicsDelivery
from forecourt.leads.dynamics.sink import DynamicsPush, DynamicsReceipt, Standing
from forecourt.leads.lead import Lead
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.steps import OnStep, unwatched
from forecourt.security.dynamics_connections import DynamicsConnection
from forecourt.security.dynamics_records import DynamicsChanges
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.dynamics_budget import PostgresBudget
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.dynamics_ledger import PostgresDynamicsLedger
from tests.support.lead_delivery import ACTOR, MemoryQueue, Scene, queued, wake_up_body

ORGANISATION = "https://bayside.crm6.dynamics.com"
METADATA: Mapping[str, Any] = {"columns": {}, "keys": []}

_TIMES = {
    "dynamics_connection": ("hold_until", "updated_at", "metadata_read_at"),
    "circuit_breaker": ("open_until", "trial_until"),
    "dynamics_budget": ("closed_until",),
    "dynamics_budget_grant": ("ends_at",),
    "dynamics_budget_wait": ("until",),
}

type Answer = Exception | Callable[[DynamicsPush, Callable[[], DynamicsReceipt]], DynamicsReceipt]


def error(
    kind: type[ForecourtError], code: str, retry_after: float | None = None
) -> ForecourtError:
    """Make what a call to Dynamics fails with."""
    return kind(code, f"Said {code}.", target="Dynamics", retry_after=retry_after)


def connect_dynamics(
    scene: Scene, dealership_id: int, *, active: bool = True, url: str = ORGANISATION
) -> int:
    """Give a dealership a connection, or change it; a save ends its hold."""
    values = {
        "environment_url": url,
        "tenant_id": "11111111-2222-3333-4444-555555555555",
        "client_id": "66666666-7777-8888-9999-000000000000",
        "is_active": active,
    }
    changes = DynamicsChanges(values=values, client_secret=SecretStr("planted-dynamics-secret"))
    vault = DynamicsVault(scene.database, scene.keys)
    return vault.save(dealership_id, changes, actor=ACTOR).id


def dynamics_row(scene: Scene, lead: str) -> dict[str, Any]:
    """Return a lead's delivery to Dynamics, its times in seconds from now."""
    return scene.one(
        "SELECT d.*, extract(epoch FROM d.next_attempt_at - now())::float8 AS due_in,"
        " extract(epoch FROM d.lease_until - now())::float8 AS lease_left,"
        " extract(epoch FROM d.woken_until - now())::float8 AS woken_for"
        " FROM lead_delivery d JOIN lead l ON l.id = d.lead_id"
        " WHERE l.external_id = %s AND d.target = 'Dynamics'",
        lead,
    )


class ScriptedDynamics:
    """A lead table that answers pushes by a script, else as Dynamics does.

    ``sent`` holds every push in order, ``records`` what the table holds by our lead id. With
    ``wants_own_id`` a record has a column for its own id, which needs a second update.
    """

    def __init__(self) -> None:
        self.sent: list[DynamicsPush] = []
        self.records: dict[UUID, dict[str, Any]] = {}
        self.ids: dict[UUID, UUID] = {}
        self.wants_own_id = False
        self.metadata_reads = 0
        self.metadata_error: ForecourtError | None = None
        self.describe: Callable[[DynamicsConnection], Mapping[str, Any]] = lambda _: METADATA
        self.connections: list[DynamicsConnection] = []
        self.unpreparable: set[str] = set()
        self.table_error: PermanentError | None = None
        self._answers: deque[Answer] = deque()
        self._lock = threading.Lock()

    def will(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def prepare(
        self, lead: Lead, connection: DynamicsConnection, standing: Standing
    ) -> DynamicsPush:
        if connection.metadata is None:
            raise PermanentError(code="METADATA_UNKNOWN", detail="Not read.", target="Dynamics")
        if self.table_error is not None:
            raise self.table_error
        if lead.name in self.unpreparable:
            raise ValueError(lead.name)
        full: dict[str, Any] = {"lastname": lead.name, "emailaddress1": lead.email}
        if self.wants_own_id and standing.remote_id is not None:
            full["hnt_d365leadid"] = str(standing.remote_id)
        known = standing.delivered_fields or {}
        fields = {name: value for name, value in full.items() if known.get(name) != value}
        if standing.delivered_fields is None:
            fields = full
        return DynamicsPush(
            external_id=lead.external_id,
            remote_id=standing.remote_id,
            fields=fields,
            confirmed=full,
            payload_hash=sha256(repr(sorted(full.items())).encode()).hexdigest(),
            complete=not self.wants_own_id or standing.remote_id is not None,
        )

    def send(
        self, push: DynamicsPush, connection: DynamicsConnection, *, seconds: float
    ) -> DynamicsReceipt:
        assert 0 < seconds <= 60
        with self._lock:
            self.sent.append(push)
            self.connections.append(connection)
            answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, Exception):
            raise answer
        return self.act(push) if answer is None else answer(push, lambda: self.act(push))

    def act(self, push: DynamicsPush) -> DynamicsReceipt:
        """Write the record, as a push that arrived does."""
        with self._lock:
            created = push.external_id not in self.records
            if created and push.remote_id is not None:
                raise PermanentError(code="DELETED_IN_DYNAMICS", detail="Gone.", target="Dynamics")
            self.records.setdefault(push.external_id, {}).update(push.fields)
            name = f"{push.external_id} {len(self.ids)}"
            record = self.ids.setdefault(push.external_id, uuid5(push.external_id, name))
        return DynamicsReceipt(remote_id=record, created=created, execution_ms=40)

    def delete(self, lead: str) -> None:
        """Delete a record as somebody in Dynamics does."""
        del self.records[UUID(lead)], self.ids[UUID(lead)]

    def read_metadata(self, connection: DynamicsConnection, *, seconds: float) -> Mapping[str, Any]:
        assert seconds > 0
        self.metadata_reads += 1
        if self.metadata_error is not None:
            raise self.metadata_error
        return self.describe(connection)


class DynamicsScene:
    """Dealerships with a connection, their leads, and a delivery to bring those to Dynamics."""

    def __init__(self, url: str, beside: "DynamicsScene | None" = None) -> None:
        self.scene: Scene = Scene(url, beside=beside.scene if beside else None)
        self.database = self.scene.database
        self.sink: ScriptedDynamics = beside.sink if beside else ScriptedDynamics()
        self.queue: MemoryQueue = self.scene.elsewhere_queue
        self.ledger = PostgresDynamicsLedger(self.database)
        self.vault = DynamicsVault(self.database, self.scene.keys)
        self.budget = PostgresBudget(self.database)
        self.slept: list[float] = []
        self._deliveries: list[DynamicsDelivery] = []
        self.delivery = self.new_delivery()

    def close(self) -> None:
        for delivery in self._deliveries:
            delivery.close()
        self.scene.close()

    def new_delivery(self, on_step: OnStep = unwatched, **ports: Any) -> DynamicsDelivery:
        delivery = DynamicsDelivery(
            **{
                "ledger": self.ledger,
                "queue": self.queue,
                "sink": self.sink,
                "vault": self.vault,
                "budget": self.budget,
                "breaker": PostgresBreaker(self.database, "Dynamics"),
                "alerts": self.scene.alerts,
                "metrics": self.scene.counts,
                "policy": RetryPolicy(draw=lambda low, _high: low),
                "on_step": on_step,
                "sleep": self.slept.append,
                **ports,
            }
        )
        self._deliveries.append(delivery)
        return delivery

    def add_dealership(self, *, url: str = ORGANISATION) -> int:
        dealership: int = self.scene.add_dealership(connected=False)
        connect_dynamics(self.scene, dealership, url=url)
        return dealership

    def store(self, body: str) -> None:
        """Store a lead with its delivery, as lead_delivery does."""
        self.scene.store(body)

    def wake(self, *dealerships: int, receive_count: int = 1) -> list[str]:
        """Deliver one message for each of the dealerships."""
        return self.delivery.deliver_batch(self.messages(*dealerships), worker="request-1")

    @staticmethod
    def messages(*dealerships: int) -> list[Any]:
        lead = "00000000-0000-4000-8000-000000000000"
        return [
            queued(wake_up_body(lead, dealership, 1), f"m{number}")
            for number, dealership in enumerate(dealerships)
        ]

    def row(self, lead: str) -> dict[str, Any]:
        return dynamics_row(self.scene, lead)

    def connection(self, dealership: int) -> dict[str, Any]:
        return self.scene.one(
            "SELECT *, extract(epoch FROM hold_until - now())::float8 AS hold_left"
            " FROM dynamics_connection WHERE dealership_id = %s",
            dealership,
        )

    def edit(self, lead: str, assignment: str) -> None:
        """Change a lead as an edit does: a new version that is wanted and due."""
        self.scene.edit(lead, assignment)

    def pass_time(self, by: str) -> None:
        """Move every time in the ledger into the past, as if that long had gone by."""
        self.scene.pass_time(by, "lead_delivery", "lead_delivery_attempt")
        for table, columns in _TIMES.items():
            moves = ", ".join(f"{name} = {name} - interval '{by}'" for name in columns)
            self.scene.execute(f"UPDATE {table} SET {moves}")  # noqa: S608
