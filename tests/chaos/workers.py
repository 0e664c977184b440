"""Worker processes as the harness sees them: opened, given batches, frozen, dead."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.chaos.standard_queue import Received
from tests.chaos.worker_clock import WorkerClock
from tests.support.handlers import ROOT

_PATIENCE = 150.0
"""Seconds of wall clock after which a worker that says nothing is a failure of its own; a function
has 120."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """When a worker is killed or frozen: see :class:`tests.chaos.fork_server.Doom`."""

    act: str = "kill"
    step: str | None = None
    nth: int = 1
    after: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"act": self.act, "step": self.step, "nth": self.nth, "after": self.after}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one invocation ended: answered, raised, or the worker died by a signal."""

    answer: Any = None
    error: str | None = None
    died: int | None = None


class Worker:
    """One sandbox; it lives until it is killed or closed."""

    def __init__(self, clock: WorkerClock, connection: socket.socket, ends: "_Ends") -> None:
        self.clock = clock
        self._connection = connection
        self._stream = connection.makefile("rw", encoding="utf-8")
        self._ends = ends
        self.pid: int = json.loads(self._stream.readline())["pid"]

    def invoke(self, job: Mapping[str, Any], doom: Doom | None = None) -> Ending:
        """Give it a job and wait until it has answered or died."""
        self.begin(job, doom)
        return self.finish()

    def begin(self, job: Mapping[str, Any], doom: Doom | None = None) -> None:
        """Give it a job."""
        self._stream.write(json.dumps({**job, "doom": doom and doom.as_json()}) + "\n")
        self._stream.flush()

    def finish(self) -> Ending:
        """Wait until it has answered or died."""
        try:
            line = self._stream.readline()
        except ConnectionResetError:
            line = ""
        if not line:
            self.close()
            return Ending(died=-self._ends.wait_for(self.pid))
        return Ending(**json.loads(line))

    def waits_frozen(self) -> bool:
        """Wait until it is frozen (True), or has answered or died first."""
        until = time.monotonic() + _PATIENCE
        process = psutil.Process(self.pid)
        while time.monotonic() < until:
            try:
                if process.status() == psutil.STATUS_STOPPED:
                    return True
            except psutil.NoSuchProcess:
                return False
            if self._has_answered():
                return False
            time.sleep(0.005)
        message = f"Worker {self.pid} neither froze nor answered."
        raise TimeoutError(message)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as the kernel does, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let it end by itself; again does nothing."""
        with suppress(OSError):  # what could not be written is nobody's any more
            self._stream.close()
        self._connection.close()
        self.clock.close()

    def _has_answered(self) -> bool:
        self._connection.setblocking(False)
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self._connection.settimeout(_PATIENCE)
        return True


class _Ends:
    """How the workers ended, told by the fork server."""

    def __init__(self) -> None:
        self._told = threading.Condition()
        self._codes: dict[int, int] = {}

    def note(self, pid: int, code: int) -> None:
        with self._told:
            self._codes[pid] = code
            self._told.notify_all()

    def wait_for(self, pid: int) -> int:
        with self._told:
            if not self._told.wait_for(lambda: pid in self._codes, _PATIENCE):
                message = f"Nobody told how worker {pid} ended."
                raise TimeoutError(message)
            return self._codes.pop(pid)


class Workers:
    """The fork server of one harness; a folder keeps its socket, clocks and logs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ends = _Ends()
        self._numbers = itertools.count(1)
        self._opening = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._process: subprocess.Popen[str] | None = None
        self._listening: threading.Thread | None = None
        self.functions: Sequence[str] = ()
        self.log = folder / "workers.log"

    def __enter__(self) -> Self:
        address = str(self._folder / "harness.sock")
        self._listener.bind(address)
        self._listener.listen()
        self._listener.settimeout(_PATIENCE)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PG"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.fork_server", address],
            cwd=ROOT,
            env=inherited
            | {
                "PYTHONPATH": os.pathsep.join([str(ROOT / "layers/forecourt"), str(ROOT)]),
                "POWERTOOLS_SERVICE_NAME": "lead_delivery",
                "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            message = "The fork server did not start; what it said stands above."
            raise RuntimeError(message)
        self.functions = json.loads(line)["ready"]
        self._listening = threading.Thread(target=self._listen_to_ends, name="ends", daemon=True)
        self._listening.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(_PATIENCE)
        if self._listening is not None:
            self._listening.join()
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def open(self, function: str, environment: Mapping[str, str]) -> Worker:
        """Fork a worker of one function."""
        assert self._process is not None
        assert self._process.stdin is not None
        with self._opening:
            name = f"{function}-{next(self._numbers)}"
            clock = WorkerClock(self._folder / f"{name}.clock")
            order = {
                "function": function,
                "name": name,
                "environment": dict(environment) | {"POWERTOOLS_SERVICE_NAME": function},
                "clock": str(clock.file),
                "log": str(self.log),
            }
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            connection, _ = self._listener.accept()
        connection.settimeout(_PATIENCE)
        return Worker(clock, connection, self._ends)

    def _listen_to_ends(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._ends.note(told["ended"], told["status"])


def batch_event(messages: Sequence[Received]) -> dict[str, Any]:
    """Build the event Lambda makes of a receive."""
    return {
        "Records": [
            {
                "messageId": message.message_id,
                "receiptHandle": message.handle,
                "body": message.body,
                "attributes": {"ApproximateReceiveCount": str(message.receives)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:ap-southeast-2:123456789012:leads",
                "awsRegion": "ap-southeast-2",
            }
            for message in messages
        ]
    }
