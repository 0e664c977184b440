"""The steps of a delivery between which a crash may fall, for whoever wants to watch them."""

from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """A step that has just been done, or is about to be for ``CALLING`` and ``ACKNOWLEDGING``."""

    STORED = "stored"
    CLAIMED = "claimed"
    CALLING = "calling"
    CALLED = "called"
    RECORDED = "recorded"
    WOKEN = "woken"
    ANNOUNCED = "announced"
    ACKNOWLEDGING = "acknowledging"


type OnStep = Callable[[Step], None]


def unwatched(_: Step) -> None:
    """Watch nothing."""
