"""Stock syncs of every contender side by side: sizes, shares of change, round trips."""

import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.contenders.turns import ContenderProcess
from benchmarks.feed import FeedFiles, make_feed, write_feed
from benchmarks.relay import Relay

PEERS_PYTHON = Path(__file__).parents[1] / ".venv-peers" / "bin" / "python"

JOBS = ("first load", "0 % changed", "5 % changed", "100 % changed")
FIRST, SAME, SOME, ALL = JOBS

ROUND_TRIP = 0.0012
"""What lies between a function and its database on AWS (design 8), in seconds."""

SECONDS_FOR_ONE = 3.0
"""So long a contender is measured again and again at one job; at least once, whatever it takes."""

_WARM_UP_VEHICLES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One contender: how it is shown and started, what it takes and where it stores.

    Parameters
    ----------
    table
        None where it stores nothing that could be compared with the feed.
    form
        What of :class:`~benchmarks.feed.FeedFiles` it is handed.
    schema
        The schema of a table of its own, made like ``vehicle`` with all its indexes.
    """

    name: str
    module: str
    jobs: Sequence[str] = JOBS
    dealership_id: int = 0
    form: str = "body"
    schema: str | None = None
    stores: bool = True
    installed_apart: bool = False

    @property
    def table(self) -> str:
        """The table it writes."""
        return f"{self.schema or 'public'}.vehicle"

    def arguments(self, url: str) -> list[str]:
        """Write what it is started with."""
        return [url, self.schema or str(self.dealership_id)]


OURS = Side(name="Forecourt", module="ours", dealership_id=1)
SLICE_AND_HASH = Side(
    name="slice and hash", module="slice_and_hash", jobs=(SAME, SOME), stores=False
)
RAW_COPY = Side(name="raw COPY", module="raw_copy", jobs=(FIRST,), stores=False)
ORM = Side(name="ORM loop", module="orm_loop", dealership_id=2)
BULK = Side(name="bulk upsert", module="bulk_upsert", dealership_id=4)
DLT = Side(
    name="dlt merge",
    module="dlt_merge",
    dealership_id=3,
    form="rows",
    schema="dlt_peer",
    installed_apart=True,
)
SINGER = Side(
    name="Singer target",
    module="singer_target",
    dealership_id=3,
    form="messages",
    schema="singer_peer",
    installed_apart=True,
)
SIDES = (OURS, SLICE_AND_HASH, RAW_COPY, ORM, BULK, DLT, SINGER)


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured: so many vehicles, with or without the longer round trip, one job."""

    vehicles: int
    far: bool
    job: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contest found out.

    Attributes
    ----------
    times
        Every measured time in seconds, by cell and side.
    peaks
        How far memory rose in a side's first load of so many vehicles, in bytes.
    """

    times: dict[tuple[Cell, str], list[float]] = field(default_factory=dict)
    peaks: dict[tuple[int, str], int] = field(default_factory=dict)

    def median(self, cell: Cell, side: Side) -> float | None:
        """Return what one job takes a side, in seconds; None where it was not measured."""
        times = self.times.get((cell, side.name))
        return statistics.median(times) if times else None


class Contest:
    """Measures the sides in turn, round by round, into ``measured``."""

    def __init__(self, url: str, folder: Path, sides: Sequence[Side] = SIDES) -> None:
        self._url = url
        self._folder = folder
        self._sides = sides
        self._connection = psycopg.connect(url, autocommit=True)
        self.measured = Measured()
        self._execute(
            "INSERT INTO dealership (id, name) SELECT n, 'bench' FROM generate_series(1, 4) AS n"
        )
        self._execute("CREATE TABLE copied (stock_number text, raw jsonb)")
        for side in sides:
            if side.schema is not None:
                self._execute(f"CREATE SCHEMA {side.schema}")
                self._execute(f"CREATE TABLE {side.table} (LIKE public.vehicle INCLUDING ALL)")
        self._warm_up = self._write("warm-up", _WARM_UP_VEHICLES)

    def run(self, vehicles: int, *, far: bool, rounds: int) -> None:
        """Measure every job for one size of feed.

        Parameters
        ----------
        far
            Whether the database is a round trip of :data:`ROUND_TRIP` away.
        rounds
            How often each is measured at most; see :data:`SECONDS_FOR_ONE`.
        """
        feeds = {
            SAME: self._write("same", vehicles),
            SOME: self._write("some", vehicles, repriced=max(1, vehicles // 20)),
            ALL: self._write("all", vehicles, repriced=vehicles, rise=500),
        }
        with ExitStack() as opened:
            url = opened.enter_context(_reached(self._url, far=far))
            entrants = [
                _Entrant(side, opened.enter_context(closing(_start(side, url))))
                for side in self._sides
            ]
            for entrant in entrants:
                entrant.process.sync(entrant.file(self._warm_up))
            for job in JOBS:
                cell = Cell(vehicles, far, job)
                for _ in range(rounds):
                    for entrant in entrants:
                        if job in entrant.side.jobs and self._has_time(cell, entrant.side):
                            self._measure(cell, entrant, feeds)
            for side in self._sides:
                self._clear(side)

    def close(self) -> None:
        """Leave the database."""
        self._connection.close()

    def _measure(self, cell: Cell, entrant: "_Entrant", feeds: dict[str, FeedFiles]) -> None:
        side = entrant.side
        if cell.job == FIRST:
            self._clear(side)
        feed = feeds[entrant.next_feed(cell.job)]
        if side.stores:
            self._execute(f"VACUUM ANALYZE {side.table}")
        turn = entrant.process.sync(entrant.file(feed))
        self.measured.times.setdefault((cell, side.name), []).append(turn.seconds)
        if turn.peak_bytes is not None:  # only the first finds memory as small as it began
            self.measured.peaks.setdefault((cell.vehicles, side.name), turn.peak_bytes)
        if side.stores:
            self._check(side, feed)

    def _has_time(self, cell: Cell, side: Side) -> bool:
        return sum(self.measured.times.get((cell, side.name), ())) < SECONDS_FOR_ONE

    def _check(self, side: Side, feed: FeedFiles) -> None:
        """Prove that the table equals the feed, and let nothing of ours be due the next time."""
        found = self._connection.execute(
            f"SELECT count(*), sum(price) FROM {side.table} WHERE dealership_id = %s",
            (side.dealership_id,),
        ).fetchone()
        assert found == (feed.vehicles, feed.price_total), (side.name, found)
        self._execute(
            "UPDATE vehicle SET images_done = images_wanted"
            " WHERE images_done IS DISTINCT FROM images_wanted"
        )

    def _clear(self, side: Side) -> None:
        if side.stores:
            self._execute(f"DELETE FROM {side.table} WHERE dealership_id = {side.dealership_id}")
        self._execute("TRUNCATE copied")

    def _write(self, name: str, vehicles: int, *, repriced: int = 0, rise: int = 250) -> FeedFiles:
        feed = make_feed(vehicles, repriced=repriced, rise=rise)
        return write_feed(self._folder, name, feed, dealership_id=DLT.dealership_id)

    def _execute(self, statement: str) -> None:
        self._connection.execute(statement)


class _Entrant:
    """A side that runs, and the feed its table equals."""

    def __init__(self, side: Side, process: ContenderProcess) -> None:
        self.side = side
        self.process = process
        self._holds = SAME

    def next_feed(self, job: str) -> str:
        """Choose a feed that differs from the table in what the job says."""
        wanted = job if job in {SOME, ALL} and self._holds != job else SAME
        self._holds = wanted
        return wanted

    def file(self, feed: FeedFiles) -> Path:
        found: Path = getattr(feed, self.side.form)
        return found


def can_run_peers() -> bool:
    """Say whether the environment of the peers with pins of their own is there."""
    return shutil.which(PEERS_PYTHON) is not None


def _start(side: Side, url: str) -> ContenderProcess:
    python = str(PEERS_PYTHON) if side.installed_apart else sys.executable
    return ContenderProcess(side.module, side.arguments(url), python)


@contextmanager
def _reached(url: str, *, far: bool) -> Iterator[str]:
    """Give the address under which contenders reach the server."""
    if not far:
        yield url
        return
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    with Relay(parts.hostname, parts.port, round_trip=ROUND_TRIP) as relay:
        place = f"{parts.netloc.rpartition('@')[0]}@{parts.hostname}:{relay.port}"
        yield urlunsplit(parts._replace(netloc=place))
