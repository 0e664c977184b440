"""The InProgress row is the lock: who gets it, who waits, who stops (design 4)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest

from forecourt.easycars.stock_messages import StockFeed
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.errors import PermanentError, RetryableError
from forecourt.stock.ports import KnownVehicle
from forecourt.stock.report import RunReport
from forecourt.stock.run import Counts, SyncRun, SyncStatus
from forecourt.stock.sync import CHUNK_ROWS, StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from tests.support.stock import (
    Doorway,
    StockBench,
    counts_of,
    database_at,
    item,
    several,
    stock_feed,
)

type Connect = Callable[[], Database]


@pytest.fixture
def connect(database: Database, database_url: str) -> Iterator[Connect]:
    """Open further connections to the same database, as other sandboxes would."""
    opened: list[Database] = []

    def one_more() -> Database:
        opened.append(database_at(database_url))
        return opened[-1]

    yield one_more
    for other in opened:
        other.close()


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    return bench.add_dealership()


@pytest.fixture
def store(database: Database) -> PostgresStockStore:
    return PostgresStockStore(database)


def take(store: PostgresStockStore, dealership: int, job: UUID | None = None) -> SyncRun:
    taken = store.open_run(job or uuid4(), dealership)
    assert isinstance(taken, SyncRun)
    return taken


def expire_leases(bench: StockBench) -> None:
    bench.execute("UPDATE easycars_sync_logs SET lease_until = now() - interval '1 second'")


def test_a_row_is_held_for_five_minutes(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    run = take(store, dealership)
    [log] = bench.logs(dealership)
    assert (log["id"], log["status"], log["run_token"]) == (run.log_id, "InProgress", run.run_token)
    assert (log["lease_until"] - log["started_at"]).total_seconds() == pytest.approx(300, abs=1)


def test_another_job_is_refused_while_the_run_lives_and_says_so_in_its_own_row(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    alive = take(store, dealership)
    job = uuid4()
    for _ in range(2):  # a retry of the refused job must not add a second row
        with pytest.raises(PermanentError) as caught:
            bench.sync.run(job, dealership, seconds_left=900)
        assert type(caught.value) is PermanentError
        assert caught.value.code == "ALREADY_RUNNING"
        assert caught.value.detail.startswith("already running since ")
    first, refused = bench.logs(dealership)
    assert (first["status"], first["run_token"]) == ("InProgress", alive.run_token)
    assert (refused["job_id"], refused["status"]) == (job, "Failed")
    assert "already running since" in refused["error_message"]
    assert refused["completed_at"] is not None


def test_a_refused_job_gets_the_row_once_the_other_has_ended(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    alive = take(store, dealership)
    job = uuid4()
    with pytest.raises(PermanentError):
        store.open_run(job, dealership)
    closing = RunReport().finished()
    assert store.close_run(alive, closing)
    assert take(store, dealership, job).job_id == job
    assert [log["status"] for log in bench.logs(dealership)] == ["Success", "InProgress"]


def test_another_job_takes_over_a_dead_run_and_closes_its_row(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    dead = take(store, dealership)
    expire_leases(bench)
    take(store, dealership)
    buried, _ = bench.logs(dealership)
    assert (buried["id"], buried["status"]) == (dead.log_id, "Failed")
    assert buried["error_message"].startswith("lease expired")
    assert buried["run_token"] != dead.run_token
    assert buried["completed_at"] is not None


def test_the_same_job_takes_its_own_row_over_at_once(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    crashed = take(store, dealership)
    again = take(store, dealership, crashed.job_id)
    assert again.log_id == crashed.log_id
    assert again.run_token != crashed.run_token
    assert again.started_at == crashed.started_at
    assert len(bench.logs(dealership)) == 1


def test_a_run_that_lost_its_row_stops_at_its_next_chunk_and_stores_nothing_more(
    bench: StockBench, dealership: int, connect: Connect
) -> None:
    job = uuid4()
    door = Doorway()

    def slow_answer() -> StockFeed:
        door.pass_through()
        return stock_feed(item("from the slow one"))

    bench.source.answers[dealership] = slow_answer
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(bench.sync.run, job, dealership, seconds_left=900)
        assert door.reached.wait(20)
        other = StockBench(connect())
        other.source.answers[dealership] = stock_feed(item("12"))
        result = other.sync.run(job, dealership, seconds_left=900)
        door.opened.set()
        error = slow.exception(20)
    assert isinstance(error, PermanentError)
    assert error.code == "LEASE_LOST"
    assert set(other.vehicles(dealership)) == {"12"}
    [log] = other.logs(dealership)
    assert (log["status"], counts_of(log)) == ("Success", (1, 1, 0, 0, 0))
    assert result.counts == Counts(received=1, created=1)


def test_a_run_that_lost_its_row_cannot_close_it(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    crashed = take(store, dealership)
    again = take(store, dealership, crashed.job_id)
    closing = RunReport().finished()
    assert not store.close_run(crashed, closing)
    [log] = bench.logs(dealership)
    assert (log["status"], log["run_token"]) == ("InProgress", again.run_token)


def test_every_chunk_renews_the_lease_and_tells_the_progress(
    bench: StockBench, store: PostgresStockStore, dealership: int
) -> None:
    run = take(store, dealership)
    bench.execute("UPDATE easycars_sync_logs SET lease_until = now() + interval '1 second'")
    store.write_vehicles(run, "scope", [], Counts(received=9, created=4, unchanged=5))
    [log] = bench.logs(dealership)
    [left] = bench.execute(
        "SELECT extract(epoch FROM lease_until - now()) AS s FROM easycars_sync_logs"
    )
    assert float(left["s"]) == pytest.approx(300, abs=5)
    assert counts_of(log) == (9, 4, 0, 5, 0)


def test_a_job_that_ended_well_is_not_run_again(bench: StockBench, dealership: int) -> None:
    job = uuid4()
    bench.source.answers[dealership] = stock_feed(*several(range(3)))
    first = bench.sync.run(job, dealership, seconds_left=900)
    bench.source.answers[dealership] = RetryableError("AWAY", "later", target="EasyCars")
    assert bench.sync.run(job, dealership, seconds_left=900) == first
    assert len(bench.logs(dealership)) == 1


def test_a_retry_after_a_failure_reopens_the_row(bench: StockBench, dealership: int) -> None:
    job = uuid4()
    bench.source.answers[dealership] = RetryableError("AWAY", "later", target="EasyCars")
    with pytest.raises(RetryableError):
        bench.sync.run(job, dealership, seconds_left=900)
    bench.source.answers[dealership] = stock_feed(item("12"))
    result = bench.sync.run(job, dealership, seconds_left=900)
    assert result.status is SyncStatus.SUCCESS
    [log] = bench.logs(dealership)
    assert (log["status"], log["error_message"], log["error_details"]) == ("Success", None, None)


def test_what_a_crashed_run_stored_counts_as_this_jobs_when_it_goes_on(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("old"), item("same"))
    job = uuid4()
    feed = [item("old", Price=7), item("same"), *several(range(CHUNK_ROWS))]
    clock = iter([0.0, 0.0, 0.0, 10_000.0])
    hasty = StockSync(
        source=bench.source,
        credentials=bench.credentials,
        store=PostgresStockStore(bench.database),
        mapping=EasyCarsStockReading(),
        images=bench.images,
        clock=lambda: next(clock),
    )
    bench.source.answers[dealership] = stock_feed(*feed)
    with pytest.raises(RetryableError) as caught:
        hasty.run(job, dealership, seconds_left=900)
    assert caught.value.code == "OUT_OF_TIME"
    [_, stopped] = bench.logs(dealership)
    stored = CHUNK_ROWS
    assert (stopped["status"], stopped["records_created"]) == ("Failed", stored - 1)
    result = bench.sync.run(job, dealership, seconds_left=900)
    assert result.counts == Counts(received=stored + 2, created=stored, updated=1, unchanged=1)


def test_of_two_jobs_at_the_same_moment_one_runs_and_the_other_is_refused(
    bench: StockBench, dealership: int, connect: Connect
) -> None:
    runners = 6
    barrier = threading.Barrier(runners)
    benches = [StockBench(connect()) for _ in range(runners)]
    release = threading.Event()

    def answer() -> StockFeed:
        assert release.wait(20)
        return stock_feed(*several(range(20)))

    def one(own: StockBench) -> object:
        own.source.answers[dealership] = answer
        barrier.wait(20)
        try:
            return own.sync.run(uuid4(), dealership, seconds_left=900)
        except PermanentError as error:
            return error.code

    with ThreadPoolExecutor(runners) as pool:
        futures = [pool.submit(one, own) for own in benches]
        while sum(future.done() for future in futures) < runners - 1:
            threading.Event().wait(0.01)
        release.set()
        outcomes = [future.result(20) for future in futures]
    assert outcomes.count("ALREADY_RUNNING") == runners - 1
    assert len(bench.vehicles(dealership)) == 20
    assert sorted(log["status"] for log in bench.logs(dealership)) == [
        *["Failed"] * (runners - 1),
        "Success",
    ]


def test_retries_of_one_job_at_the_same_moment_store_each_vehicle_once(
    bench: StockBench, dealership: int, connect: Connect
) -> None:
    job = uuid4()
    runners = 4
    barrier = threading.Barrier(runners)
    feed = stock_feed(*several(range(500)))
    benches = [StockBench(connect()) for _ in range(runners)]

    def one(own: StockBench) -> object:
        own.source.answers[dealership] = feed
        barrier.wait(20)
        try:
            return own.sync.run(job, dealership, seconds_left=900).counts
        except PermanentError as error:
            return error.code

    with ThreadPoolExecutor(runners) as pool:
        outcomes = list(pool.map(one, benches))
    winners = [outcome for outcome in outcomes if outcome != "LEASE_LOST"]
    assert set(winners) == {Counts(received=500, created=500)}
    assert len(bench.vehicles(dealership)) == 500
    [log] = bench.logs(dealership)
    assert (log["status"], counts_of(log)) == ("Success", (500, 500, 0, 0, 0))


def test_an_unknown_dealership_is_refused_and_leaves_no_row(bench: StockBench) -> None:
    with pytest.raises(PermanentError) as caught:
        bench.sync.run(uuid4(), 999_999, seconds_left=900)
    assert caught.value.code == "UNKNOWN_DEALERSHIP"
    assert bench.execute("SELECT FROM easycars_sync_logs") == []


class BusyDealer(PostgresStockStore):
    """Between comparison and write, the dealer makes one vehicle their own."""

    def known_vehicles(self, run: SyncRun, source_scope: str) -> dict[str, KnownVehicle]:
        known = super().known_vehicles(run, source_scope)
        self._database.connection().execute(
            "UPDATE vehicle SET data_source = 'Manual' WHERE easycars_stock_number = '12'"
        )
        return known


def test_a_vehicle_the_dealer_claimed_since_the_comparison_is_kept_and_counted(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("12"), item("13"))
    bench.source.answers[dealership] = stock_feed(item("12", Price=1), item("13", Price=1))
    sync = StockSync(
        source=bench.source,
        credentials=bench.credentials,
        store=BusyDealer(bench.database),
        mapping=EasyCarsStockReading(),
        images=bench.images,
    )
    result = sync.run(uuid4(), dealership, seconds_left=900)
    assert result.counts == Counts(received=2, updated=1, unchanged=1)
    assert bench.vehicles(dealership)["12"]["price"] != 1


def test_the_database_away_before_the_row_is_retryable(dealership: int) -> None:
    def refuse() -> psycopg.Connection[object]:
        raise psycopg.OperationalError

    away = StockBench(Database(refuse))
    with pytest.raises(RetryableError) as caught:
        away.sync.run(uuid4(), dealership, seconds_left=900)
    assert type(caught.value) is RetryableError
    assert caught.value.code == "DATABASE_AWAY"


def test_losing_the_database_in_the_middle_ends_as_retryable_and_the_retry_finishes(
    bench: StockBench, dealership: int, connect: Connect
) -> None:
    job = uuid4()
    other = connect()

    def cut() -> StockFeed:
        other.connection().execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
        return stock_feed(item("12"))

    bench.source.answers[dealership] = cut
    with pytest.raises(RetryableError):
        bench.sync.run(job, dealership, seconds_left=900)
    bench.source.answers[dealership] = stock_feed(item("12"))
    result = bench.sync.run(job, dealership, seconds_left=900)
    assert result.counts == Counts(received=1, created=1)
