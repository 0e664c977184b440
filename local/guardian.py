"""Ends the stack's PostgreSQL when the stack is killed and cannot do it itself.

Run as a process of its own, holding the reading end of a pipe whose writing end only the stack
has. The kernel closes that end when the stack dies, however it dies; then this process stops the
server and ends too. A stack that stops in order has stopped its server by then, and there is
nothing left to do.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FAST_SHUTDOWN_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.1


@contextmanager
def guarded(pid_file: Path) -> Iterator[None]:
    """Have the PostgreSQL of that ``postmaster.pid`` stopped if this process dies meanwhile."""
    with subprocess.Popen(  # noqa: S603 - our interpreter, our file
        [sys.executable, "-S", "-P", __file__, str(pid_file)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as guardian:
        try:
            yield
        finally:
            if guardian.stdin is not None:
                guardian.stdin.close()
            guardian.wait()


def watch(pid_file: Path) -> None:
    """Wait for the end of standard input, then stop the server, patiently at first."""
    while os.read(0, 1):
        continue
    for number, patience in ((signal.SIGINT, _FAST_SHUTDOWN_SECONDS), (signal.SIGQUIT, 0.0)):
        pid = _server(pid_file)
        if pid is None:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + patience
        while _server(pid_file) == pid and time.monotonic() < until:
            time.sleep(_LOOK_AGAIN_SECONDS)


def _server(pid_file: Path) -> int | None:
    """Return the server's process id; None once it has removed its pid file."""
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
