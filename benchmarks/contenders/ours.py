"""Forecourt's stock sync, put together as its function does but for vendor, vault and pictures."""

import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from benchmarks.contenders.turns import read_body, serve
from benchmarks.server import open_database
from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_messages import StockFeed
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.images.ports import ImageRequest
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.stock.sync import StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore


class OneFeed:
    """Vendor and vault for a benchmark: a body that has just arrived, known credentials."""

    def __init__(self) -> None:
        self.body = bytearray()

    def fetch_stock(
        self, credentials: EasyCarsCredentials, *, deadline: float | None = None
    ) -> StockFeed:
        """Slice the body, as the client does when it has read it."""
        del credentials, deadline
        envelope = read_stock_envelope(self.body)
        assert envelope is not None
        items = envelope.fields["StockList"]
        return StockFeed(items=items, warning=None, body_bytes=len(self.body))

    def load(self, dealership_id: int) -> EasyCarsCredentials:
        """Give made-up credentials."""
        return EasyCarsCredentials(
            credential_id=0,
            dealership_id=dealership_id,
            environment=Environment.TEST,
            client_id=SecretStr("-"),
            client_secret=SecretStr("-"),
            account_number=SecretStr("EC100001"),
            account_secret=SecretStr("-"),
        )

    def mark_synced(self, credential_id: int) -> None:
        """Do nothing; the peers keep no such date."""

    def send(self, requests: Sequence[ImageRequest]) -> int:
        """Take every request for pictures; the peers have none."""
        return len(requests)


class Ours:
    """A contender: the whole run of one dealership, its log row included."""

    def __init__(self, database: Database, dealership_id: int) -> None:
        self._dealership_id = dealership_id
        self._source = OneFeed()
        self._sync = StockSync(
            source=self._source,
            credentials=self._source,
            store=PostgresStockStore(database),
            mapping=EasyCarsStockReading(),
            images=self._source,
        )

    def receive(self, feed: Path) -> None:
        """Hold the body as the client holds it."""
        self._source.body = read_body(feed)

    def sync(self) -> None:
        """Run."""
        self._sync.run(uuid4(), self._dealership_id, seconds_left=900)


if __name__ == "__main__":
    with open_database(sys.argv[1]) as opened:
        serve(Ours(opened, int(sys.argv[2])))
