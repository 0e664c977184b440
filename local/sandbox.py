"""A sandbox: one process that runs one handler, one invocation at a time."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.function_spec import FunctionSpec

_BOOTSTRAP = Path(__file__).with_name("sandbox_bootstrap.py")
_LENGTH = struct.Struct(">I")
_START_SECONDS = 60.0

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-starter")
"""Starts every sandbox. Linux ends a sandbox with the *thread* that started it, so that thread
must live as long as the stack does; a pool's only worker does."""


@dataclass
class Answer:
    """How an invocation ended.

    Attributes
    ----------
    payload
        The JSON a handler returned, or the error in Lambda's shape.
    error
        None, ``Unhandled`` when the handler or its sandbox failed.
    status
        ``success``, ``error`` or ``timeout``, as in Lambda's platform logs.
    log
        The lines written while it ran.
    """

    payload: str
    error: str | None = None
    status: str = "success"
    log: list[str] = field(default_factory=list)

    @property
    def error_message(self) -> str:
        """What went wrong, in the handler's own words; empty when nothing did."""
        return str(json.loads(self.payload).get("errorMessage", "")) if self.error else ""


class SandboxGoneError(Exception):
    """The sandbox had ended before it took the invocation; another may take it."""


class Sandbox:
    """One process with one handler loaded in it.

    Parameters
    ----------
    spec
        The function to run.
    environment
        Variables every sandbox of this stack gets, under those of the function.
    write_line
        Called with the request id and each line the process writes.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        *,
        environment: Mapping[str, str],
        write_line: Callable[[str, str], None],
    ) -> None:
        self._spec = spec
        self._environment = environment
        self._write_line = write_line
        self._partial_line = b""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Answer | None:
        """Start the process and load the handler.

        Returns
        -------
        Answer or None
            None when the handler is loaded; otherwise the error that kept it from loading. The
            process is gone then.
        """
        _starter.submit(self._spawn).result()
        answer, lines = self._converse("", until=time.monotonic() + _START_SECONDS)
        if answer is not None and answer["kind"] == "ready":
            return None
        self.kill()
        if answer is not None:
            return Answer(json.dumps(answer["error"]), "Unhandled", "error", lines)
        message = f"The handler did not load: the process ended or took over {_START_SECONDS:g} s."
        return _failure("Runtime.ExitError", message, "", status="error", log=lines)

    def invoke(self, event: str, request_id: str) -> Answer:
        """Run the handler once.

        Parameters
        ----------
        event
            The event as JSON text.
        request_id
            The id the handler sees as ``aws_request_id``.

        Raises
        ------
        SandboxGoneError
            When the process had already ended, so that the invocation did not begin.
        """
        limit = self._spec.timeout
        request = {
            "requestId": request_id,
            "event": json.loads(event),
            "arn": self._spec.arn,
            "deadline": int((time.time() + limit) * 1000),
        }
        body = json.dumps(request).encode()
        if not self.is_alive():
            raise SandboxGoneError
        try:
            self._channel.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            self.kill()
            raise SandboxGoneError from error
        started = time.monotonic()
        answer, lines = self._converse(request_id, until=started + limit)
        if answer is not None:
            if answer["kind"] == "result":
                return Answer(answer["payload"], log=lines)
            return Answer(json.dumps(answer["error"]), "Unhandled", "error", lines)
        if time.monotonic() - started >= limit:
            self.kill()
            message = f"Task timed out after {limit:.2f} seconds"
            return _failure("Sandbox.Timedout", message, request_id, status="timeout", log=lines)
        ended = self._how_it_ended()
        return _failure("Runtime.ExitError", ended, request_id, status="error", log=lines)

    def is_alive(self) -> bool:
        """Return whether the process can take an invocation."""
        return self._process is not None and self._process.poll() is None

    def end(self) -> None:
        """End the process while another thread may be waiting for its answer."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the process now, whatever it is doing, and give back what it held."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._channel.close()
        os.close(self._output)
        self._process = None

    def _spawn(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._output, output = os.pipe()
        spec = self._spec
        packages = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
        layers = [str(path) for layer in spec.layers for path in (layer, layer / "python")]
        python_path = os.pathsep.join([str(spec.code), *layers, *packages])
        # -S keeps the project's own editable install out: as on Lambda, a handler sees its code,
        # its layers and the installed packages, nothing else.
        self._process = subprocess.Popen(  # noqa: S603 - our interpreter, our file
            [sys.executable, "-S", "-P", "-u", str(_BOOTSTRAP), str(theirs.fileno()), spec.handler],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=spec.code,
            env={**self._environment, **spec.environment, "PYTHONPATH": python_path},
            pass_fds=(theirs.fileno(),),
            process_group=0,
        )
        theirs.close()
        os.close(output)
        os.set_blocking(self._output, False)

    def _converse(
        self, request_id: str, *, until: float
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """Collect log lines until the process answers, ends, or the time (monotonic) is over."""
        lines: list[str] = []
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._output, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0:
                ready = {key.fileobj for key, _ in selector.select(left)}
                if self._output in ready and not self._read_output(request_id, lines):
                    selector.unregister(self._output)
                if self._channel not in ready:
                    continue
                part = self._receive()
                if not part:
                    break
                received += part
                if len(received) >= _LENGTH.size:
                    size = _LENGTH.unpack_from(received)[0] + _LENGTH.size
                    if len(received) >= size:
                        self._read_output(request_id, lines)
                        self._end_line(request_id, lines)
                        return json.loads(received[_LENGTH.size :]), lines
            self._read_output(request_id, lines)
        self._end_line(request_id, lines)
        return None, lines

    def _receive(self) -> bytes:
        try:
            return self._channel.recv(1 << 16)
        except ConnectionError:
            return b""

    def _read_output(self, request_id: str, lines: list[str]) -> bool:
        """Take every line written so far; return False when the process wrote its last."""
        while True:
            try:
                part = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return True
            if not part:
                return False
            *whole, self._partial_line = (self._partial_line + part).split(b"\n")
            for line in whole:
                self._take_line(line, request_id, lines)

    def _end_line(self, request_id: str, lines: list[str]) -> None:
        """Take what was written without a line feed at the end."""
        rest, self._partial_line = self._partial_line, b""
        self._take_line(rest, request_id, lines)

    def _take_line(self, raw: bytes, request_id: str, lines: list[str]) -> None:
        line = raw.decode("utf-8", "replace")
        if line.strip():
            lines.append(line)
            self._write_line(request_id, line)

    def _how_it_ended(self) -> str:
        process = self._process
        if process is None:
            return "Runtime exited without providing a reason"
        code = process.wait()
        self.kill()
        if code < 0:
            return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        return f"Runtime exited with error: exit status {code}"


def _failure(kind: str, message: str, request_id: str, *, status: str, log: list[str]) -> Answer:
    text = f"RequestId: {request_id} Error: {message}" if request_id else message
    return Answer(json.dumps({"errorType": kind, "errorMessage": text}), "Unhandled", status, log)
