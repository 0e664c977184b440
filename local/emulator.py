"""Runs one built function under AWS' Lambda Runtime Interface Emulator, without a container.

The function's process sees what it would see on Lambda and nothing else: its own folder, its
layers, the runtime client, and the variables it is given. What a layer lacks therefore fails here.
The emulator is the one that AWS SAM carries; the runtime client is ``awslambdaric``.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from local.built_functions import BuiltFunction

_EMULATORS = Path(".venv-sam/lib/python3.13/site-packages/samcli/local/rapid")
_RUNTIME_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
_BARE_PYTHON = str(Path(sys.base_prefix, "bin", "python3.13"))
_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one call gave: the payload (an error has Lambda's shape) and what was logged."""

    payload: Any
    log: str


class Emulator:
    """One function under an emulator of its own; a context manager.

    Parameters
    ----------
    function
        What to run.
    environment
        Variables beside those that Lambda itself sets.

    Raises
    ------
    StackError
        On entering, when this machine cannot run built functions or the emulator does not start.
    """

    def __init__(self, function: BuiltFunction, environment: Mapping[str, str]) -> None:
        self._function = function
        self._environment = dict(environment)

    def __enter__(self) -> Self:
        binary = _emulator_binary()
        self._folder = tempfile.TemporaryDirectory(prefix="forecourt-emulator-")
        folder = Path(self._folder.name)
        self._log = folder / "log"
        client = _lay_out_runtime_client(folder / "client")
        port, runtime_port = _free_ports()
        self._url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - AWS' emulator and our interpreter
                [
                    binary,
                    "--runtime-interface-emulator-address",
                    f"127.0.0.1:{port}",
                    "--runtime-api-address",
                    f"127.0.0.1:{runtime_port}",
                    # The interpreter without the packages of any environment.
                    *(_BARE_PYTHON, "-S", "-s", "-P", "-m", "awslambdaric"),
                    self._function.handler,
                ],
                cwd=self._function.code,
                env={
                    **_lambda_variables(self._function),
                    **self._environment,
                    "PYTHONPATH": os.pathsep.join(map(str, (*self._function.import_path, client))),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_listening(port)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the emulator and the function's process."""
        self._stop()

    def invoke(self, event: object) -> Invocation:
        """Call the function and wait for its answer; one call at a time."""
        seen = self._log.stat().st_size
        answer = httpx.post(self._url, json=event, timeout=self._function.timeout + _START_SECONDS)
        text = answer.text
        try:
            payload = json.loads(text)
        except ValueError:
            payload = text
        with self._log.open("rb") as log:
            log.seek(seen)
            return Invocation(payload, log.read().decode("utf-8", "replace"))

    def _wait_until_listening(self, port: int) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        message = f"The emulator did not start: {self._log.read_text('utf-8', 'replace').strip()}"
        raise StackError(message)

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()


def _emulator_binary() -> Path:
    architecture = _ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        message = "Built functions run under the emulator on Linux only."
        raise StackError(message, cure="Use `sam local invoke` with a container engine.")
    binary = (_EMULATORS / f"aws-lambda-rie-{architecture}").resolve()
    if not binary.is_file():
        message = "AWS SAM, which carries the emulator, is not installed."
        raise StackError(message, cure="Run `make build`.")
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary


def _lay_out_runtime_client(folder: Path) -> Path:
    """Link the runtime client and what it needs into a folder without any other package."""
    for name in _RUNTIME_CLIENT:
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            message = f"The package {name} is not installed."
            raise StackError(message, cure="Run `make setup`.") from None
        for file in files:
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(file.locate())).resolve())
    return folder


def _free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


def _lambda_variables(function: BuiltFunction) -> dict[str, str]:
    """Return what Lambda itself sets; source: Developer Guide, "Defined runtime variables"."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": "INFO",
        "AWS_REGION": "ap-southeast-2",
        "AWS_DEFAULT_REGION": "ap-southeast-2",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "LAMBDA_TASK_ROOT": str(function.code),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        # Bytecode beside the build, so that what is built stays what would be uploaded.
        "PYTHONPYCACHEPREFIX": str(Path(".aws-sam/pycache").resolve()),
        "TZ": ":UTC",
    }
