"""When a stock run looks for vehicles whose pictures are due, and which it queues."""

from collections.abc import Callable, Sequence
from uuid import uuid4

import pytest

from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.images.ports import ImageRequest
from forecourt.stock.run import SyncRun
from forecourt.stock.sync import StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from tests.support.stock import StockBench, item, stock_feed

PICTURE = "https://img.test/1.jpg"


class AskedStore(PostgresStockStore):
    """Counts how often a run looked for vehicles whose pictures are due."""

    asked = 0

    def due_images(self, run: SyncRun) -> Sequence[ImageRequest]:
        self.asked += 1
        return super().due_images(run)


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    """A dealership with two vehicles whose pictures are in."""
    dealership = bench.add_dealership()
    bench.run(dealership, item("12", ImageURLs=PICTURE), item("13", ImageURLs=PICTURE))
    bench.execute("UPDATE vehicle SET images_done = images_wanted")
    bench.images.requests.clear()
    return dealership


def run_again(bench: StockBench, dealership: int, picture: str = PICTURE) -> tuple[int, list[str]]:
    """Run with a feed as it was, but for the first picture; times asked, who is queued."""
    store = AskedStore(bench.database)
    bench.source.answers[dealership] = stock_feed(
        item("12", ImageURLs=picture), item("13", ImageURLs=PICTURE)
    )
    StockSync(
        source=bench.source,
        credentials=bench.credentials,
        store=store,
        mapping=EasyCarsStockReading(),
        images=bench.images,
    ).run(uuid4(), dealership, seconds_left=900)
    numbers = {row["id"]: number for number, row in bench.vehicles(dealership).items()}
    return store.asked, [numbers[request.vehicle_id] for request in bench.images.requests]


def test_a_night_with_nothing_new_and_all_pictures_in_does_not_look(
    bench: StockBench, dealership: int
) -> None:
    assert run_again(bench, dealership) == (0, [])


def test_a_vehicle_that_was_written_is_looked_at(bench: StockBench, dealership: int) -> None:
    assert run_again(bench, dealership, "https://img.test/2.jpg") == (1, ["12"])


def make_pictures_due(bench: StockBench) -> None:
    bench.execute("UPDATE vehicle SET images_done = NULL WHERE easycars_stock_number = '13'")


def leave_an_old_orphan(bench: StockBench) -> None:
    bench.execute(
        "INSERT INTO vehicle_image (vehicle_id, dealership_id, position, source_url, state,"
        " orphaned_at) SELECT id, dealership_id, 0, 'https://img.test/0.jpg', 'pending',"
        " now() - interval '8 days' FROM vehicle WHERE easycars_stock_number = '13'"
    )


@pytest.mark.parametrize("prepare", [make_pictures_due, leave_an_old_orphan])
def test_pictures_due_without_any_change_are_queued(
    bench: StockBench, dealership: int, prepare: Callable[[StockBench], None]
) -> None:
    prepare(bench)

    assert run_again(bench, dealership) == (1, ["13"])


def test_another_dealerships_due_pictures_are_its_own(bench: StockBench, dealership: int) -> None:
    other = bench.add_dealership("Northside Autos")
    bench.run(other, item("13", ImageURLs=PICTURE))
    leave_an_old_orphan(bench)
    bench.execute("DELETE FROM vehicle_image WHERE dealership_id = %s", dealership)
    bench.images.requests.clear()

    assert run_again(bench, dealership) == (0, [])
