"""The journal of queue messages: what was accepted and not yet deleted, on disk.

An append-only file of JSON lines. A line is on the disk (fsync) before whoever sent the message
hears of its acceptance. Reading it back gives the messages that a killed stack still owed; the
file is then written anew with only those.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from local.data_folder import write_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMPACT_AFTER_LINES = 20_000


class Journal:
    """What queues hold, safe from a killed process.

    Parameters
    ----------
    path
        The journal file; it is made when it is missing.

    Notes
    -----
    A record is ``{"queue", "id", "message"}`` for a message a queue holds (the last one of an id
    counts: a message moved to a dead-letter queue is written again) and ``{"gone": id}`` for one
    that was deleted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, Any]] = {}
        self._lines = 0
        for record in _read(path):
            self._apply(record)
        self._rewrite()

    def held(self, queue: str) -> list[dict[str, Any]]:
        """Return the messages the queue of that name holds, oldest first."""
        with self._lock:
            return [record["message"] for record in self._held.values() if record["queue"] == queue]

    def keep(self, queue: str, message_id: str, message: dict[str, Any]) -> None:
        """Write down a message; when this returns, a power cut cannot lose it."""
        self._write({"queue": queue, "id": message_id, "message": message})

    def forget(self, message_id: str) -> None:
        """Write down that a message is done."""
        self._write({"gone": message_id})

    def forget_queue(self, queue: str) -> None:
        """Write down that a queue was emptied."""
        with self._lock:
            ids = [key for key, record in self._held.items() if record["queue"] == queue]
        for message_id in ids:
            self.forget(message_id)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            os.close(self._descriptor)

    def _write(self, record: dict[str, Any]) -> None:
        with self._lock:
            self._apply(record)
            os.write(self._descriptor, f"{json.dumps(record)}\n".encode())
            os.fsync(self._descriptor)
            self._lines += 1
            if self._lines > _COMPACT_AFTER_LINES + len(self._held):
                os.close(self._descriptor)
                self._rewrite()

    def _apply(self, record: dict[str, Any]) -> None:
        if "gone" in record:
            self._held.pop(record["gone"], None)
        else:
            self._held[record["id"]] = record

    def _rewrite(self) -> None:
        write_private(self._path, "".join(f"{json.dumps(r)}\n" for r in self._held.values()))
        self._lines = len(self._held)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            # Only a kill in the middle of a write leaves a broken line, and whoever sent that
            # message never heard that it was accepted.
            continue
