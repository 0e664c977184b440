"""Runs functions the way Lambda does: warm sandboxes, more of them on demand, up to a limit."""

from __future__ import annotations

import json
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from local.failures import StackError
from local.sandbox import Answer, FunctionSpec, Sandbox, SandboxGoneError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.handler_logs import HandlerLogs

SANDBOXES_AT_MOST = 12
"""Sandboxes of one function on this machine. Lambda refuses a call above the limit; a laptop has
fewer places than a cloud, so here it waits for one."""

_ASYNC_RETRY_SECONDS = (0.0, 60.0, 120.0)
"""Before each try of an asynchronous invocation; AWS Lambda Developer Guide, "How Lambda handles
errors and retries with asynchronous invocation"."""


class FunctionNotFoundError(LookupError):
    """No function of that name is in the template."""


class Functions:
    """Every function of the template, ready to be invoked.

    Parameters
    ----------
    specs
        The functions.
    environment
        Variables every sandbox gets, under those of its function.
    logs
        Where handlers' output goes.
    """

    def __init__(
        self, specs: Iterable[FunctionSpec], *, environment: Mapping[str, str], logs: HandlerLogs
    ) -> None:
        self._pools = {spec.name: _Pool(spec, environment, logs) for spec in specs}
        self._ended = threading.Event()

    @property
    def specs(self) -> list[FunctionSpec]:
        """The functions, in the order of the template."""
        return [pool.spec for pool in self._pools.values()]

    def invoke(self, name: str, event: str) -> Answer:
        """Invoke a function and wait for its answer.

        Parameters
        ----------
        name
            Name, ARN or partial ARN, with or without version or alias.
        event
            The event as JSON text.

        Raises
        ------
        FunctionNotFoundError
            When the template has no such function.
        """
        return self._pool(name).invoke(event, str(uuid.uuid4()))

    def invoke_later(self, name: str, event: str) -> str:
        """Invoke a function in the background, twice more when it fails; return the request id."""
        pool = self._pool(name)
        request_id = str(uuid.uuid4())
        threading.Thread(target=self._try, args=(pool, event, request_id), daemon=True).start()
        return request_id

    def check_loading(self) -> Iterable[tuple[FunctionSpec, Answer]]:
        """Load every handler once, keeping its sandbox warm; yield those that do not load."""
        for pool in self._pools.values():
            if self._ended.is_set():
                return
            failure = pool.warm_up()
            if failure is not None:
                yield pool.spec, failure

    def is_busy(self) -> bool:
        """Return whether any invocation is running."""
        return any(pool.running for pool in self._pools.values())

    def stop(self, *, grace: float = 5.0) -> None:
        """Let running invocations end, at most for `grace` seconds, then end every sandbox."""
        self._ended.set()
        until = time.monotonic() + grace
        while self.is_busy() and time.monotonic() < until:
            time.sleep(0.02)
        for pool in self._pools.values():
            pool.stop()

    def _try(self, pool: _Pool, event: str, request_id: str) -> None:
        for wait in _ASYNC_RETRY_SECONDS:
            if self._ended.wait(wait) or pool.invoke(event, request_id).error is None:
                return

    def _pool(self, name: str) -> _Pool:
        bare = name.rsplit(":function:", maxsplit=1)[-1] if ":function:" in name else name
        bare = bare.split(":")[0]
        if bare not in self._pools:
            raise FunctionNotFoundError(bare)
        return self._pools[bare]


class _Pool:
    """The sandboxes of one function."""

    def __init__(
        self, spec: FunctionSpec, environment: Mapping[str, str], logs: HandlerLogs
    ) -> None:
        if not Path(spec.code).is_dir():
            message = f"template.yaml takes {spec.logical_id} from {spec.code}, which is missing."
            raise StackError(message)
        self.spec = spec
        self._environment = {**environment, **_lambda_variables(spec)}
        self._logs = logs
        self._idle: list[Sandbox] = []
        self._all: set[Sandbox] = set()
        self._lock = threading.Lock()
        self._ended = False
        limit = spec.concurrency if spec.concurrency is not None else SANDBOXES_AT_MOST
        self._places = threading.Semaphore(min(limit, SANDBOXES_AT_MOST))
        self.running = 0

    def invoke(self, event: str, request_id: str) -> Answer:
        with self._places:
            with self._lock:
                self.running += 1
            try:
                return self._run(event, request_id)
            finally:
                with self._lock:
                    self.running -= 1

    def warm_up(self) -> Answer | None:
        with self._places:
            sandbox, failure = self._sandbox()
            if sandbox is not None:
                self._give_back(sandbox)
            return failure

    def stop(self) -> None:
        with self._lock:
            self._ended = True
            idle, self._idle = self._idle, []
            running = self._all.difference(idle)
        for sandbox in idle:
            sandbox.kill()
        for sandbox in running:
            sandbox.end()

    def _run(self, event: str, request_id: str) -> Answer:
        started = time.monotonic()
        while True:
            sandbox, failure = self._sandbox()
            if sandbox is None:
                answer = failure or Answer(json.dumps({"errorType": "Runtime.Unavailable"}))
                break
            try:
                answer = sandbox.invoke(event, request_id)
            except SandboxGoneError:
                self._forget(sandbox)
                continue
            self._give_back(sandbox)
            break
        if answer.error is not None:
            self._logs.write_failure(self.spec.logical_id, request_id, json.loads(answer.payload))
        self._logs.write_report(
            self.spec.logical_id,
            request_id,
            status=answer.status,
            duration_ms=(time.monotonic() - started) * 1000,
        )
        return answer

    def _sandbox(self) -> tuple[Sandbox | None, Answer | None]:
        with self._lock:
            if self._ended:
                message = {"errorType": "Runtime.Unavailable", "errorMessage": "The stack ends."}
                return None, Answer(json.dumps(message), "Unhandled", "error")
            if self._idle:
                return self._idle.pop(), None
            sandbox = Sandbox(
                self.spec,
                environment=self._environment,
                write_line=lambda request_id, line: self._logs.write_line(
                    self.spec.logical_id, request_id, line
                ),
            )
            self._all.add(sandbox)
        failure = sandbox.start()
        if failure is None:
            return sandbox, None
        self._forget(sandbox)
        return None, failure

    def _give_back(self, sandbox: Sandbox) -> None:
        with self._lock:
            if sandbox.is_alive() and not self._ended:
                self._idle.append(sandbox)
                return
        self._forget(sandbox)

    def _forget(self, sandbox: Sandbox) -> None:
        with self._lock:
            self._all.discard(sandbox)
        sandbox.kill()


def _lambda_variables(spec: FunctionSpec) -> dict[str, str]:
    """Return what Lambda itself sets; source: Developer Guide, "Defined runtime variables"."""
    return {
        "_HANDLER": spec.handler,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"local/[$LATEST]{uuid.uuid4().hex}",
        "AWS_REGION": spec.region,
        "AWS_DEFAULT_REGION": spec.region,
        "LAMBDA_TASK_ROOT": str(spec.code),
        # As in `sam local`: tells tracing libraries that nobody listens.
        "AWS_SAM_LOCAL": "true",
    }
