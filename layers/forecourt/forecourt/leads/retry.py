"""When a delivery that failed for a passing reason is tried again."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

MINUTE = 60.0
HOUR = 60 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Eight tries over 24 to 72 hours, spread by jitter (decision 12).

    The wait after try *n* is drawn evenly between ``floors[n - 1]`` and ``spread`` times that.
    The floors add up to 24 hours and three times that is 72. Jitter that reached down to zero
    could spend all eight tries within minutes of one outage, so it starts at the floor.

    Parameters
    ----------
    floors
        Shortest wait after each try but the last, in seconds.
    spread
        Longest wait as a multiple of the shortest.
    longest_retry_after
        Seconds; a target that asks for more is taken to mean this.
    brief_waits
        After how many tries a target may ask for less than the schedule's shortest wait. With no
        such limit one that says "in five seconds" for a minute would use up all eight tries.
    draw
        Even draw between two numbers. The system's generator, because copies of one memory
        snapshot must not draw alike (decision 8).

    Examples
    --------
    >>> RetryPolicy(draw=lambda low, high: low).wait_after(1)
    datetime.timedelta(seconds=60)
    """

    floors: tuple[float, ...] = (
        1 * MINUTE, 5 * MINUTE, 20 * MINUTE, 1 * HOUR, 3 * HOUR, 7 * HOUR, 754 * MINUTE,
    )  # fmt: skip
    spread: float = 3.0
    longest_retry_after: float = 24 * HOUR
    brief_waits: int = 2
    draw: Callable[[float, float], float] = field(default=random.SystemRandom().uniform)

    @property
    def tries(self) -> int:
        """How many tries there are in all."""
        return len(self.floors) + 1

    def wait_after(self, tries: int, retry_after: float | None = None) -> timedelta | None:
        """Say how long to wait after that many failed tries; None means give up.

        ``retry_after`` is what the target asked for, in seconds. It wins over the schedule, and
        up to a tenth is added, so that all who were sent away together do not return together.
        Nobody comes earlier than asked; a wait shorter than the schedule's is for the first tries.
        """
        if tries >= self.tries:
            return None
        floor = self.floors[max(tries, 1) - 1]
        asked = min(retry_after or 0.0, self.longest_retry_after)
        if asked >= floor or (asked > 0 and tries <= self.brief_waits):
            return timedelta(seconds=self.draw(asked, asked * 1.1))
        return timedelta(seconds=self.draw(floor, floor * self.spread))


HOLD_MINUTES = (1, 2, 4, 8, 16, 32, 60)


def hold_after(trials: int) -> timedelta:
    """Say how long a dealership stays on hold after that many refusals in a row (design 5.1.5).

    1, 2, 4 … minutes, an hour at most; ``trials`` counts from 1.
    """
    return timedelta(minutes=HOLD_MINUTES[min(max(trials, 1), len(HOLD_MINUTES)) - 1])
