"""Dealerships by the size of their feeds, so that a number says the same of each in a class.

A run over three hundred lots of twenty cars and one of four thousand has no meaningful median: the
large one is slow every night, and a small one that is as slow is in trouble.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from forecourt.stock.job_end import DealershipEnd

SMALL_UP_TO = 50
MEDIUM_UP_TO = 500
"""Records of one run."""


class DealershipClass(StrEnum):
    """How many records a dealership's runs bring: vehicles, or leads."""

    NEW = "new"
    """No run of it has ended well yet."""
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(slots=True)
class ClassTally:
    """How one run went for the dealerships of one class; ``seconds`` has one entry for each."""

    succeeded: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)


def class_of(end: DealershipEnd) -> DealershipClass:
    """Return a dealership's class by this run's records, or by its last good run's if it failed."""
    records = end.counts.received if end.succeeded else end.usual_records
    if records is None:
        return DealershipClass.NEW
    if records <= SMALL_UP_TO:
        return DealershipClass.SMALL
    return DealershipClass.MEDIUM if records <= MEDIUM_UP_TO else DealershipClass.LARGE


def tally(ends: Iterable[DealershipEnd]) -> Mapping[DealershipClass, ClassTally]:
    """Count a run's ends by class; a class nobody is in is left out."""
    tallies: dict[DealershipClass, ClassTally] = {}
    for end in ends:
        mine = tallies.setdefault(class_of(end), ClassTally())
        if end.succeeded:
            mine.succeeded += 1
        else:
            mine.failed += 1
        if end.seconds is not None and not end.was_refused:
            mine.seconds.append(end.seconds)
    return tallies
