"""A token bucket per site key, kept in one sandbox's memory.

It is the second line: the WAF counts across sandboxes. With N sandboxes a key gets up to N times
its rate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from forecourt.leads.sites import Rate

type _BucketName = tuple[int, str]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimit:
    """Decides whether one more lead of a key is too many right now.

    Parameters
    ----------
    clock
        Monotonic seconds.
    capacity
        Most buckets kept; the one unused for longest is forgotten, which means full.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, capacity: int = 2000
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._buckets: dict[_BucketName, _Bucket] = {}

    def wait_seconds(self, dealership_id: int, key_id: str, rate: Rate) -> float:
        """Take one token; return 0, or the seconds until there will be one."""
        now = self._clock()
        name = (dealership_id, key_id)
        bucket = self._buckets.pop(name, None) or _Bucket(rate.burst, now)
        bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.filled_at) * rate.per_second)
        bucket.filled_at = now
        while len(self._buckets) >= self._capacity:
            self._buckets.pop(next(iter(self._buckets)))
        self._buckets[name] = bucket
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / rate.per_second
