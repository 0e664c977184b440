"""Stock as the sync's tests need it: feeds, a source that can be told to fail, dealerships."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg.conninfo
from psycopg.rows import dict_row
from pydantic import SecretStr

from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_messages import StockFeed
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.images.ports import ImageRequest
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.stock.run import SyncResult
from forecourt.stock.sync import StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore

type Item = Mapping[str, Any] | bytes


def item(stock_number: object = "12", **fields: Any) -> dict[str, Any]:
    """One feed item with the fields a vehicle needs."""
    return {
        "StockNumber": stock_number,
        "Make": "VOLVO",
        "Model": "V90",
        "YearGroup": 2020,
        "Price": 45990.5,
        **fields,
    }


def stock_feed(*items: Item, warning: str | None = None) -> StockFeed:
    """The answer the client would slice out of a body with these items."""
    texts = [i if isinstance(i, bytes) else json.dumps(i).encode() for i in items]
    body = bytearray(b'{"StockList":[' + b",".join(texts) + b'],"Code":0}')
    envelope = read_stock_envelope(body)
    assert envelope is not None
    return StockFeed(items=envelope.fields["StockList"], warning=warning, body_bytes=len(body))


@dataclass
class ScriptedStock:
    """Port ``StockSource``: per dealership a feed, an error to raise, or something to call."""

    answers: dict[int, StockFeed | Exception | Callable[[], StockFeed]] = field(
        default_factory=dict
    )
    deadlines: list[float | None] = field(default_factory=list)

    def fetch_stock(
        self, credentials: EasyCarsCredentials, *, deadline: float | None = None
    ) -> StockFeed:
        self.deadlines.append(deadline)
        answer = self.answers[credentials.dealership_id]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


@dataclass
class KnownCredentials:
    """Port ``CredentialSource``: everybody has some, unless told otherwise."""

    account: str = "EC100001"
    environment: Environment = Environment.TEST
    yard_code: str | None = None
    missing: set[int] = field(default_factory=set)
    synced: list[int] = field(default_factory=list)

    def load(self, dealership_id: int) -> EasyCarsCredentials | None:
        if dealership_id in self.missing:
            return None
        return EasyCarsCredentials(
            credential_id=dealership_id,
            dealership_id=dealership_id,
            environment=self.environment,
            yard_code=self.yard_code,
            client_id=SecretStr("a-client"),
            client_secret=SecretStr("a-client-secret"),
            account_number=SecretStr(self.account),
            account_secret=SecretStr("an-account-secret"),
        )

    def mark_synced(self, credential_id: int) -> None:
        self.synced.append(credential_id)


@dataclass
class MemoryImageQueue:
    """Port ``ImageQueue``: remembers; ``takes`` limits how many it takes at a time."""

    requests: list[ImageRequest] = field(default_factory=list)
    takes: int = 1_000_000

    def send(self, requests: Sequence[ImageRequest]) -> int:
        self.requests.extend(requests[: self.takes])
        return min(len(requests), self.takes)


class StockBench:
    """A stock sync over a real database, and eyes on its rows."""

    def __init__(self, database: Database, *, pipeline: bool = True) -> None:
        self.database = database
        self.source = ScriptedStock()
        self.credentials = KnownCredentials()
        self.images = MemoryImageQueue()
        self.sync = StockSync(
            source=self.source,
            credentials=self.credentials,
            store=PostgresStockStore(database, pipeline=pipeline),
            mapping=EasyCarsStockReading(),
            images=self.images,
        )

    def add_dealership(self, name: str = "Harbour Motors") -> int:
        """Add a dealership and return its id."""
        row = self.execute("INSERT INTO dealership (name) VALUES (%s) RETURNING id", name)
        return int(row[0]["id"])

    def run(self, dealership_id: int, *items: Item, **feed: Any) -> SyncResult:
        """Let the vendor answer these items and sync under a new job."""
        self.source.answers[dealership_id] = stock_feed(*items, **feed)
        return self.sync.run(uuid4(), dealership_id, seconds_left=900)

    def vehicles(self, dealership_id: int) -> dict[str, dict[str, Any]]:
        """The dealership's vehicles by stock number, without what a serial gave them."""
        rows = self.execute(
            "SELECT * FROM vehicle WHERE dealership_id = %s ORDER BY id", dealership_id
        )
        return {row["easycars_stock_number"]: row for row in rows}

    def logs(self, dealership_id: int) -> list[dict[str, Any]]:
        """The dealership's log rows, oldest first."""
        return self.execute(
            "SELECT * FROM easycars_sync_logs WHERE dealership_id = %s ORDER BY id", dealership_id
        )

    def execute(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Run one statement and return its rows."""
        cursor = self.database.connection().cursor(row_factory=dict_row)
        cursor.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def counts_of(row: Mapping[str, Any]) -> tuple[int, int, int, int, int]:
    """Received, created, updated, unchanged, failed of a log row."""
    return (
        row["records_processed"],
        row["records_created"],
        row["records_updated"],
        row["records_unchanged"],
        row["records_failed"],
    )


@dataclass
class Doorway:
    """Stops a thread at a place until the test opens it."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(20)


def database_at(url: str) -> Database:
    """Open one more connection to a database, as another sandbox would."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return Database.from_settings(
        host=str(parts["host"]),
        port=int(str(parts["port"])),
        name=str(parts["dbname"]),
        username=str(parts["user"]),
        password=str(parts["password"]),
        sslmode="disable",
    )


def several(stock_numbers: Sequence[object], **fields: Any) -> list[dict[str, Any]]:
    """One item per stock number."""
    return [item(number, **fields) for number in stock_numbers]
