"""What happened in one batch, as numbers: counted as it goes, handed over at its end."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol


class DeliveryMetrics(Protocol):
    """Where numbers go."""

    def batch_finished(
        self, counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[int]]
    ) -> None:
        """Take what happened in one batch and how long each of it took, by metric name."""
        ...


class Tally:
    """The numbers of the present batch."""

    def __init__(self, metrics: DeliveryMetrics) -> None:
        self._metrics = metrics
        self._counts: Counter[str] = Counter()
        self._milliseconds: defaultdict[str, list[int]] = defaultdict(list)

    def count(self, name: str) -> None:
        """Count one."""
        self._counts[name] += 1

    def measure(self, name: str, milliseconds: int) -> None:
        """Note how long one took."""
        self._milliseconds[name].append(milliseconds)

    def hand_over(self) -> None:
        """Pass the numbers on and start anew."""
        self._metrics.batch_finished(dict(self._counts), dict(self._milliseconds))
        self._counts.clear()
        self._milliseconds.clear()
