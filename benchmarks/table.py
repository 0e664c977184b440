"""What was measured as tables: a line per claim, a grid per setting; for a terminal or Markdown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measurement; ``figure`` is what ``target`` is about."""

    job: str
    ours: str
    other: str
    figure: float
    unit: str
    target: float
    holds: Callable[[float, float], bool]

    @property
    def met(self) -> bool:
        """Whether the target holds."""
        return self.holds(self.figure, self.target)

    @property
    def cells(self) -> tuple[str, str, str, str, str, str]:
        """The line as text."""
        sign = "≥" if self.holds(1, 0) else "≤"
        return (
            self.job,
            self.ours,
            self.other,
            f"{self.figure:.3g}{self.unit}",
            f"{sign} {self.target:g}{self.unit}",
            "yes" if self.met else "NO",
        )


HEADINGS = ("job", "Forecourt", "beside", "figure", "target", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Times side by side, in seconds; the first row is what the others are compared with.

    Parameters
    ----------
    rows
        By name, one time for each heading; None where there is none.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[float | None]]]

    def cells(self) -> list[list[str]]:
        """Write the rows: milliseconds, and how many times the first row's they are."""
        ours = self.rows[0][1]
        return [
            [name, *(_time(time, own) for time, own in zip(times, ours, strict=True))]
            for name, times in self.rows
        ]


def print_table(lines: Sequence[Line], conditions: str) -> None:
    """Print for a terminal."""
    table = Table(*HEADINGS, title=conditions, title_justify="left")
    for line in lines:
        table.add_row(*line.cells, style=None if line.met else "bold red")
    Console().print(table)


def print_grid(grid: Grid) -> None:
    """Print for a terminal."""
    table = Table("", *grid.headings, title=grid.title, title_justify="left")
    for row in grid.cells():
        table.add_row(*row)
    Console().print(table)


def as_markdown(lines: Sequence[Line], conditions: str) -> str:
    """Write the table as the README holds it."""
    return f"{markdown_table(HEADINGS, [line.cells for line in lines])}\n\n{conditions}"


def grid_as_markdown(grid: Grid) -> str:
    """Write a grid under its title."""
    return f"### {grid.title}\n\n{markdown_table(('', *grid.headings), grid.cells())}"


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of text."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _time(seconds: float | None, own: float | None) -> str:
    if seconds is None:
        return "–"
    milliseconds = seconds * 1000
    shown = f"{milliseconds:,.1f} ms" if milliseconds < 100 else f"{milliseconds:,.0f} ms"
    return shown if own is None or own == seconds else f"{shown} ({seconds / own:.3g}x)"
