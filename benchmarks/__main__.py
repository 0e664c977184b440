"""``make bench``: measure against what others would use and print the ratios, all in one run.

A target that is missed is marked and fails nothing: the machine may be busy.
"""

import argparse
import os
import platform
from collections.abc import Iterator
from operator import ge, le

from benchmarks import drain, imports, lead_delivery, memory
from benchmarks.server import describe, migrated_server, open_database
from benchmarks.stock import Contest
from benchmarks.table import Line, as_markdown, print_table
from forecourt.leads.slots import SLOTS

PARTS = ("stock", "memory", "delivery", "drain", "imports")
_VENDOR_SECONDS = 0.05
_BATCHES = 60


def main() -> None:
    """Measure the parts that are asked for and print one table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone")
    parser.add_argument("--rounds", type=int, default=11, help="measurements per median")
    parser.add_argument("--markdown", action="store_true", help="print as the README holds it")
    asked = parser.parse_args()
    wanted = asked.only or PARTS
    with migrated_server() as url, open_database(url) as database:
        conditions = (
            f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, {describe(database)};"
            f" medians of {asked.rounds} runs in turn"
        )
        lines = []
        if "stock" in wanted:
            contest = Contest(database, url)
            contest.run(asked.rounds)
            lines = contest.lines()
    lines.extend(_others(wanted, asked.rounds))
    if asked.markdown:
        print(as_markdown(lines, conditions))
    else:
        print_table(lines, conditions)


def _others(wanted: tuple[str, ...], rounds: int) -> Iterator[Line]:
    if "memory" in wanted and (line := memory.measure()) is not None:
        yield line
    if "delivery" in wanted:
        yield _delivery()
    if "drain" in wanted:
        yield from _drain()
    if "imports" in wanted:
        yield imports.measure(rounds)


def _delivery() -> Line:
    bound = SLOTS / _VENDOR_SECONDS
    bare = lead_delivery.measure_bare_threads(_BATCHES, _VENDOR_SECONDS)
    rate = lead_delivery.measure(batches=_BATCHES, latency=_VENDOR_SECONDS)
    return Line(
        job="deliveries per second, vendor answers in 50 ms",
        ours=f"{rate:.0f}",
        other=f"bound {bound:.0f}; threads that store nothing {bare:.0f}",
        figure=100 * rate / bound,
        unit=" %",
        target=85,
        holds=ge,
    )


def _drain() -> Iterator[Line]:
    measured = drain.measure(latency=_VENDOR_SECONDS)
    hours = drain.OUTAGE_SECONDS / 3600
    yield Line(
        job=f"EasyCars down for {hours:.0f} h, {measured.leads:,} leads come in: calls a second",
        ours=f"{measured.calls:,} calls",
        other=f"one call for each lead: {measured.leads:,}",
        figure=measured.calls / drain.OUTAGE_SECONDS,
        unit="/s",
        target=1,
        holds=le,
    )
    yield Line(
        job="then all of them are delivered",
        ours=f"{measured.seconds:.0f} s; to the dealership with one {measured.lone_seconds:.0f} s",
        other=f"latency over slots {measured.latency_bound:.0f} s;"
        f" ten a second for the largest dealership {measured.ration_bound:.0f} s",
        figure=measured.seconds / measured.bound,
        unit="x",
        target=1.5,
        holds=le,
    )


if __name__ == "__main__":
    main()
