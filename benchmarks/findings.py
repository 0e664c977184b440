"""What the contest of stock syncs shows: lines with targets, grids, and the bars of the chart."""

from collections.abc import Iterator, Sequence
from operator import ge, le

from benchmarks.chart import Bar, Panel
from benchmarks.stock import (
    BULK,
    DLT,
    FIRST,
    JOBS,
    ORM,
    OURS,
    RAW_COPY,
    ROUND_TRIP,
    SAME,
    SIDES,
    SINGER,
    SLICE_AND_HASH,
    SOME,
    Cell,
    Measured,
    Side,
)
from benchmarks.table import Grid, Line

_FEWEST_WITH_TARGETS = 500
"""Below this the four statements of a run, which no peer's floor has, are most of its time."""

_CHARTED_VEHICLES = 500
_CHARTED_JOBS = (SAME, SOME, FIRST)

_TARGETS: Sequence[tuple[str, str, Side, float]] = (
    (SAME, "re-sync of {}, nothing changed", SLICE_AND_HASH, 1.3),
    (SAME, "re-sync of {}, nothing changed", ORM, 50),
    (SAME, "re-sync of {}, nothing changed", DLT, 150),
    (SOME, "re-sync of {}, 5 % changed", SLICE_AND_HASH, 2.5),
    (FIRST, "first load of {}", RAW_COPY, 3),
)
_FLOORS = {SLICE_AND_HASH.name, RAW_COPY.name}


def lines(measured: Measured, sizes: Sequence[int]) -> Iterator[Line]:
    """Hold what was measured with the database beside the function against the targets."""
    for vehicles in sizes:
        for job, words, peer, target in _TARGETS:
            cell = Cell(vehicles, False, job)
            ours, theirs = measured.median(cell, OURS), measured.median(cell, peer)
            if vehicles < _FEWEST_WITH_TARGETS or ours is None or theirs is None:
                continue
            to_floor = peer.name in _FLOORS
            yield Line(
                job=words.format(f"{vehicles:,}"),
                ours=f"{ours * 1000:,.1f} ms",
                other=f"{peer.name} {theirs * 1000:,.1f} ms",
                figure=ours / theirs if to_floor else theirs / ours,
                unit="x",
                target=target,
                holds=le if to_floor else ge,
            )


def grids(measured: Measured, sizes: Sequence[int]) -> Iterator[Grid]:
    """Set all contenders side by side, by size of feed and distance of the database."""
    for vehicles in sizes:
        for far in (False, True):
            rows = [
                (side.name, [measured.median(Cell(vehicles, far, job), side) for job in JOBS])
                for side in SIDES
            ]
            taken_part = [(name, times) for name, times in rows if any(times)]
            if not taken_part:
                continue
            place = f"{ROUND_TRIP * 1000:g} ms away" if far else "on this machine"
            yield Grid(
                title=f"{vehicles:,} vehicles, database {place}", headings=JOBS, rows=taken_part
            )


def panels(measured: Measured) -> list[Panel]:
    """Draw the feed that is most like a dealership's."""
    return [
        Panel(
            title=f"{_CHARTED_VEHICLES} vehicles, {job}",
            bars=[
                Bar(
                    label=side.name,
                    value=seconds * 1000,
                    kind="ours" if side is OURS else "floor" if side.name in _FLOORS else "peer",
                )
                for side in (OURS, SLICE_AND_HASH, RAW_COPY, BULK, ORM, SINGER, DLT)
                if (seconds := measured.median(Cell(_CHARTED_VEHICLES, False, job), side))
            ],
        )
        for job in _CHARTED_JOBS
    ]


def peaks(measured: Measured, vehicles: int) -> str:
    """Say how much memory the others take for a feed of this size; empty where nothing tells."""
    return ", ".join(
        f"{side.name} {measured.peaks[vehicles, side.name] / 1_000_000:.0f} MB"
        for side in (ORM, BULK, DLT, SINGER)
        if (vehicles, side.name) in measured.peaks
    )
