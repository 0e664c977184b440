"""A delivery with a real ledger and mapping, and a vendor, queue and topic that can be told."""

import itertools
import json
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.errors import RetryableError
from forecourt.leads.announcements import AcceptedLead
from forecourt.leads.delivery import LeadDelivery
from forecourt.leads.lead import Lead
from forecourt.leads.message import LeadMessage, QueuedMessage, parse_message
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import Operation, Push, Receipt
from forecourt.leads.steps import OnStep, unwatched
from forecourt.leads.wake_ups import WakeUp
from forecourt.security.credential_records import CredentialChanges
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.postgres import Database
from tests.support.data_keys import MemoryDataKeys
from tests.support.easycars import BASE_URLS

type Answer = Receipt | Exception | Callable[[Push], Receipt]

ACTOR = Actor(name="tests", kind="Admin")


class ScriptedSink:
    """Maps leads as EasyCars does and answers pushes by a script, else with the next number.

    ``sent`` holds (operation, account number, fields) of every push, in order.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[Operation, str, Mapping[str, Any]]] = []
        self.prepared = 0
        self._answers: deque[Answer] = deque()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._mapping = EasyCarsLeadSink(EasyCarsClient(BASE_URLS))

    def will(self, *answers: Answer) -> None:
        self._answers.extend(answers)

    def prepare(self, lead: Lead, delivered: Mapping[str, Any] | None) -> Push:
        self.prepared += 1
        return self._mapping.prepare(lead, delivered)

    def send(
        self, push: Push, credentials: EasyCarsCredentials, *, write_by: float, seconds: float
    ) -> Receipt:
        with self._lock:
            account = credentials.account_number.get_secret_value()
            self.sent.append((push.operation, account, push.fields))
            answer = self._answers.popleft() if self._answers else self.receipt
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Receipt) else answer(push)

    def receipt(self, push: Push) -> Receipt:
        with self._lock:
            number = push.lead_number or f"{next(self._numbers):06d}"
        return Receipt(lead_number=number, customer_no="00004")


@dataclass
class MemoryQueue:
    """A leads queue that remembers; each switch makes one of its sides fail."""

    wake_ups: list[WakeUp] = field(default_factory=list)
    buried: list[tuple[QueuedMessage, str, str]] = field(default_factory=list)
    hidden: dict[str, int] = field(default_factory=dict)
    takes_wake_ups: bool = True
    takes_dead_letters: bool = True

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        if not self.takes_wake_ups:
            return wake_ups
        self.wake_ups.extend(wake_ups)
        return ()

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        if not self.takes_dead_letters:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SQS")
        self.buried.append((message, code, detail))

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        self.hidden[message.message_id] = seconds


@dataclass
class Alerts:
    """Keeps alerts; ``away`` makes publishing fail."""

    published: list[tuple[str, str]] = field(default_factory=list)
    away: bool = False

    def publish(self, subject: str, text: str) -> None:
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SNS")
        self.published.append((subject, text))


@dataclass
class Events:
    """Keeps which leads were announced; takes the next ``left`` only, all where it is None."""

    announced: list[AcceptedLead] = field(default_factory=list)
    left: int | None = None
    requests: int = 0

    def publish_accepted(self, leads: Sequence[AcceptedLead]) -> Collection[UUID]:
        self.requests += 1
        taken = leads[: self.left]
        if self.left is not None:
            self.left -= len(taken)
        self.announced.extend(taken)
        return [lead.external_id for lead in taken]


@dataclass
class Counts:
    """Keeps the metrics of each batch and the gauges of each sweep."""

    batches: list[Mapping[str, int]] = field(default_factory=list)
    milliseconds: list[Mapping[str, Sequence[int]]] = field(default_factory=list)
    gauges: list[Mapping[str, float]] = field(default_factory=list)

    def batch_finished(
        self, counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[int]]
    ) -> None:
        self.batches.append(counts)
        self.milliseconds.append(milliseconds)

    def swept(self, gauges: Mapping[str, float]) -> None:
        self.gauges.append(gauges)


class WatchedVault:
    """Reads from a real vault; counts, and is away for the dealerships it is told."""

    def __init__(self, vault: CredentialVault) -> None:
        self._vault = vault
        self.loads = 0
        self.away_for: set[int] = set()

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        self.loads += 1
        if dealership_id in self.away_for:
            raise RetryableError(code="KMS_AWAY", detail="Away.", target="KMS")
        return self._vault.load(dealership_id)


class Scene:
    """Dealerships, their leads, and a delivery to bring them to the vendor."""

    def __init__(self, url: str, beside: "Scene | None" = None) -> None:
        self.url = url
        self.database = database_at(url)
        self.ledger = PostgresLedger(self.database)
        self.keys: MemoryDataKeys = beside.keys if beside else MemoryDataKeys()
        self.credentials = CredentialVault(self.database, self.keys)
        self.vault = WatchedVault(self.credentials)
        self.sink: ScriptedSink = beside.sink if beside else ScriptedSink()
        self.queue: MemoryQueue = beside.queue if beside else MemoryQueue()
        self.elsewhere_queue: MemoryQueue = beside.elsewhere_queue if beside else MemoryQueue()
        self.alerts = Alerts()
        self.events = Events()
        self.counts = Counts()
        self.pauses: list[float] = []
        self._deliveries: list[LeadDelivery] = []
        self.delivery = self.new_delivery()

    def close(self) -> None:
        for delivery in self._deliveries:
            delivery.close()
        self.database.close()

    @contextmanager
    def elsewhere(self) -> "Iterator[Scene]":
        """The same dealerships, queue and vendor as another worker has them."""
        other = Scene(self.url, beside=self)
        yield other
        other.close()

    def new_delivery(self, on_step: OnStep = unwatched, **ports: Any) -> LeadDelivery:
        delivery = LeadDelivery(
            **{
                "ledger": self.ledger,
                "queue": self.queue,
                "elsewhere": self.elsewhere_queue,
                "sink": self.sink,
                "vault": self.vault,
                "breaker": PostgresBreaker(self.database),
                "alerts": self.alerts,
                "events": self.events,
                "metrics": self.counts,
                "policy": RetryPolicy(draw=lambda low, _high: low),
                "on_step": on_step,
                "sleep": self.pauses.append,
                **ports,
            }
        )
        self._deliveries.append(delivery)
        return delivery

    def add_dealership(self, *, connected: bool = True) -> int:
        row = self.one("INSERT INTO dealership (name) VALUES ('Bayside Autos') RETURNING id")
        dealership_id: int = row["id"]
        if connected:
            self.connect(dealership_id)
        return dealership_id

    def connect(self, dealership_id: int, account: str | None = None) -> None:
        self.credentials.save(
            dealership_id,
            secrets_of(account or f"EC{dealership_id:06d}"),
            Environment.TEST,
            None,
            actor=ACTOR,
        )

    def change_account(self, dealership_id: int, account: str) -> None:
        record = self.credentials.describe(dealership_id)
        assert record is not None
        changes = CredentialChanges(account_number=SecretStr(account))
        assert self.credentials.update(record.id, dealership_id, changes, actor=ACTOR)

    def add_vehicle(self, dealership_id: int, stock_number: str | None = None) -> int:
        row = self.one(
            "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition,"
            " status, title, easycars_stock_number, easycars_raw_data) VALUES (%s, 'VOLVO', 'V90',"
            " 2020, 45990, 10, 'used', 'active', 'V90', %s, '{\"StockType\": \"A\"}')"
            " RETURNING id",
            dealership_id,
            stock_number,
        )
        vehicle_id: int = row["id"]
        return vehicle_id

    def deliver(self, *bodies: str, receive_count: int = 1) -> list[str]:
        return self.delivery.deliver_batch(
            [queued(body, f"m{i}", receive_count) for i, body in enumerate(bodies)],
            worker="request-1",
        )

    def store(self, body: str) -> None:
        """Store a lead as far as its message's first commit goes."""
        message = parse_message(body)
        assert isinstance(message, LeadMessage)
        self.ledger.accept([message])

    def pass_time(self, by: str, *tables: str) -> None:
        """Move every time in the ledger into the past, as if that long had gone by."""
        columns = {
            "lead_delivery": ("next_attempt_at", "lease_until", "claimed_at", "woken_until"),
            "lead_delivery_attempt": ("started_at", "finished_at"),
            "dealership_easycars_credentials": ("hold_until", "created_at", "updated_at"),
        }
        for table in tables or tuple(columns):
            moves = ", ".join(f"{name} = {name} - interval '{by}'" for name in columns[table])
            self.execute(f"UPDATE {table} SET {moves}")  # noqa: S608

    def execute(self, statement: str, *values: Any) -> int:
        return self.database.connection().execute(statement.encode(), values).rowcount

    def edit(self, lead: str, assignment: str) -> None:
        """Change a lead as an edit does: a new version that is wanted and due."""
        self.execute(
            f"UPDATE lead SET {assignment}, version = version + 1"  # noqa: S608
            " WHERE external_id = %s",
            lead,
        )
        self.execute(
            "UPDATE lead_delivery d SET wanted_version = l.version, next_attempt_at = now(),"
            " state = CASE d.state WHEN 'delivered' THEN 'pending' ELSE d.state END,"
            " attempts = CASE d.state WHEN 'delivered' THEN 0 ELSE d.attempts END"
            " FROM lead l WHERE l.id = d.lead_id AND l.external_id = %s",
            lead,
        )

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        cursor = self.database.connection().cursor(row_factory=dict_row)
        return cursor.execute(statement.encode(), values).fetchall()

    def one(self, statement: str, *values: Any) -> dict[str, Any]:
        (row,) = self.rows(statement, *values)
        return row

    def delivery_row(self, lead: str) -> dict[str, Any]:
        return self.one(
            "SELECT d.*, l.easycars_lead_number, l.easycars_customer_no,"
            " extract(epoch FROM d.next_attempt_at - now())::float8 AS due_in,"
            " extract(epoch FROM d.lease_until - now())::float8 AS lease_left,"
            " extract(epoch FROM d.woken_until - now())::float8 AS woken_for"
            " FROM lead_delivery d JOIN lead l ON l.id = d.lead_id WHERE l.external_id = %s",
            lead,
        )

    def attempts(self, lead: str) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT a.* FROM lead_delivery_attempt a JOIN lead_delivery d ON d.id = a.delivery_id"
            " JOIN lead l ON l.id = d.lead_id WHERE l.external_id = %s ORDER BY a.id",
            lead,
        )


def database_at(url: str) -> Database:
    parts = conninfo_to_dict(url)
    return Database.from_settings(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        name=str(parts["dbname"]),
        username=str(parts["user"]),
        password=str(parts["password"]),
        sslmode="disable",
    )


def secrets_of(account: str) -> CredentialSecrets:
    return CredentialSecrets(
        client_id=SecretStr(f"client-of-{account}"),
        client_secret=SecretStr(f"planted-client-secret-{account}"),
        account_number=SecretStr(account),
        account_secret=SecretStr(f"planted-account-secret-{account}"),
    )


def queued(body: str, message_id: str = "m0", receive_count: int = 1) -> QueuedMessage:
    return QueuedMessage(
        message_id=message_id,
        receipt_handle=f"handle-{message_id}",
        body=body,
        receive_count=receive_count,
    )


def lead_body(
    dealership_id: int, lead_id: str | UUID | None = None, *, spam: bool = False, **lead: Any
) -> str:
    return json.dumps(
        {
            "schema": 1,
            "leadId": str(lead_id or uuid4()),
            "dealershipId": dealership_id,
            "receivedAt": "2026-11-20T22:15:00Z",
            "idempotencyKey": None,
            "siteKeyId": "k1",
            "spam": spam,
            "correlationId": "api-request-1",
            "lead": {
                "name": "Zoë Nguyen",
                "email": "zoe@mail.example",
                "phone": "0412 345 678",
                "message": "Is it still for sale?",
                **lead,
            },
        }
    )


def wake_up_body(lead_id: str, dealership_id: int, delivery_id: int) -> str:
    return json.dumps(
        {
            "schema": 1,
            "leadId": lead_id,
            "dealershipId": dealership_id,
            "deliveryId": delivery_id,
        }
    )


def wake(scene: Scene, lead: str) -> str:
    """Write the wake-up of a stored lead's delivery."""
    row = scene.delivery_row(lead)
    return wake_up_body(lead, row["dealership_id"], row["id"])
