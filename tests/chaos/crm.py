"""What the harness has to know of a CRM; all else is the same for every one of them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from forecourt.storage.postgres import Connection
from local.simulation.faults import PlannedFault
from local.simulation.service import SimulatedVendor
from tests.chaos.accepted_leads import AcceptedLead, Homes
from tests.support.lead_delivery import Scene

type Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; ``kind`` is a word of the figures."""

    kind: str
    text: str


class Records(Protocol):
    """How what a CRM holds of our leads is read."""

    @property
    def justified_by(self) -> Mapping[str, Sequence[str]]:
        """By the code of a parked lead, the faults that may have led to it."""
        ...

    def home_of(self, lead: AcceptedLead | Homes) -> str | None:
        """Name the account or environment of a lead or dealership; None where it has none."""
        ...

    def owner_of(self, copy: Row) -> str | None:
        """Name the lead of ours a record shows; None for what staff or others brought."""
        ...

    def place_of(self, copy: Row) -> str:
        """Say where a record stands."""
        ...

    def compare(self, lead: AcceptedLead, row: Row, copy: Row) -> Sequence[Finding]:
        """Compare a delivered lead's one record with its last version and its ledger's row."""
        ...


class Crm(Protocol):
    """One CRM in one run: its simulator, and how the harness makes trouble for it."""

    target: str
    """As ``lead_delivery.target`` has it."""
    function: str
    """Whose workers call it."""
    in_doubt: str
    """SELECT of ``external_id`` and ``state`` of what is not known to be there yet."""
    waiting: str
    """SELECT of the ``pid`` of sessions that :meth:`hold_commits` keeps waiting."""
    dead_hold_seconds: float
    """For so long others really wait for what dead workers hold; time is let pass instead."""
    probe_operations: frozenset[str]
    """Requests that only look."""

    @property
    def records(self) -> Records: ...

    @property
    def simulator(self) -> SimulatedVendor[Any]: ...

    def draw_faults(self, chance: random.Random, homes: Sequence[str]) -> Sequence[PlannedFault]:
        """Draw what the requests of a wave meet."""
        ...

    def befall(self, home: str, chance: random.Random) -> None:
        """Do what staff or another source does there while leads are sent."""
        ...

    def calm(self) -> None:
        """Misbehave no more."""
        ...

    def release(self, scene: Scene, row: Row) -> None:
        """Send a parked lead again, as a person does; ``row`` has the ids of it and its lead."""
        ...

    def book(self, scene: Scene) -> Sequence[Row]:
        """List what it holds."""
        ...

    def hold_commits(self, connection: Connection) -> None:
        """Let the recording of outcomes wait until a transaction ends."""
        ...

    def add_dealerships(self, scene: Scene, homes: int, dealerships: int) -> dict[int, Homes]:
        """Add dealerships that share homes."""
        ...


def told(row: Row | None) -> str:
    """Say what the ledger has of a lead."""
    if row is None:
        return "not in the ledger"
    shown = ("state", "remote", "attempts", "last_error_code", "last_error")
    return ", ".join(f"{name} {row.get(name)!r}" for name in shown)
