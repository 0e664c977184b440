"""Whatever the vendor sends: the numbers add up, and a second run finds nothing to do."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecourt.errors import PermanentError
from forecourt.stock.run import Counts
from forecourt.storage.postgres import Database
from tests.support.stock import StockBench, counts_of

ANY_DATABASE = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

anything = st.one_of(
    st.text(max_size=120),
    st.sampled_from(["nul\0", "half \ud83d", "\udc00 other half", "\\u0000", '"', "\\"]),
)
number = st.one_of(
    st.none(),
    st.integers(-5, 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, 45990.5, -1]),
)
stock_numbers = st.one_of(
    st.sampled_from(["1", "2", " 2 ", "A-7", "", None, 12, "x" * 101]), anything
)
plausible = st.fixed_dictionaries(
    {
        "StockNumber": stock_numbers,
        "Make": anything,
        "Model": anything,
        "YearGroup": st.one_of(st.integers(1890, 2110), st.none()),
        "Price": number,
    },
    optional={
        "Odometer": number,
        "VIN": anything,
        "AdvDescription": anything,
        "StandardFeatures": anything,
        "IsUsed": st.sampled_from([True, False, None, "yes"]),
        "DoorNum": number,
        "StockStatus": anything,
        "Surprise": st.recursive(anything, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    },
)
items = st.one_of(
    plausible,
    plausible,
    plausible,
    st.sampled_from([None, 7, "text", [], {}, {"StockNumber": "1"}]),
)
feeds = st.lists(items, max_size=12)


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


def as_feed(feed: list[Any]) -> list[bytes]:
    return [json.dumps(one).encode() for one in feed]  # \u escapes: any text may be in them


def run(bench: StockBench, dealership: int, feed: list[Any]) -> Counts:
    """Sync, also where no item is usable; return what the row says."""
    with suppress(PermanentError):
        bench.run(dealership, *as_feed(feed))
    log = bench.logs(dealership)[-1]
    assert log["status"] != "Failed" or "NO_USABLE_ITEM" in log["error_message"]
    received, created, updated, unchanged, failed = counts_of(log)
    return Counts(
        received=received,
        created=created,
        updated=updated,
        unchanged=unchanged,
        failed=failed,
        removed=log["records_removed"],
    )


@ANY_DATABASE
@given(feed=feeds)
def test_a_second_run_of_any_feed_changes_nothing(bench: StockBench, feed: list[Any]) -> None:
    dealership = bench.add_dealership()
    first = run(bench, dealership, feed)
    rows = bench.vehicles(dealership)
    second = run(bench, dealership, feed)
    assert first.received == second.received == len(feed)
    assert first.add_up
    assert (first.updated, first.unchanged) == (0, 0)
    assert first.created == len(rows)
    assert second == Counts(received=len(feed), unchanged=first.created, failed=first.failed)
    assert bench.vehicles(dealership) == rows


@ANY_DATABASE
@given(before=feeds, after=feeds)
def test_after_any_two_feeds_the_counts_are_what_the_rows_tell(
    bench: StockBench, before: list[Any], after: list[Any]
) -> None:
    dealership = bench.add_dealership()
    run(bench, dealership, before)
    old = bench.vehicles(dealership)
    counts = run(bench, dealership, after)
    new = bench.vehicles(dealership)
    assert counts.add_up
    assert counts.created == len(new.keys() - old.keys())
    gone = {number for number, row in new.items() if row["removed_from_feed_at"] is not None}
    assert counts.removed == len(gone)
    assert counts.updated + counts.removed == sum(new[name] != row for name, row in old.items())
    assert old.keys() <= new.keys()
