"""One line per claim: what was measured, beside what, and whether the target holds."""

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


def print_table(lines: Sequence[Line], conditions: str) -> None:
    """Print for a terminal."""
    table = Table(*HEADINGS, title=conditions, title_justify="left")
    for line in lines:
        table.add_row(*line.cells, style=None if line.met else "bold red")
    Console().print(table)


def as_markdown(lines: Sequence[Line], conditions: str) -> str:
    """Write the table as the README holds it."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(line.cells for line in lines)]
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", conditions])
