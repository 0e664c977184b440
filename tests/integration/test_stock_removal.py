from uuid import uuid4

import pytest

from forecourt.errors import RetryableError
from forecourt.security.credentials import Environment
from forecourt.stock.run import Counts, SyncStatus
from forecourt.storage.postgres import Database
from tests.support.stock import StockBench, item, several, stock_feed


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


@pytest.fixture
def dealership(bench: StockBench) -> int:
    return bench.add_dealership()


def sold(bench: StockBench, dealership: int) -> set[str]:
    return {number for number, row in bench.vehicles(dealership).items() if row["status"] == "sold"}


def accept(
    bench: StockBench, dealership: int, *numbers: int, log_id: int | None = None
) -> SyncStatus:
    """Sync once more with a person's word to what a log row, or the newest, proposed."""
    bench.source.answers[dealership] = stock_feed(*several(numbers))
    agreed = bench.logs(dealership)[-1]["id"] if log_id is None else log_id
    return bench.sync.run(uuid4(), dealership, seconds_left=900, accept_removals=agreed).status


def test_a_vehicle_that_left_the_feed_is_sold_and_counted_apart(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    result = bench.run(dealership, item("1"))
    assert result.counts == Counts(received=1, unchanged=1, removed=1)
    assert result.status is SyncStatus.SUCCESS
    row = bench.vehicles(dealership)["2"]
    assert (row["status"], row["content_hash"]) == ("sold", None)
    assert row["removed_from_feed_at"] is not None
    assert bench.logs(dealership)[-1]["records_removed"] == 1


def test_it_is_removed_once(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"))
    before = bench.vehicles(dealership)
    assert bench.run(dealership, item("1")).counts == Counts(received=1, unchanged=1)
    assert bench.vehicles(dealership) == before


def test_it_comes_back_as_it_was_even_if_the_feed_says_the_same_as_before(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"))
    result = bench.run(dealership, item("1"), item("2"))
    row = bench.vehicles(dealership)["2"]
    assert result.counts == Counts(received=2, updated=1, unchanged=1)
    assert (row["status"], row["removed_from_feed_at"]) == ("active", None)


@pytest.mark.parametrize(("missing", "removed"), [(19, 19), (21, 0), (40, 0)])
def test_the_guard_on_fifty_vehicles(
    bench: StockBench, dealership: int, missing: int, removed: int
) -> None:
    bench.run(dealership, *several(range(50)))
    result = bench.run(dealership, *several(range(missing, 50)))
    assert result.counts.removed == removed
    assert len(sold(bench, dealership)) == removed
    assert result.status is (SyncStatus.SUCCESS if removed else SyncStatus.WARNING)
    log = bench.logs(dealership)[-1]
    if not removed:
        assert f"{missing} vehicles are no longer in the feed" in log["error_message"]
        assert log["error_details"]["proposedRemovals"]["total"] == missing


def test_what_was_held_goes_when_a_person_accepts_it(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, *several(range(50)))
    bench.run(dealership, *several(range(40, 50)))
    assert accept(bench, dealership, *range(40, 50)) is SyncStatus.SUCCESS
    assert len(sold(bench, dealership)) == 40


def test_accepting_takes_no_vehicle_that_was_not_proposed(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, *several(range(100)))
    bench.run(dealership, *several(range(40, 100)))
    assert accept(bench, dealership, *range(90, 100)) is SyncStatus.WARNING
    assert len(sold(bench, dealership)) == 40
    assert bench.logs(dealership)[-1]["error_details"]["proposedRemovals"]["total"] == 50


def test_only_what_the_person_saw_goes_though_a_later_run_proposed_more(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, *several(range(100)))
    bench.run(dealership, *several(range(40, 100)))
    seen = bench.logs(dealership)[-1]["id"]
    bench.run(dealership, *several(range(80, 100)))

    accept(bench, dealership, *range(80, 100), log_id=seen)

    assert sold(bench, dealership) == {str(number) for number in range(40)}


def test_another_dealerships_proposal_removes_nothing(bench: StockBench, dealership: int) -> None:
    other = bench.add_dealership("Bayside Autos")
    for one in (dealership, other):
        bench.run(one, *several(range(50)))
        bench.run(one, *several(range(40, 50)))

    accept(bench, dealership, *range(40, 50), log_id=bench.logs(other)[-1]["id"])

    assert sold(bench, dealership) == set()


def test_accepting_without_a_proposal_is_a_run_like_any_other(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, *several(range(50)))
    assert accept(bench, dealership, *range(40, 50)) is SyncStatus.WARNING
    assert sold(bench, dealership) == set()


def test_a_warning_of_the_vendor_removes_nothing(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"), warning="Some vehicles are being updated.")
    assert sold(bench, dealership) == set()


def test_an_item_without_a_stock_number_might_be_the_missing_one(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"), item(None))
    assert sold(bench, dealership) == set()


def test_an_item_that_cannot_be_mapped_is_in_the_feed_all_the_same(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    result = bench.run(dealership, item("1"), item("2", YearGroup=20201))
    assert result.counts.failed == 1
    assert sold(bench, dealership) == set()


def test_an_empty_feed_removes_nothing(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("1"))
    assert bench.run(dealership).status is SyncStatus.WARNING
    assert sold(bench, dealership) == set()


@pytest.mark.parametrize("change", ["environment", "account", "yard_code"])
def test_vehicles_of_another_scope_are_proposed_not_removed(
    bench: StockBench, dealership: int, change: str
) -> None:
    bench.run(dealership, item("1"), item("2"))
    other = {"environment": Environment.PRODUCTION, "account": "EC2", "yard_code": "200"}
    setattr(bench.credentials, change, other[change])
    result = bench.run(dealership, item("2"), item("3"))
    assert (result.status, sold(bench, dealership)) == (SyncStatus.WARNING, set())
    details = bench.logs(dealership)[-1]["error_details"]
    assert details["proposedRemovals"]["stockNumbers"] == ["1"]
    assert accept(bench, dealership, 2, 3) is SyncStatus.SUCCESS
    assert sold(bench, dealership) == {"1"}


def test_a_dealers_own_vehicle_is_never_removed(bench: StockBench, dealership: int) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.execute("UPDATE vehicle SET data_source = 'Manual' WHERE easycars_stock_number = '2'")
    assert bench.run(dealership, item("1")).counts.removed == 0


def test_a_locked_status_stays_though_the_vehicle_left_the_feed(
    bench: StockBench, dealership: int
) -> None:
    bench.run(dealership, item("1"), item("2"))
    bench.execute(
        "UPDATE vehicle SET status = 'pending', locked_fields = '{status}'"
        " WHERE easycars_stock_number = '2'"
    )
    assert bench.run(dealership, item("1")).counts.removed == 1
    row = bench.vehicles(dealership)["2"]
    assert row["status"] == "pending"
    assert row["removed_from_feed_at"] is not None


def test_a_run_that_crashed_after_removing_is_told_as_a_whole_by_its_retry(
    bench: StockBench, dealership: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.run(dealership, item("1"), item("2"))
    job = uuid4()
    bench.source.answers[dealership] = stock_feed(item("1"))
    closing = bench.credentials.mark_synced

    def crash(_: int) -> None:
        raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

    monkeypatch.setattr(bench.credentials, "mark_synced", crash)
    with pytest.raises(RetryableError):
        bench.sync.run(job, dealership, seconds_left=900)
    monkeypatch.setattr(bench.credentials, "mark_synced", closing)
    result = bench.sync.run(job, dealership, seconds_left=900)
    assert result.counts == Counts(received=1, unchanged=1, removed=1)


def test_another_dealerships_vehicle_of_the_same_number_stays(
    bench: StockBench, dealership: int
) -> None:
    other = bench.add_dealership("Bayside Autos")
    bench.run(other, item("2"))
    bench.run(dealership, item("1"), item("2"))
    bench.run(dealership, item("1"))
    assert (sold(bench, dealership), sold(bench, other)) == ({"2"}, set())
