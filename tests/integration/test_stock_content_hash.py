"""After which events a vehicle is written again though the feed says the same as before.

The hash stands for "the row is as this item makes it"; each of these ends that (design 4).
"""

from collections.abc import Callable
from uuid import uuid4

import pytest

from forecourt.easycars.stock_messages import StockFeed
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.security.credentials import Environment
from forecourt.stock.run import Counts
from forecourt.stock.sync import StockSync
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresStockStore
from forecourt.storage.vehicle_edits import PostgresVehicleEdits
from tests.support.lead_delivery import ACTOR
from tests.support.stock import StockBench, item, stock_feed

SAME = item("12", Price=100)
OTHER = item("13")


class NextReading(EasyCarsStockReading):
    """The mapping after a change of its rules."""

    version = EasyCarsStockReading.version + 1


class Yard:
    """One dealership with two vehicles, and what can happen to the first."""

    def __init__(self, database: Database) -> None:
        self.bench = StockBench(database)
        self.edits = PostgresVehicleEdits(database)
        self.dealership = self.bench.add_dealership()
        self.night()

    def night(self) -> Counts:
        return self.bench.run(self.dealership, SAME, OTHER).counts

    def content_hash(self) -> bytes | None:
        digest: bytes | None = self.bench.vehicles(self.dealership)["12"]["content_hash"]
        return digest

    def change(self, *, lock: str = "", unlock: str = "", **values: object) -> None:
        vehicle_id = self.bench.vehicles(self.dealership)["12"]["id"]
        self.edits.change(
            vehicle_id, None, values=values, lock={lock} - {""}, unlock={unlock} - {""}, actor=ACTOR
        )

    def remove(self) -> None:
        self.bench.run(self.dealership, OTHER)

    def edit(self) -> None:
        self.change(price=1)

    def lock(self) -> None:
        self.change(lock="title")

    def unlock(self) -> None:
        self.change(lock="title")
        self.night()
        self.change(unlock="title")

    def change_environment(self) -> None:
        self.bench.credentials.environment = Environment.PRODUCTION

    def change_account(self) -> None:
        self.bench.credentials.account = "EC999999"

    def change_yard(self) -> None:
        self.bench.credentials.yard_code = "100"

    def change_mapping(self) -> None:
        self.bench.sync = StockSync(
            source=self.bench.source,
            credentials=self.bench.credentials,
            store=PostgresStockStore(self.bench.database),
            mapping=NextReading(),
            images=self.bench.images,
        )


@pytest.fixture
def yard(database: Database) -> Yard:
    return Yard(database)


@pytest.mark.parametrize("event", [Yard.remove, Yard.edit, Yard.lock, Yard.unlock])
def test_one_vehicle_s_event_has_it_alone_written_again(
    yard: Yard, event: Callable[[Yard], None]
) -> None:
    event(yard)
    assert yard.content_hash() is None
    assert yard.night() == Counts(received=2, updated=1, unchanged=1)
    assert yard.content_hash() is not None
    assert yard.night() == Counts(received=2, unchanged=2)


@pytest.mark.parametrize(
    "event", [Yard.change_environment, Yard.change_account, Yard.change_yard, Yard.change_mapping]
)
def test_what_all_vehicles_come_from_has_all_written_again(
    yard: Yard, event: Callable[[Yard], None]
) -> None:
    event(yard)
    assert yard.night() == Counts(received=2, updated=2)
    assert yard.night() == Counts(received=2, unchanged=2)


def test_without_an_event_nothing_is_written(yard: Yard) -> None:
    before = yard.bench.vehicles(yard.dealership)
    assert yard.night() == Counts(received=2, unchanged=2)
    assert yard.bench.vehicles(yard.dealership) == before


def test_an_edit_in_the_middle_of_a_run_is_not_called_written(yard: Yard) -> None:
    def edited_while_the_vendor_answers() -> StockFeed:
        yard.change(price=1)
        return stock_feed(SAME, OTHER)

    yard.bench.source.answers[yard.dealership] = edited_while_the_vendor_answers
    result = yard.bench.sync.run(uuid4(), yard.dealership, seconds_left=900)
    assert result.counts == Counts(received=2, updated=1, unchanged=1)
