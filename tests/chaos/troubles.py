"""What may go wrong in a wave, drawn from the run's seed."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from forecourt.leads.steps import Step
from local.simulation.faults import PlannedFault
from tests.chaos.workers import Doom

# (step, how many times it may have been reached before, longest time after it in seconds)
_DEATHS: tuple[tuple[Step | None, int, float], ...] = (
    (Step.STORED, 1, 0.0),
    (Step.STORED, 1, 0.01),  # while it claims
    (Step.CLAIMED, 1, 0.0),
    (Step.CALLING, 6, 0.0),
    (Step.CALLING, 6, 0.03),  # during the call
    (Step.CALLED, 6, 0.0),
    (Step.CALLED, 6, 0.006),  # while it records
    (Step.RECORDED, 4, 0.0),
    (Step.RECORDED, 2, 0.01),
    (Step.WOKEN, 2, 0.0),
    (Step.ANNOUNCED, 1, 0.0),
    (Step.ACKNOWLEDGING, 1, 0.0),
    (Step.ACKNOWLEDGING, 1, 0.005),
    (None, 1, 0.25),  # anywhere
)

_AWS = (
    ("SendMessageBatch", "refused"),
    ("SendMessageBatch", "partly"),
    ("SendMessageBatch", "unheard"),
    ("SendMessage", "refused"),
    ("ChangeMessageVisibility", "refused"),
    ("GetSecretValue", "refused"),
    ("Decrypt", "refused"),
    ("Publish", "refused"),
    ("PublishBatch", "refused"),
)
_AWS_TRIES = 3
_JUMPS = (1, 5, 31, 61, 100, 155, 185, 200, 400, 725, 905, 3700)


type DrawFaults = Callable[[random.Random], Sequence[PlannedFault]]


class DatabaseTrouble(StrEnum):
    """What happens to PostgreSQL while workers work."""

    CRASH = "crash"
    """It ends at once, as if its process was killed, and is started again."""
    CUT = "cut"
    """Every worker's session is ended, in or out of a statement."""
    HOLD_AND_KILL = "hold and kill"
    """The commit of outcomes waits for a lock; the worker dies while it waits."""
    HOLD_AND_CUT = "hold and cut"
    """The same, and the session is ended in the middle of the transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One round of deliveries, side by side, and what befalls them.

    ``batches`` has a worker's fate per batch: a doom or None. ``clock_step`` moves one worker's
    wall clock while it works, in seconds.
    """

    leads: int
    batches: list[Doom | None]
    faults: Sequence[PlannedFault] = ()
    aws: list[tuple[str, str, int]] = field(default_factory=list)
    database: DatabaseTrouble | None = None
    after_seconds: float = 0.0
    clock_step: float = 0.0
    latency: float = 0.0
    edits: int = 0
    edits_amid: bool = False
    foreign_lead: bool = False
    vendor_away: bool = False
    poison: bool = False
    sweep: bool = False
    sweeper_doom: Doom | None = None
    jump: float = 0.0


def draw_wave(chance: random.Random, *, leads: int, faults: DrawFaults) -> Wave:
    """Draw one wave; `leads` new ones come in before it, `faults` draws the vendor's."""
    database = chance.choice(list(DatabaseTrouble)) if chance.random() < 0.1 else None
    edits = chance.choice((0, 0, 1, 2))
    edits_amid = edits > 0 and database is None and chance.random() < 0.5
    return Wave(
        leads=leads,
        batches=[
            draw_death(chance) if chance.random() < 0.8 else None
            for _ in range(chance.randint(2, 3))
        ],
        faults=faults(chance),
        aws=_draw_aws(chance),
        database=database,
        after_seconds=chance.uniform(0.0, 0.15),
        clock_step=chance.choice((-2.0, -0.5, 1.0)) if chance.random() < 0.1 else 0.0,
        # Long enough for a person to change a lead while it is being sent.
        latency=0.2 if edits_amid else chance.choice((0.0, 0.0, 0.005, 0.02)),
        edits=edits,
        edits_amid=edits_amid,
        foreign_lead=chance.random() < 0.2,
        vendor_away=chance.random() < 0.03,
        poison=chance.random() < 0.03,
        sweep=chance.random() < 0.5,
        sweeper_doom=Doom(after=chance.uniform(0.0, 0.1)) if chance.random() < 0.1 else None,
        jump=chance.choice(_JUMPS) if chance.random() < 0.6 else 0.0,
    )


def draw_death(chance: random.Random) -> Doom:
    """Draw where a worker dies."""
    step, most, longest = chance.choice(_DEATHS)
    return Doom(step=step, nth=chance.randint(1, most), after=chance.uniform(0.0, longest))


def draw_freeze(chance: random.Random) -> Doom:
    """Draw where a worker is frozen, to wake when its lease is long over."""
    step = chance.choice((Step.CLAIMED, Step.CALLING, Step.CALLING, Step.CALLED, Step.RECORDED))
    return Doom(act="freeze", step=step, nth=chance.randint(1, 2))


def _draw_aws(chance: random.Random) -> list[tuple[str, str, int]]:
    if chance.random() >= 0.15:
        return []
    action, manner = chance.choice(_AWS)
    # Each request is tried three times; fewer refusals are over before anyone notices.
    times = 1 if manner == "partly" else chance.choice((1, _AWS_TRIES))
    return [(action, manner, times)]
