"""A value read from elsewhere on first use, and again when it has grown old."""

import time
from collections.abc import Callable

from forecourt.errors import ForecourtError


class Remembered[T]:
    """What was read last; where it cannot be read again, that goes on serving.

    Parameters
    ----------
    read
        Reads the value; ForecourtError where that fails.
    clock
        Monotonic seconds.
    keep_seconds
        How long one reading is trusted.
    """

    def __init__(
        self,
        read: Callable[[], T],
        *,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = 300.0,
    ) -> None:
        self._read = read
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._value: T | None = None
        self._read_at = 0.0

    def get(self, *, at_most_old: float | None = None) -> T:
        """Return the value, read at most that many seconds ago where it can be read.

        Raises
        ------
        ForecourtError
            It was never read and cannot be read now.
        """
        now = self._clock()
        longest = self._keep_seconds if at_most_old is None else at_most_old
        if self._value is None or now - self._read_at >= longest:
            try:
                self._value = self._read()
            except ForecourtError:
                if self._value is None:
                    raise
            self._read_at = now
        return self._value
