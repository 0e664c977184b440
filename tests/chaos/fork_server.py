"""A process that has imported the functions and forks a worker whenever it is told to.

``python -m tests.chaos.fork_server SOCKET`` reads one JSON line per worker from its input, forks,
and writes a line when a worker has ended. A worker connects to SOCKET and does what it is told
there, batch after batch with the same connections, as a sandbox does. Connections to PostgreSQL,
AWS and the vendor are opened in the worker alone. A fork takes milliseconds where a start of
Python with everything imported takes a second.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.chaos import worker_clock

if __name__ == "__main__":
    worker_clock.take_over_time()

import boto3

from forecourt.leads.steps import Step
from tests.support.handlers import new_sandbox

FUNCTIONS = ("lead_delivery", "dynamics_delivery", "delivery_sweeper")

type Job = Mapping[str, Any]


class Doom:
    """Ends or freezes this process the nth time a step is reached, or some seconds after that.

    ``{"act": "kill" | "freeze", "step": "claimed" | null, "nth": 1, "after": 0.0}``; without a
    step it counts from the beginning of the invocation.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._doom: Job | None = None
        self._seen: Counter[str] = Counter()
        self._timer: threading.Timer | None = None

    def prepare(self, doom: Job | None) -> None:
        """Watch for this one from now on, and no more for the last."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._doom = doom
            self._seen.clear()
        if doom is not None and doom["step"] is None:
            self._strike(doom)

    def watch(self, reached: Step) -> None:
        """Take note of a step of the delivery."""
        with self._lock:
            self._seen[reached] += 1
            doom = self._doom
            met = doom is not None and (reached, self._seen[reached]) == (doom["step"], doom["nth"])
        if met and doom is not None:
            self._strike(doom)

    def _strike(self, doom: Job) -> None:
        signum = signal.SIGKILL if doom["act"] == "kill" else signal.SIGSTOP
        if not doom["after"]:
            os.kill(os.getpid(), signum)
            return
        self._timer = threading.Timer(doom["after"], os.kill, (os.getpid(), signum))
        self._timer.daemon = True
        self._timer.start()


class Invocation:
    """What Lambda hands a handler besides the event."""

    def __init__(self, name: str) -> None:
        self.aws_request_id = name

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 120_000


class _Worker:
    """One sandbox: wired on its first job, serving until its connection ends."""

    def __init__(self, module: ModuleType, order: Job) -> None:
        self._module = module
        self._name = str(order["name"])
        self._doom = Doom()
        self._wired: Any = None
        self._jobs = 0

    def do(self, job: Job) -> dict[str, Any]:
        self._jobs += 1
        self._doom.prepare(job["doom"])
        try:
            return {"answer": self._answer(job)}
        except Exception:  # noqa: BLE001 - the harness judges what a handler lets out
            return {"error": traceback.format_exc()}
        finally:
            self._doom.prepare(None)

    def _answer(self, job: Job) -> Any:
        if "event" not in job:
            return repr(self._module.sweeper().sweep_once())
        self._wired = self._wired or self._module.wire(self._doom.watch)
        invocation = Invocation(f"{self._name}-{self._jobs}")
        return self._module.deliver(self._wired, job["event"], invocation)


def _serve_as_worker(address: str, module: ModuleType, order: Job) -> None:
    os.environ.update(order["environment"])
    worker_clock.follow(Path(order["clock"]))
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with socket.socket(socket.AF_UNIX) as harness:
        harness.connect(address)
        stream = harness.makefile("rw", encoding="utf-8")
        worker = _Worker(module, order)
        _say(stream, {"pid": os.getpid()})
        for line in stream:
            _say(stream, worker.do(json.loads(line)))


def _say(stream: Any, what: object) -> None:
    stream.write(json.dumps(what) + "\n")
    stream.flush()


class ForkServer:
    """Forks workers and reports their ends."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._modules = {
            name: new_sandbox(name)
            for name in FUNCTIONS
            if Path(f"functions/{name}/app.py").exists()
        }
        # The descriptions of the services are read once here instead of once per worker.
        for service in ("sqs", "kms", "secretsmanager", "sns"):
            boto3.client(service, region_name="ap-southeast-2")
        gc.collect()
        gc.freeze()

    def serve(self) -> None:
        """Fork until the input ends."""
        woken, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        _say(sys.stdout, {"ready": sorted(self._modules)})
        pending = b""
        while True:
            for key, _ in selector.select():
                chunk = os.read(key.fd, 65536)
                if key.fd == woken:
                    self._reap()
                    continue
                if not chunk:
                    return
                *orders, pending = (pending + chunk).split(b"\n")
                for order in orders:
                    self._fork(json.loads(order))

    def _fork(self, order: Job) -> None:
        if os.fork():
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve_as_worker(self._address, self._modules[order["function"]], order)
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must never return into its parent
            traceback.print_exc()
        finally:
            os._exit(code)

    @staticmethod
    def _reap() -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            _say(sys.stdout, {"ended": pid, "status": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    ForkServer(sys.argv[1]).serve()
