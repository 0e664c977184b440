"""Do something later by the vendor's clock (a request that is committed after its answer)."""

import heapq
import itertools
import threading
from collections.abc import Callable

from local.simulation.clock import MovableClock

_TICK = 0.02
"""Seconds between looks at the clock, which can be moved at any time."""


class Deferral:
    """Runs acts when they are due, in one thread, until it is stopped; the rest is dropped."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Run `act` once the clock has gone on by so many seconds."""
        with self._lock:
            due = self._clock.now() + seconds
            heapq.heappush(self._waiting, (due, next(self._numbers), act))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="deferral", daemon=True)
                self._thread.start()

    def waiting(self) -> int:
        """Count the acts not yet due."""
        with self._lock:
            return len(self._waiting)

    def clear(self) -> None:
        """Drop what is waiting."""
        with self._lock:
            self._waiting.clear()

    def stop(self) -> None:
        """End the thread and drop what is waiting; it can be used again."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        self._stopped.clear()
        self.clear()

    def _run(self) -> None:
        while not self._stopped.wait(_TICK):
            with self._lock:
                due = self._waiting and self._waiting[0][0] <= self._clock.now()
                act = heapq.heappop(self._waiting)[2] if due else None
            if act is not None:
                act()
