"""A clock that stands while anybody works, and goes on to the next appointment when all wait.

What is measured with it is how often and how long work waits for others; what the work itself
takes on this machine is no part of it.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from forecourt.storage.postgres import Database

_LOOK_SECONDS = 0.002
_LOOKS = 3
_IDLE_CPU_SECONDS = 0.001
"""Of the processor in the time of all looks; whoever works takes more."""

_OWN_CLOCK = """
CREATE TABLE public.benchmark_clock (now timestamptz NOT NULL);
INSERT INTO public.benchmark_clock VALUES (pg_catalog.now());
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN (SELECT c.now FROM public.benchmark_clock c);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    RETURN (SELECT c.now FROM public.benchmark_clock c);
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
END $$;
"""


def give_standing_clock(database: Database) -> None:
    """Set an empty database up, before its tables are made: its time is what the clock says."""
    database.connection().execute(_OWN_CLOCK)


@dataclass(slots=True, eq=False)
class _Appointment:
    """Who waits, and whether the clock has called them and they are to come."""

    woken: threading.Event
    is_over: bool = False
    is_called: bool = False


class StandingTime:
    """Seconds that pass only when everybody waits; for any number of threads.

    Parameters
    ----------
    database
        A connection of the clock's own, to tell the time to a database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._now = 0.0
        self._numbers = itertools.count()
        self._appointments: list[tuple[float, int, _Appointment]] = []
        self._at_work = 0
        self._changes = 0

    def now(self) -> float:
        """Tell the seconds that have passed."""
        return self._now

    def sleep(self, seconds: float, sooner: threading.Event | None = None) -> None:
        """Wait for so many seconds, or until `sooner` is set."""
        appointment = _Appointment(threading.Event() if sooner is None else sooner)
        with self._lock:
            self._changes += 1
            entry = (self._now + seconds, next(self._numbers), appointment)
            heapq.heappush(self._appointments, entry)
        appointment.woken.wait()
        with self._lock:
            self._changes += 1
            appointment.is_over = True
            self._at_work -= appointment.is_called

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let the clock stand meanwhile, e.g. while PostgreSQL works."""
        with self._lock:
            self._changes += 1
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._changes += 1
                self._at_work -= 1

    def watch(self, port: Any) -> Any:  # noqa: ANN401 - stands for any port
        """Let the clock stand during every call of a port."""
        return _Watched(port, self)

    def wake_all(self) -> None:
        """Let nobody wait any more."""
        with self._lock:
            waiting, self._appointments = self._appointments, []
        for _, _, appointment in waiting:
            appointment.woken.set()

    def run_until(self, is_over: Callable[[], bool]) -> None:
        """Go from appointment to appointment."""
        while True:
            while not self._stands_still():
                pass
            if is_over():
                return
            with self._lock:
                woken = self._next()
            self._database.connection().execute(
                "UPDATE public.benchmark_clock c SET now = c.now + make_interval(secs => %s)",
                (woken[0],),
            )
            for event in woken[1]:
                event.set()

    def _next(self) -> tuple[float, list[threading.Event]]:
        """Go on to the next appointment; gives the seconds passed and whose it is.

        Who is called counts as at work until they have come.
        """
        before = self._now
        called: list[threading.Event] = []
        while self._appointments:
            at, _, appointment = self._appointments[0]
            if not (appointment.is_over or appointment.woken.is_set()):
                if called and at > self._now:
                    break
                self._now = max(at, self._now)
                appointment.is_called = True
                self._at_work += 1
                called.append(appointment.woken)
            heapq.heappop(self._appointments)
        self._changes += 1
        return self._now - before, called

    def _stands_still(self) -> bool:
        """Look a few times whether anybody works."""
        with self._lock:
            changes = self._changes
        used = time.process_time()
        for _ in range(_LOOKS):
            time.sleep(_LOOK_SECONDS)
            with self._lock:
                if self._at_work or self._changes != changes:
                    return False
        return time.process_time() - used < _IDLE_CPU_SECONDS


class _Watched:
    """A port whose calls stop the clock."""

    def __init__(self, port: Any, standing: StandingTime) -> None:  # noqa: ANN401 - any port
        self._port = port
        self._standing = standing

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the port's own
        method = getattr(self._port, name)

        def call(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - the port's own
            with self._standing.working():
                return method(*given, **named)

        return call
