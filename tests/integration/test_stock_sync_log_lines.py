"""What the log says of one dealership's run."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.stock.sync import CHUNK_ROWS, WORD_SECONDS, StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from tests.support.stock import StockBench, item, several, stock_feed


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[Any]:
    return [record for record in caplog.records if record.message == message]


def test_a_run_is_told_at_its_start_and_at_its_end_with_its_numbers(
    bench: StockBench, caplog: pytest.LogCaptureFixture
) -> None:
    dealership = bench.add_dealership()
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"), item("2"))

    started = lines(caplog, "Stock sync started")
    first, second = lines(caplog, "Stock sync ended")
    assert [one.dealership_id for one in started] == [dealership] * 2
    assert [one.job_id for one in started] == [first.job_id, second.job_id]
    assert (first.status, first.result, first.counts["created"]) == ("Success", "2 created", 2)
    assert second.result == "nothing new: 2 unchanged"


def in_steps(seconds: float) -> Callable[[], float]:
    """A clock on which so much time passes between two looks."""
    now = -seconds

    def look() -> float:
        nonlocal now
        now += seconds
        return now

    return look


@pytest.mark.parametrize(("seconds", "told"), [(WORD_SECONDS, 2), (WORD_SECONDS / 2, 1), (1, 0)])
def test_a_long_run_says_every_five_minutes_how_far_it_is(
    bench: StockBench, caplog: pytest.LogCaptureFixture, seconds: float, told: int
) -> None:
    dealership = bench.add_dealership()
    sync = StockSync(
        source=bench.source,
        credentials=bench.credentials,
        store=PostgresStockStore(bench.database),
        mapping=EasyCarsStockReading(),
        images=bench.images,
        clock=in_steps(seconds),
    )
    bench.source.answers[dealership] = stock_feed(*several(range(3 * CHUNK_ROWS)))

    sync.run(uuid4(), dealership, seconds_left=100_000)

    said = lines(caplog, "Stock sync goes on")
    assert len(said) == told
    if told == 2:
        assert [one.written for one in said] == [CHUNK_ROWS, 2 * CHUNK_ROWS]
        assert said[0].received == 3 * CHUNK_ROWS
