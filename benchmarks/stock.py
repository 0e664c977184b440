"""Stock runs beside a loop through SQLAlchemy's ORM and raw COPY."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import ge, le
from uuid import uuid4

from pydantic import SecretStr

from benchmarks import orm_loop
from benchmarks.feed import Feed, make_feed
from benchmarks.table import Line
from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_messages import StockFeed
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.images.ports import ImageRequest
from forecourt.security.credentials import EasyCarsCredentials, Environment
from forecourt.stock.run import Counts
from forecourt.stock.sync import StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore

VEHICLES = 500
CHANGED = VEHICLES // 20

OURS, THEIRS = 1, 2
"""Each side keeps its vehicles under a dealership of its own."""


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
        """Do nothing; the peer keeps no such date."""

    def send(self, requests: Sequence[ImageRequest]) -> int:
        """Take every request for pictures; the peer has none."""
        return len(requests)


class Contest:
    """Runs the contenders in turn, round by round, and keeps every time in seconds."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._engine = orm_loop.connect(url)
        self._source = OneFeed()
        self._sync = StockSync(
            source=self._source,
            credentials=self._source,
            store=PostgresStockStore(database),
            mapping=EasyCarsStockReading(),
            images=self._source,
        )
        self._times: dict[str, list[float]] = {}
        self._feed = make_feed(VEHICLES)
        self._repriced = make_feed(VEHICLES, repriced=CHANGED)
        self._execute("INSERT INTO dealership (id, name) VALUES (1, 'ours'), (2, 'theirs')")
        self._execute("CREATE TABLE copied (stock_number text, raw jsonb)")

    def run(self, rounds: int) -> None:
        """Measure; whatever a contender leaves behind is cleared away between the times."""
        new = Counts(received=VEHICLES, created=VEHICLES)
        same = Counts(received=VEHICLES, unchanged=VEHICLES)
        some = Counts(received=VEHICLES, updated=CHANGED, unchanged=VEHICLES - CHANGED)
        self._ours(self._feed, new)
        self._theirs(self._feed, VEHICLES)
        self._execute("UPDATE vehicle SET images_done = images_wanted")  # their pictures are in
        for _ in range(rounds):
            self._time("same", self._ours, self._feed, same)
            self._time("same, ORM", self._theirs, self._feed, 0)
            for feed in (self._repriced, self._feed):
                self._time("5 %", self._ours, feed, some)
                self._time("5 %, ORM", self._theirs, feed, CHANGED)
        for _ in range(rounds):
            self._execute("DELETE FROM vehicle WHERE dealership_id = 1")
            self._execute("TRUNCATE copied")
            self._time("first", self._ours, self._feed, new)
            self._time("COPY", self._copy)
        self._engine.dispose()

    def lines(self) -> list[Line]:
        """Compare medians."""
        return [
            self._versus("re-sync of 500, nothing changed", "same", "same, ORM", "ORM loop", 40),
            self._versus("re-sync of 500, 5 % changed", "5 %", "5 %, ORM", "ORM loop", 20),
            self._within("first load of 500", "first", "COPY", "COPY as jsonb", 3),
        ]

    def _versus(self, job: str, ours: str, theirs: str, peer: str, target: float) -> Line:
        line = self._within(job, ours, theirs, peer, target)
        return replace(line, figure=1 / line.figure, holds=ge)

    def _within(self, job: str, ours: str, theirs: str, peer: str, target: float) -> Line:
        return Line(
            job=job,
            ours=f"{self._median(ours) * 1000:.1f} ms",
            other=f"{peer} {self._median(theirs) * 1000:.1f} ms",
            figure=self._median(ours) / self._median(theirs),
            unit="x",
            target=target,
            holds=le,
        )

    def _median(self, name: str) -> float:
        return statistics.median(self._times[name])

    def _time[**P](
        self, name: str, act: Callable[P, None], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        self._execute("VACUUM vehicle")
        gc.collect()
        started = time.perf_counter()
        act(*args, **kwargs)
        self._times.setdefault(name, []).append(time.perf_counter() - started)

    def _ours(self, feed: Feed, expected: Counts) -> None:
        self._source.body = feed.body
        assert self._sync.run(uuid4(), OURS, seconds_left=900).counts == expected

    def _theirs(self, feed: Feed, expected: int) -> None:
        assert orm_loop.sync(self._engine, THEIRS, feed.body) == expected

    def _copy(self) -> None:
        envelope = read_stock_envelope(self._feed.body)
        assert envelope is not None
        reading = EasyCarsStockReading()
        with (
            self._database.transaction() as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY copied (stock_number, raw) FROM STDIN") as copy,
        ):
            for raw in envelope.fields["StockList"]:
                copy.write_row((reading.stock_number_of(raw), bytes(raw).decode()))

    def _execute(self, statement: str) -> None:
        self._database.connection().execute(statement)
