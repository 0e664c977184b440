"""How an embedded stack is to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from local.sandbox_pool import SANDBOXES_AT_MOST

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class StackOptions:
    """How a stack is to run.

    Attributes
    ----------
    data
        The data folder.
    port
        The port of the HTTP API; 0 picks a free one.
    database_url
        A PostgreSQL to use in the place of the embedded one.
    easycars_url
        An EasyCars to use in the place of the simulator, for both environments.
    dynamics_url
        A Dynamics 365, with its token authority, to use in the place of the simulator.
    template
        The template to run.
    sandboxes
        How many sandboxes of one function may run at once.
    """

    data: Path = Path(".forecourt")
    port: int = 3000
    database_url: str | None = None
    easycars_url: str | None = None
    dynamics_url: str | None = None
    template: Path = field(default=PROJECT / "template.yaml")
    sandboxes: int = SANDBOXES_AT_MOST
