"""``make bench``: measure against what others would use and print the ratios, all in one run.

A target that is missed is marked and fails nothing: the machine may be busy.
"""

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from operator import ge, le
from pathlib import Path

from benchmarks import drain, dynamics_push, findings, imports, lead_delivery, memory, night
from benchmarks.chart import draw
from benchmarks.server import describe, migrated_server, open_database
from benchmarks.stock import SIDES, Contest, Measured, Side, can_run_peers
from benchmarks.table import Grid, Line, as_markdown, grid_as_markdown, print_grid, print_table
from forecourt.leads.slots import SLOTS

PARTS = ("stock", "memory", "night", "delivery", "drain", "imports", "night-1000", "dynamics-push")
_ON_REQUEST = {"night-1000", "dynamics-push"}
"""Take minutes: measured when they are asked for."""
_VENDOR_SECONDS = 0.05
_BATCHES = 60
_NIGHT_DEALERSHIPS = 100
_NIGHT_LATENCY = 0.3
_NIGHT_CONCURRENCY = 10
_EXECUTIONS = ((0.2, "concurrency"), (1.0, "execution time"))
_SIZES = (50, 500, 5_000)
_QUICK_SIZES = (500,)
_DOCS = Path(__file__).parents[1] / "docs"


def main() -> None:
    """Measure the parts that are asked for and print one table."""
    logging.disable()
    asked = _parser().parse_args()
    wanted = asked.only or [part for part in PARTS if part not in _ON_REQUEST]
    sizes = _QUICK_SIZES if asked.quick else _SIZES
    with migrated_server() as url, open_database(url) as database:
        conditions = (
            f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, {describe(database)};"
            f" medians of up to {asked.rounds} runs in turn"
        )
    lines: list[Line] = []
    peaks = ""
    if "stock" in wanted:
        measured = _stock(sizes, rounds=asked.rounds, far=not asked.quick)
        lines.extend(findings.lines(measured, sizes))
        peaks = findings.peaks(measured, max(sizes)) if max(sizes) == max(_SIZES) else ""
        grids = list(findings.grids(measured, sizes))
        if asked.docs:
            _write_docs(measured, grids, conditions)
        if not asked.markdown:
            for grid in grids:
                print_grid(grid)
    lines.extend(_others(wanted, asked.rounds, peaks))
    if asked.markdown:
        print(as_markdown(lines, conditions))
    else:
        print_table(lines, conditions)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part alone")
    parser.add_argument("--rounds", type=int, default=11, help="measurements per median, at most")
    parser.add_argument(
        "--quick", action="store_true", help="stock: 500 vehicles, database on this machine"
    )
    parser.add_argument("--markdown", action="store_true", help="print as the README holds it")
    parser.add_argument(
        "--docs", action="store_true", help="stock: write docs/speed.md and docs/speed.svg"
    )
    return parser


def _stock(sizes: Sequence[int], *, rounds: int, far: bool) -> Measured:
    sides: Sequence[Side] = SIDES
    if not can_run_peers():
        sides = [side for side in SIDES if not side.installed_apart]
        sys.stderr.write("dlt and Singer are left out: `make bench` sets .venv-peers up.\n")
    with migrated_server() as url, tempfile.TemporaryDirectory() as folder:
        contest = Contest(url, Path(folder), sides)
        for vehicles in sizes:
            for is_far in (False, True)[: 2 if far else 1]:
                contest.run(vehicles, far=is_far, rounds=rounds)
        contest.close()
    return contest.measured


def _write_docs(measured: Measured, grids: Sequence[Grid], conditions: str) -> None:
    (_DOCS / "speed.svg").write_text(draw(findings.panels(measured), conditions), "utf-8")
    tables = "\n\n".join(map(grid_as_markdown, grids))
    page = f"{_SPEED_PAGE}\n{conditions}\n\n{tables}\n"
    (_DOCS / "speed.md").write_text(page, "utf-8")


_SPEED_PAGE = """# Stock syncs side by side

Written by `make bench ARGS="--only stock --docs"`. Every contender makes a table with the columns
and indexes of `vehicle` equal a feed of items of 20 KB, in a process of its own, on the same
server; after each turn the table is compared with the feed. In brackets: how many times
Forecourt's time it takes.

- Forecourt: the whole run of a dealership, with its lock, its log row and the search for pictures.
- slice and hash: no database; the least that can find out what changed.
- raw COPY: the items as jsonb into a table without an index; the least that can store them.
- ORM loop, bulk upsert: SQLAlchemy, mapping with Forecourt's own rules; the bulk upsert writes
  changed rows alone.
- dlt merge (strategy "upsert"), Singer target (MeltanoLabs' target-postgres, with COPY): handed
  rows that are mapped already, from a file.

A database "1.2 ms away" is behind a relay that lengthens each round trip by that much, as between
a Lambda function and RDS in one region.

![Times on a logarithmic scale](speed.svg)
"""


def _others(wanted: Collection[str], rounds: int, peaks: str) -> Iterator[Line]:
    if "memory" in wanted and (line := memory.measure(peaks)) is not None:
        yield line
    if "night" in wanted:
        yield _night()
    if "delivery" in wanted:
        yield _delivery()
    if "drain" in wanted:
        yield from _drain()
    if "imports" in wanted:
        yield imports.measure(rounds)
    if "night-1000" in wanted:
        yield _night_of_thousand()
    if "dynamics-push" in wanted:
        yield from _dynamics_push()


def _night() -> Line:
    measured = night.measure_quiet(
        dealerships=_NIGHT_DEALERSHIPS, latency=_NIGHT_LATENCY, concurrency=_NIGHT_CONCURRENCY
    )
    return Line(
        job=f"a night of {_NIGHT_DEALERSHIPS} dealerships x 50 vehicles, all new,"
        f" {_NIGHT_CONCURRENCY} at once, vendor answers in 300 ms",
        ours=f"{measured.seconds:.1f} s",
        other=f"the vendor alone {measured.bound:.1f} s",
        figure=measured.seconds / measured.bound,
        unit="x",
        target=1.5,
        holds=le,
    )


def _night_of_thousand() -> Line:
    measured = night.measure_troubled(dealerships=1_000, failing=30, concurrency=40)
    reasons = ", ".join(f"{count} {code}" for code, count in measured.reasons.items())
    named = measured.unnamed == 0 and measured.statuses[0] == "FAILED"
    return Line(
        job="a night of 1,000 dealerships x 50 vehicles, 40 at once, 3 % failing",
        ours=f"{measured.synced} of {measured.healthy} healthy synced in {measured.seconds:.0f} s,"
        f" {statistics.median(measured.milliseconds):.0f} ms each,"
        f" {measured.peak_bytes / 1e9:.1f} GB in all processes",
        other=f"{'execution failed and named' if named else 'NOT NAMED'}: {reasons};"
        f" --failed-of repaired {measured.repaired}",
        figure=100 * (measured.synced + measured.repaired) / measured.dealerships,
        unit=" %",
        target=100,
        holds=ge,
    )


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


def _dynamics_push() -> Iterator[Line]:
    for seconds, binding in _EXECUTIONS:
        pushed = dynamics_push.measure(execution_seconds=seconds)
        job = f"{pushed.leads:,} leads to Dynamics at once, {seconds:g} s each: {binding} binds"
        yield Line(
            job=f"{job}; answers of 429",
            ours=f"{pushed.refusals}",
            other="6,000 requests, 1,200 s, 52 at once in 300 s",
            figure=pushed.refusals,
            unit="",
            target=0,
            holds=le,
        )
        yield Line(
            job=f"{job}; simulated time",
            ours=f"{pushed.seconds:.1f} s",
            other=f"the limits allow {pushed.bound:.1f} s",
            figure=pushed.seconds / pushed.bound,
            unit="x",
            target=1.2,
            holds=le,
        )


if __name__ == "__main__":
    main()
