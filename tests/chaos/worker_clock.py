"""The wall clock of one worker process, which the harness can move while the worker runs.

A sandbox that was frozen wakes to a clock that has gone on without it, and machines step their
clocks back. So a worker's ``time.time`` is the system's plus an offset in a file both sides map.
"""

import mmap
import struct
import time
from collections.abc import Callable
from pathlib import Path

_OFFSET = struct.Struct("d")

_system_time: Callable[[], float] = time.time
_page: mmap.mmap | None = None


def _moved_time() -> float:
    return _system_time() + (0.0 if _page is None else _OFFSET.unpack_from(_page)[0])


def take_over_time() -> None:
    """Put the movable clock in the place of ``time.time``; before anyone binds that name."""
    time.time = _moved_time


def follow(file: Path) -> None:
    """Add the offset in `file` from now on, for this process."""
    global _page  # noqa: PLW0603 - a process has one wall clock
    with file.open("r+b") as opened:
        _page = mmap.mmap(opened.fileno(), _OFFSET.size)


class WorkerClock:
    """The harness' side: the offset of one worker's clock, in seconds."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(_OFFSET.pack(0.0))
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _OFFSET.size)

    def move(self, seconds: float) -> None:
        """Let the worker's clock jump, back with a negative number."""
        (offset,) = _OFFSET.unpack_from(self._page)
        _OFFSET.pack_into(self._page, 0, offset + seconds)

    def close(self) -> None:
        """Let the file go; a worker that lives keeps its offset."""
        self._page.close()
        self.file.unlink(missing_ok=True)
