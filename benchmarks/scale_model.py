"""What 10 to 100,000 dealerships take on AWS: time, concurrency, connections, writes and money.

A model, not a measurement: AWS's published quotas and list prices of ap-southeast-2 (Sydney), the
template's own limits, and what this project's benchmarks measured per run. It names what breaks
first on the way to each size, with what the design does about it.

    python -m benchmarks.scale_model [--vendor-seconds 0.3]
"""

import argparse
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.aws_published import (
    DATABASES,
    KMS_REQUESTS,
    LAMBDA_CONCURRENCY,
    MAP_CHILDREN,
    PUBLISHED,
    STATE_TRANSITIONS,
)
from benchmarks.scale_plan import (
    ASSUMED_VENDOR_CALLS,
    EXECUTION_SECONDS,
    OTHER_SANDBOXES,
    STOCK_RESERVED,
    USABLE_SHARE,
    Plan,
    Workload,
)
from benchmarks.table import markdown_table
from forecourt.stock.plan import CONCURRENCY_DEFAULT, CONCURRENCY_MAX

SIZES = (10, 100, 1_000, 10_000, 100_000)
_LARGEST = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Something that breaks when more is asked of it than it has."""

    name: str
    value: float
    demand: Callable[[Plan], float]
    answer: str

    def breaks_at(self, workload: Workload) -> int:
        """Return the fewest dealerships that ask too much; one more than ten million for none."""
        sizes = range(1, _LARGEST + 1)

        def asks_too_much(dealerships: int) -> bool:
            return self.demand(Plan(dealerships=dealerships, workload=workload)) > self.value

        return bisect_left(sizes, True, key=asks_too_much) + 1


LIMITS: Sequence[Limit] = (
    Limit(
        name="one dealership at a time, the default of easycar_sync_concurrency",
        value=CONCURRENCY_DEFAULT,
        demand=lambda plan: plan.concurrency,
        answer="the setting is raised in the admin API, without a deploy; until then a start that"
        " meets a running one is skipped with a warning, and leads not asked for come first",
    ),
    Limit(
        name=f"StockSyncReservedConcurrency, {STOCK_RESERVED} by default",
        value=STOCK_RESERVED,
        demand=lambda plan: plan.concurrency,
        answer="a parameter; a higher setting is refused until it is raised, so nothing is"
        " throttled",
    ),
    Limit(
        name=f"EasyCars, were it to bear {ASSUMED_VENDOR_CALLS:g} calls a second",
        value=ASSUMED_VENDOR_CALLS,
        demand=lambda plan: plan.vendor_calls_a_second,
        answer="agreed with the vendor first; LeadRefreshCallsPerSecond and the leads' cron lower"
        " it, and a 429's Retry-After is obeyed",
    ),
    *(
        Limit(
            name=f"connections of {database.name}",
            value=USABLE_SHARE * database.connections,
            demand=lambda plan: plan.connections,
            answer="one connection per sandbox and no session state, so a larger class or RDS"
            " Proxy takes its place by a parameter",
        )
        for database in DATABASES
    ),
    Limit(
        name="Lambda's concurrency of a new account's Region",
        value=LAMBDA_CONCURRENCY.value,
        demand=lambda plan: 2 * plan.concurrency + OTHER_SANDBOXES,
        answer="AWS raises it on request; reserved concurrency keeps intake and delivery apart"
        " from the nightly run, so leads go on",
    ),
    Limit(
        name="easycar_sync_concurrency, which goes to 1,000",
        value=CONCURRENCY_MAX,
        demand=lambda plan: plan.concurrency,
        answer="dealerships with a cron of their own leave the nightly plan and spread the load",
    ),
    Limit(
        name="state transitions a second",
        value=STATE_TRANSITIONS.value,
        demand=lambda plan: plan.transitions_a_second,
        answer="Step Functions slows down and loses nothing; AWS raises it on request",
    ),
    Limit(
        name="children of a Distributed Map at once",
        value=MAP_CHILDREN.value,
        demand=lambda plan: plan.concurrency,
        answer="several schedules, each with its own map",
    ),
    Limit(
        name="KMS requests a second",
        value=KMS_REQUESTS.value,
        demand=lambda plan: min(plan.concurrency, plan.dealerships) / plan.workload.stock_seconds,
        answer="a data key is asked for once per credential and sandbox",
    ),
    Limit(
        name="writes of the largest database",
        value=DATABASES[-1].rows_a_second,
        demand=lambda plan: plan.rows_a_second,
        answer="only changed vehicles are written; the map waits, nothing is lost",
    ),
    Limit(
        name="the execution's eight hours",
        value=EXECUTION_SECONDS,
        demand=lambda plan: plan.stock_duration,
        answer="the summary names who did not start; --failed-of runs those alone",
    ),
)


def first_to_break(workload: Workload, *, above: int, up_to: int) -> tuple[int, Limit] | None:
    """Return what breaks first on the way from one size to another, and at how many dealerships.

    What broke on the way to the smaller size is taken as cured.
    """
    broken = [(limit.breaks_at(workload), limit) for limit in LIMITS]
    on_the_way = [(size, limit) for size, limit in broken if above < size <= up_to]
    return min(on_the_way, key=lambda found: found[0], default=None)


HEADINGS = (
    *("dealerships", "at once", "stock run", "connections", "rows/s", "database"),
    *("a night", "refreshes a day", "a lead", "standing a day", "breaks first on the way"),
)


def rows(workload: Workload) -> Iterator[list[str]]:
    """Write the table."""
    smaller = 0
    for size in SIZES:
        plan = Plan(dealerships=size, workload=workload)
        found = first_to_break(workload, above=smaller, up_to=size)
        yield [
            f"{size:,}",
            f"{plan.concurrency:,}",
            _duration(plan.stock_duration),
            f"{plan.connections:,}",
            f"{plan.rows_a_second:,.0f}",
            plan.database.name,
            f"${plan.cost_of_a_night:,.3f}",
            f"${plan.cost_of_refreshes:,.2f}",
            f"${plan.cost_of_a_lead:.5f}",
            f"${plan.cost_of_standing:,.2f}",
            "nothing" if found is None else f"{found[1].name} (from {found[0]:,})",
        ]
        smaller = size


def answers(workload: Workload) -> Iterator[list[str]]:
    """Write what each limit that breaks below the largest size is met with, in order."""
    found = sorted(((limit.breaks_at(workload), limit) for limit in LIMITS), key=lambda one: one[0])
    for size, limit in found:
        if size <= max(SIZES):
            yield [f"{size:,}", limit.name, limit.answer]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


_PAGE = """# What it takes at which size

Written by `python -m benchmarks.scale_model > docs/scale.md`. A model, not a measurement: AWS's
published quotas and list prices for Sydney (below, each with its page and month; USD without tax,
free tiers and discounts), the template's limits, and what `make bench` measured.

A dealership has {load.vehicles} vehicles of {load.item_bytes:,} bytes, of which {load.changed:.0%}
change in a night, and {load.leads_a_day:g} leads a day that stay open {load.days_open:g} days.
EasyCars answers in {load.vendor_seconds:g} s. Concurrency is the least that ends the stock run in
three hours and every hourly refresh of leads before the next; the refresh is what decides.

{table}

"A night" is one stock run, "a lead" its intake, delivery and refreshes while it is open, "standing"
the database in two zones, its storage and two NAT gateways. What breaks first counts from the size
of the row above, with what broke before cured.

## What breaks, and what the design does

{answers}

## Where the numbers come from

{published}

Databases (two zones, as of 2025-06): {databases}.
"""


def page(workload: Workload) -> str:
    """Write docs/scale.md."""
    published = [[f"{one.value:.6g} {one.unit}", one.page, one.seen] for one in PUBLISHED.values()]
    return _PAGE.format(
        load=workload,
        table=markdown_table(HEADINGS, list(rows(workload))),
        answers=markdown_table(("from", "what", "what the design does"), list(answers(workload))),
        published=markdown_table(("value", "AWS's page", "as of"), published),
        databases=", ".join(f"{one.name} ${one.hour:.2f} an hour" for one in DATABASES),
    )


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vendor-seconds", type=float, default=0.3, help="of every answer")
    given = parser.parse_args()
    print(page(Workload(vendor_seconds=given.vendor_seconds)), end="")


if __name__ == "__main__":
    main()
