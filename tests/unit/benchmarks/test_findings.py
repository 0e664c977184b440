from benchmarks.findings import grids, lines, panels, peaks
from benchmarks.stock import (
    DLT,
    FIRST,
    ORM,
    OURS,
    RAW_COPY,
    SAME,
    SLICE_AND_HASH,
    SOME,
    Cell,
    Measured,
)


def measured(vehicles: int = 500) -> Measured:
    seconds = {
        (SAME, OURS.name): [0.9, 0.012, 0.013],
        (SAME, SLICE_AND_HASH.name): [0.01],
        (SAME, ORM.name): [0.52],
        (SAME, DLT.name): [2.6],
        (SOME, OURS.name): [0.03],
        (SOME, SLICE_AND_HASH.name): [0.01],
        (FIRST, OURS.name): [0.4],
        (FIRST, RAW_COPY.name): [0.2],
    }
    return Measured(
        times={(Cell(vehicles, False, job), name): all_ for (job, name), all_ in seconds.items()},
        peaks={(vehicles, ORM.name): 466_000_000},
    )


def test_medians_are_held_against_the_targets() -> None:
    found = [(line.job, line.cells[3], line.met) for line in lines(measured(), [500])]

    assert found == [
        ("re-sync of 500, nothing changed", "1.3x", True),
        ("re-sync of 500, nothing changed", "40x", False),
        ("re-sync of 500, nothing changed", "200x", True),
        ("re-sync of 500, 5 % changed", "3x", False),
        ("first load of 500", "2x", True),
    ]


def test_small_feeds_have_no_targets() -> None:
    assert not list(lines(measured(50), [50]))


def test_a_grid_leaves_out_who_took_no_part() -> None:
    [grid] = grids(measured(), [50, 500])

    assert grid.title == "500 vehicles, database on this machine"
    assert [name for name, _ in grid.rows] == [
        *(OURS.name, SLICE_AND_HASH.name, RAW_COPY.name, ORM.name, DLT.name)
    ]
    assert grid.rows[0] == (OURS.name, [0.4, 0.013, 0.03, None])


def test_the_chart_shows_milliseconds_and_marks_ours_and_the_floors() -> None:
    [same, *_] = panels(measured())

    assert [(bar.label, bar.value, bar.kind) for bar in same.bars][:3] == [
        (OURS.name, 13.0, "ours"),
        (SLICE_AND_HASH.name, 10.0, "floor"),
        (ORM.name, 520.0, "peer"),
    ]


def test_peaks_of_the_others_are_told() -> None:
    assert peaks(measured(), 500) == "ORM loop 466 MB"
    assert peaks(measured(), 50) == ""
