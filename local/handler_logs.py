"""The logs of handlers: one file of JSON lines per function, warnings also to the console."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WORTH_A_LOOK = frozenset({"WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"})


class HandlerLogs:
    """Keeps what handlers write, as CloudWatch Logs would.

    Parameters
    ----------
    folder
        Where ``<function>.log`` files are appended to.
    on_warning
        Called with the function's name and the log record for every record of level WARNING or
        above.
    """

    def __init__(self, folder: Path, *, on_warning: Callable[[str, dict[str, Any]], None]) -> None:
        self._folder = folder
        self._on_warning = on_warning
        self._lock = threading.Lock()

    def write_line(self, function: str, request_id: str, line: str) -> None:
        """Keep one line a handler wrote; a line that is no JSON object is wrapped in one."""
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            record = _wrapped("INFO", request_id, line)
        self._append(function, record)

    def write_failure(self, function: str, request_id: str, error: dict[str, Any]) -> None:
        """Keep the error an invocation ended with, as Lambda's own log lines do."""
        record = _wrapped("ERROR", request_id, str(error.get("errorMessage", "")))
        record |= {"errorType": error.get("errorType"), "stackTrace": error.get("stackTrace", [])}
        self._append(function, record)

    def write_report(
        self, function: str, request_id: str, *, status: str, duration_ms: float
    ) -> None:
        """Keep how an invocation ended and how long it took, in milliseconds."""
        self._append(
            function,
            {
                "time": _now(),
                "type": "platform.report",
                "record": {
                    "requestId": request_id,
                    "status": status,
                    "metrics": {"durationMs": round(duration_ms, 2)},
                },
            },
        )

    def _append(self, function: str, record: dict[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False)
        with self._lock, (self._folder / f"{function}.log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        if str(record.get("level", "")).upper() in _WORTH_A_LOOK:
            self._on_warning(function, record)


def _wrapped(level: str, request_id: str, message: str) -> dict[str, Any]:
    return {"timestamp": _now(), "level": level, "requestId": request_id, "message": message}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
