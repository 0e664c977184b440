from operator import ge, le

import pytest

from benchmarks.table import Grid, Line, as_markdown, grid_as_markdown


def line(**changes: object) -> Line:
    fields = {
        "job": "re-sync",
        "ours": "10 ms",
        "other": "ORM loop 640 ms",
        "figure": 64.0,
        "unit": "x",
        "target": 50,
        "holds": ge,
    }
    return Line(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figure", "holds", "met", "sign"),
    [(64, ge, "yes", "≥"), (49, ge, "NO", "≥"), (1.3, le, "NO", "≤"), (1, le, "yes", "≤")],
)
def test_a_line_says_whether_its_target_holds(
    figure: float, holds: object, met: str, sign: str
) -> None:
    target = 50 if holds is ge else 1.2
    cells = line(figure=figure, holds=holds, target=target).cells

    assert (cells[-1], cells[-2]) == (met, f"{sign} {target:g}x")


def test_lines_in_markdown_end_with_what_they_were_measured_on() -> None:
    assert as_markdown([line()], "2 CPUs").splitlines() == [
        "| job | Forecourt | beside | figure | target | met |",
        "| --- | --- | --- | --- | --- | --- |",
        "| re-sync | 10 ms | ORM loop 640 ms | 64x | ≥ 50x | yes |",
        "",
        "2 CPUs",
    ]


def test_a_grid_compares_every_row_with_the_first() -> None:
    grid = Grid(
        title="500 vehicles",
        headings=("first load", "0 %"),
        rows=[("Forecourt", [0.4, 0.0125]), ("floor", [None, 0.01]), ("ORM loop", [1.6, 0.8])],
    )

    assert grid.cells() == [
        ["Forecourt", "400 ms", "12.5 ms"],
        ["floor", "–", "10.0 ms (0.8x)"],
        ["ORM loop", "1,600 ms (4x)", "800 ms (64x)"],
    ]
    assert grid_as_markdown(grid).splitlines()[:4] == [
        "### 500 vehicles",
        "",
        "|  | first load | 0 % |",
        "| --- | --- | --- |",
    ]
