"""A contender in a process of its own, which syncs a feed when it is told to.

Both ends are here, of the standard library alone: the peers' environment holds nothing of ours.
Feeds are handed over in files, and only :meth:`Contender.sync` is timed.
"""

import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_PROJECT = Path(__file__).parents[2]


class Contender(Protocol):
    """One way to store a feed."""

    def receive(self, feed: Path) -> None:
        """Take what has just arrived; not timed."""

    def sync(self) -> None:
        """Make the table equal what was received."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How one sync went.

    Parameters
    ----------
    seconds
        What :meth:`Contender.sync` took.
    peak_bytes
        How far memory rose above where it stood before the feed was received; None where the
        system does not tell.
    """

    seconds: float
    peak_bytes: int | None


def serve(contender: Contender) -> None:
    """Take turns until standard input ends; what the contender prints goes to standard error."""
    logging.disable()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        before = _restart_peak()
        contender.receive(Path(json.loads(line)))
        gc.collect()
        started = time.perf_counter()
        contender.sync()
        seconds = time.perf_counter() - started
        peak = None if before is None else (_kilobytes("VmHWM") - before) * 1024
        answers.write(f"{json.dumps([seconds, peak])}\n")


def read_body(feed: Path) -> bytearray:
    """Read a file as the client holds an answer, in memory once."""
    body = bytearray(feed.stat().st_size)
    with feed.open("rb") as source:
        source.readinto(body)
    return body


class ContenderProcess:
    """The other end: a contender that was started and waits for its turns.

    Parameters
    ----------
    module
        A module of this folder.
    arguments
        What it is given on its command line.
    python
        The interpreter of the environment it needs.
    """

    def __init__(self, module: str, arguments: Sequence[str], python: str = sys.executable) -> None:
        self._name = module
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [python, "-m", f"{__package__}.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=_PROJECT,
        )

    def sync(self, feed: Path) -> Turn:
        """Let it sync a feed.

        Raises
        ------
        ContenderError
            It ended instead; says with which last words.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{json.dumps(str(feed))}\n")
            process.stdin.flush()
        except BrokenPipeError:
            answer = ""
        else:
            answer = process.stdout.readline()
        if not answer:
            process.wait()
            self._said.seek(0)
            raise ContenderError(self._name, self._said.read()[-2000:].decode())
        return Turn(*json.loads(answer))

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._said.close()


class ContenderError(Exception):
    """A contender ended in the middle of its turn."""


def _restart_peak() -> int | None:
    """Let the peak start anew (proc(5)); return where memory stands, in kilobytes."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return None
    return _kilobytes("VmRSS")


def _kilobytes(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(name)
