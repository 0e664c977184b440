"""What the parts of the demonstration share: promises and what was seen, and the dealers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.rule import Rule

from local.commands.output import console, text


@dataclass(slots=True)
class Checks:
    """What the demonstration promised and what was seen; it succeeds only if all agree."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def expect(self, what: str, expected: object, seen: object) -> None:
        """Note one promise and whether it was kept."""
        self.rows.append((what, str(expected), str(seen)))

    @property
    def broken(self) -> list[str]:
        """Name the promises that were not kept."""
        return [what for what, expected, seen in self.rows if expected != seen]


@dataclass(frozen=True, slots=True)
class Dealer:
    """One dealership of the demonstration and the vendor's account it uses."""

    dealership_id: int
    name: str
    site_key: str
    account: dict[str, Any]


def step(title: str) -> None:
    """Begin a part of the demonstration."""
    console.print(Rule(text(title), align="left"))
