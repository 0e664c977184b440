import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.aws_published import DATABASES, PUBLISHED
from benchmarks.scale_model import LIMITS, SIZES, Limit, answers, first_to_break, page, rows
from benchmarks.scale_plan import EXECUTION_SECONDS, STOCK_RESERVED, Plan, Workload

ROOT = Path(__file__).parents[3]
USUAL = Workload()


def plan(dealerships: int, **changes: Any) -> Plan:
    return Plan(dealerships=dealerships, workload=Workload(**changes))


def test_a_stock_run_is_a_token_a_feed_and_our_own_time() -> None:
    assert USUAL.stock_seconds == pytest.approx(0.3 + 0.3 + 1_000_000 / 5_000_000 + 0.1)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 0.3 + 90 * 0.3 + 0.1),
        ({"vendor_seconds": 0.05}, 0.05 + 90 * 0.2 + 0.1),  # the template's rate decides
        ({"days_open": 365}, 0.3 + 200 * 0.3 + 0.1),  # the rest come first in the next refresh
    ],
)
def test_a_refresh_asks_for_every_open_lead(changes: dict[str, Any], seconds: float) -> None:
    assert Workload(**changes).refresh_seconds == pytest.approx(seconds)


def test_concurrency_is_the_least_that_ends_refreshes_within_the_hour() -> None:
    one = plan(131)
    two = plan(132)

    assert 131 * USUAL.refresh_seconds <= 3600 < 132 * USUAL.refresh_seconds
    assert (one.concurrency, two.concurrency) == (1, 2)


def test_large_feeds_make_the_night_decide() -> None:
    large = plan(1_000, vehicles=5_000, leads_a_day=0)

    assert large.concurrency == 2
    assert large.stock_duration == pytest.approx(500 * 20.7)
    assert large.stock_duration <= 3 * 3600


def test_demand_follows_from_what_runs_at_once() -> None:
    planned = plan(1_000)

    assert planned.concurrency == 8
    assert planned.connections == 2 * 8 + 33
    assert planned.rows_a_second == pytest.approx(8 * 2.5 / 0.9)
    assert planned.vendor_calls_a_second == pytest.approx(8 / 0.3)
    assert planned.transitions_a_second == pytest.approx(8 * 4 / 0.9)


def test_a_night_costs_what_its_parts_cost() -> None:
    each = 0.9 * 0.0000133334 + 0.2e-6 + 4 * 25e-6 + 3e-6 + 0.001 * 0.059 + 3e-6 * 0.67

    assert plan(10).cost_of_a_night == pytest.approx(10 * each)
    assert plan(10_000).cost_of_a_night == pytest.approx(10_000 * each)


def test_a_lead_pays_its_share_of_the_refreshes() -> None:
    day = plan(10).cost_of_refreshes
    each = 27.4 * 0.5 * 0.0000133334 + 0.2e-6 + 4 * 25e-6 + 3e-6 * 0.67
    alone = (
        *(1.29e-6, 0.2e-6, 0.5 * 0.05 * 0.0000133334, 3 * 0.4e-6, 0.5e-6),
        *(0.5 * 0.7 * 0.0000133334, 0.2e-6, 3e-6, 6e-6 * 0.67),
    )

    assert day == pytest.approx(10 * 24 * each)
    assert plan(10).cost_of_a_lead == pytest.approx(sum(alone) + day / 30)


def test_the_database_has_room_for_connections_and_writes() -> None:
    small, large = plan(10), plan(100_000)

    assert small.database is DATABASES[0]
    assert large.connections <= 0.8 * large.database.connections
    below = DATABASES[DATABASES.index(large.database) - 1]
    assert large.connections > 0.8 * below.connections
    assert plan(10_000_000).database is DATABASES[-1]


def test_what_stands_costs_the_same_whether_it_is_used() -> None:
    assert plan(10).cost_of_standing == pytest.approx(24 * (0.20 + 2 * 0.059), rel=0.001)


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
def test_a_limit_breaks_where_more_is_asked_than_it_has(limit: Limit) -> None:
    breaks = limit.breaks_at(USUAL)

    if breaks <= 10_000_000:
        assert limit.demand(plan(breaks)) > limit.value
    assert limit.demand(plan(breaks - 1)) <= limit.value


def test_what_broke_at_a_smaller_size_is_taken_as_cured() -> None:
    first = first_to_break(USUAL, above=0, up_to=100_000)
    assert first is not None
    size, limit = first

    later = first_to_break(USUAL, above=size, up_to=100_000)

    assert size == 132
    assert later is not None
    assert later[0] > size
    assert later[1] is not limit
    assert first_to_break(USUAL, above=0, up_to=131) is None


def test_the_table_has_a_row_for_every_size_and_an_answer_for_all_that_breaks() -> None:
    table = list(rows(USUAL))
    answered = list(answers(USUAL))

    assert [row[0].replace(",", "") for row in table] == [str(size) for size in SIZES]
    assert all(answer for _, _, answer in answered)
    for row in table:
        broken = row[-1].partition(" (from ")[0]
        assert broken == "nothing" or broken in {name for _, name, _ in answered}


def test_every_number_of_aws_names_its_page_and_month() -> None:
    assert len(PUBLISHED) > 10
    for one in PUBLISHED.values():
        assert one.page
        assert re.fullmatch(r"20\d\d-\d\d", one.seen)


def test_the_template_and_the_state_machine_hold_what_the_model_says() -> None:
    class Loader(yaml.SafeLoader):
        """Reads CloudFormation's short forms as None."""

    Loader.add_multi_constructor("!", lambda *_: None)
    template = yaml.load((ROOT / "template.yaml").read_text("utf-8"), Loader)  # noqa: S506
    machine = (ROOT / "statemachines/sync.asl.json").read_text("utf-8")
    parameters = template["Parameters"]

    assert parameters["StockSyncReservedConcurrency"]["Default"] == STOCK_RESERVED
    assert parameters["LeadRefreshLeadsPerRun"]["Default"] == USUAL.leads_a_refresh
    assert f'"TimeoutSeconds": {EXECUTION_SECONDS:.0f}' in machine


def test_the_page_in_docs_is_what_the_model_prints() -> None:
    assert (ROOT / "docs/scale.md").read_text("utf-8") == page(USUAL)
