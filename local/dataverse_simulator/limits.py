"""Service protection: requests, execution time and concurrency in sliding windows (1.8)."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from local.dataverse_simulator.errors import (
    TOO_MANY_AT_ONCE,
    TOO_MANY_REQUESTS,
    TOO_MUCH_TIME,
    DataverseError,
)

_MAX_RETRY_AFTER = 300


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user may ask of one web server.

    Parameters
    ----------
    requests, execution_seconds
        At most so many in any window.
    concurrent
        At most so many at once.
    window
        Seconds of a window.
    servers
        How many web servers the environment has; a trial has one.
    push_penalty
        Seconds Retry-After grows by each time the caller comes back too early.
    """

    requests: int = 6_000
    execution_seconds: float = 1_200.0
    concurrent: int = 52
    window: float = 300.0
    servers: int = 1
    push_penalty: float = 1.0


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of two limits, as the debugging headers tell it."""

    requests: int
    seconds: float

    def headers(self) -> dict[str, str]:
        """Write the two headers."""
        return {
            "x-ms-ratelimit-burst-remaining-xrm-requests": str(self.requests),
            "x-ms-ratelimit-time-remaining-xrm-requests": f"{self.seconds:.2f}",
        }


@dataclass(slots=True)
class _Window:
    """What one user did on one server."""

    arrivals: deque[float] = field(default_factory=deque)
    executions: deque[tuple[float, float]] = field(default_factory=deque)
    execution_seconds: float = 0.0
    under_way: int = 0
    closed_until: float = 0.0
    refusals: int = 0
    closed_by: str = TOO_MANY_REQUESTS

    def slide(self, since: float) -> None:
        while self.arrivals and self.arrivals[0] <= since:
            self.arrivals.popleft()
        while self.executions and self.executions[0][0] <= since:
            self.execution_seconds -= self.executions.popleft()[1]


class ServiceProtection:
    """Admits and refuses requests of application users.

    Parameters
    ----------
    now
        The vendor's clock, in seconds.
    """

    def __init__(self, now: Callable[[], float], limits: Limits) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._limits = limits
        self._windows: dict[tuple[str, int], _Window] = {}
        self._next_server = 0

    @property
    def limits(self) -> Limits:
        """What holds now."""
        with self._lock:
            return self._limits

    def set_limits(self, limits: Limits) -> None:
        """Let other limits hold, and forget what was used of the old ones."""
        with self._lock:
            self._limits = limits
            self._windows.clear()

    def server_for(self, affinity: int | None) -> int:
        """Give the web server a request goes to: the one of its cookie, else the next."""
        with self._lock:
            if affinity is not None and affinity < self._limits.servers:
                return affinity
            self._next_server = (self._next_server + 1) % self._limits.servers
            return self._next_server

    def enter(self, user: str, server: int) -> None:
        """Admit a request; :meth:`leave` has to follow.

        Raises
        ------
        DataverseError
            429 with Retry-After, which grows when the caller comes back before it is over.
        """
        with self._lock:
            now = self._now()
            limits = self._limits
            window = self._windows.setdefault((user, server), _Window())
            window.slide(now - limits.window)
            if now < window.closed_until:
                raise self._refusal(window, window.closed_by, window.closed_until - now)
            if len(window.arrivals) >= limits.requests:
                wait = window.arrivals[0] + limits.window - now
                raise self._refusal(window, TOO_MANY_REQUESTS, wait)
            if window.execution_seconds >= limits.execution_seconds:
                wait = window.executions[0][0] + limits.window - now
                raise self._refusal(window, TOO_MUCH_TIME, wait)
            if window.under_way >= limits.concurrent:
                raise _too_much(TOO_MANY_AT_ONCE, 1)
            window.refusals = 0
            window.arrivals.append(now)
            window.under_way += 1

    def leave(self, user: str, server: int, seconds: float) -> Remaining:
        """Count an admitted request as over, after so many seconds of execution."""
        with self._lock:
            window = self._windows.setdefault((user, server), _Window())
            window.under_way = max(0, window.under_way - 1)
            window.executions.append((self._now(), seconds))
            window.execution_seconds += seconds
            return Remaining(
                max(0, self._limits.requests - len(window.arrivals)),
                max(0.0, self._limits.execution_seconds - window.execution_seconds),
            )

    def usage(self, user: str) -> dict[str, float]:
        """Tell what a user has used in the present window, over all servers."""
        with self._lock:
            since = self._now() - self._limits.window
            windows = [window for (each, _), window in self._windows.items() if each == user]
            for window in windows:
                window.slide(since)
            return {
                "requests": sum(len(window.arrivals) for window in windows),
                "executionSeconds": sum(window.execution_seconds for window in windows),
                "concurrent": sum(window.under_way for window in windows),
            }

    def _refusal(self, window: _Window, code: str, wait: float) -> DataverseError:
        grown = wait + window.refusals * self._limits.push_penalty
        retry_after = min(_MAX_RETRY_AFTER, max(1, -int(-grown // 1)))
        window.refusals += 1
        window.closed_until = self._now() + retry_after
        window.closed_by = code
        return _too_much(code, retry_after)


_REASONS = {
    TOO_MANY_REQUESTS: "Number of requests exceeded the limit",
    TOO_MUCH_TIME: "Combined execution time of incoming requests exceeded the limit",
    TOO_MANY_AT_ONCE: "Number of concurrent requests exceeded the limit",
}


def _too_much(code: str, retry_after: int) -> DataverseError:
    return DataverseError(
        HTTPStatus.TOO_MANY_REQUESTS,
        code,
        f"{_REASONS[code]}. Wait for {retry_after} seconds.",
        headers={"Retry-After": str(retry_after)},
    )
