"""Calls side by side in threads that are kept from batch to batch.

Only the thread that asked touches the database: the others put what became of their call into a
queue. Threads beat asyncio at ten slots when their connections are kept (design 8).
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from queue import Empty, SimpleQueue

SLOTS = 10


class Slots[C, R]:
    """Makes calls, ten at a time, and hands over what came of them as it arrives.

    Parameters
    ----------
    make_one
        Makes one call in a thread; it must give something back whatever happens.
    name
        Names the threads.
    """

    def __init__(self, make_one: Callable[[C], R], name: str) -> None:
        self._make_one = make_one
        self._name = name

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=SLOTS, thread_name_prefix=self._name)

    def close(self) -> None:
        """End the kept threads."""
        self._threads.shutdown()

    def make(self, calls: Iterable[C]) -> Generator[Sequence[R]]:
        """Make the calls; yield what has come in since the last look, until all have.

        Each call begins when `calls` gives it, so the first are under way while later ones are
        still being prepared.

        Closing it early waits for the rest: no call may outlive the invocation.
        """
        done: SimpleQueue[R] = SimpleQueue()
        missing = 0
        try:
            for call in calls:
                self._threads.submit(self._put, call, done)
                missing += 1
            while missing:
                arrived = [done.get()]
                with suppress(Empty):
                    while True:
                        arrived.append(done.get_nowait())
                missing -= len(arrived)
                yield arrived
        finally:
            for _ in range(missing):
                done.get()

    def _put(self, call: C, done: SimpleQueue[R]) -> None:
        done.put(self._make_one(call))
