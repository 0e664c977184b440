"""A file of JSON lines in which the simulator keeps what has to survive a restart.

A line is handed to the operating system before the vendor answers, so a process killed with
SIGKILL loses nothing it has confirmed. A last line torn by the kill was never confirmed and is
dropped. What goes together (a lead and its customer) is one line.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Journal:
    """Appends entries to a file, or forgets them when there is none.

    Parameters
    ----------
    path
        None keeps nothing. The file is made readable by its owner alone: it holds (made up)
        secrets and the customers of every lead.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def replay(self) -> list[dict[str, Any]]:
        """Read every whole entry written so far and cut a torn last line off."""
        if self._path is None or not self._path.exists():
            return []
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        return [json.loads(line) for line in whole.splitlines()]

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write one entry."""
        if self._path is None:
            return
        line = _ENCODER.encode(entry) + b"\n"
        with self._lock:
            os.write(self._opened(), line)

    def clear(self) -> None:
        """Forget everything."""
        if self._path is not None:
            with self._lock:
                os.ftruncate(self._opened(), 0)

    def close(self) -> None:
        """Close the file; the next entry opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _opened(self) -> int:
        if self._descriptor is None:
            assert self._path is not None  # noqa: S101 - callers checked; tells mypy
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            self._descriptor = os.open(self._path, flags, 0o600)
        return self._descriptor
