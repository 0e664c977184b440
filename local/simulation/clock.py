"""A vendor's clock, which a test can move forward."""

import threading
import time
from collections.abc import Callable


class MovableClock:
    """Seconds since 1970, plus whatever it was advanced by.

    Time can also be let pass while the caller's own clock stands: tokens expire and late commits
    fall due as when the clock is advanced, but the past moves instead of now, and what is told of
    it (:meth:`told`) agrees with a database whose times were moved back alike.
    """

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._advanced = 0.0
        self._passed = 0.0

    def now(self) -> float:
        """Tell the time in seconds since 1970 UTC."""
        return self._source() + self._advanced

    def advance(self, seconds: float) -> None:
        """Move forward (or back, with a negative number) by so many seconds."""
        with self._lock:
            self._advanced += seconds

    def let_pass(self, seconds: float) -> None:
        """Let so many seconds pass for which the caller's clock will not account."""
        with self._lock:
            self._advanced += seconds
            self._passed += seconds

    def told(self, moment: float) -> float:
        """Say when a moment of this clock was, in the time of whoever let time pass."""
        return moment - self._passed

    def reset(self) -> None:
        """Go back to the source's time."""
        with self._lock:
            self._advanced = self._passed = 0.0
