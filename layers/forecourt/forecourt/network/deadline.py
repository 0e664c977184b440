"""The deadline of the request this thread is sending, for the sockets below httpx to see."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_deadline: ContextVar[float | None] = ContextVar("answer_deadline", default=None)


@contextmanager
def answer_by(deadline: float) -> Iterator[None]:
    """Let no read or write of this thread's request last past `deadline` (monotonic seconds)."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def clip(timeout: float | None) -> float | None:
    """Shorten `timeout` (seconds) to what the deadline leaves, 0.0 when it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return timeout
    left = max(0.0, deadline - time.monotonic())
    return left if timeout is None else min(timeout, left)
