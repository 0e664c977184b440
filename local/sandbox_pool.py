"""Keeps the sandboxes of one function warm, and makes more of them up to a limit."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING

from local.failures import StackError
from local.sandbox import Answer, Sandbox, SandboxGoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.function_spec import FunctionSpec
    from local.handler_logs import HandlerLogs

SANDBOXES_AT_MOST = 12
"""Sandboxes of one function on this machine, unless told otherwise. Lambda refuses a call above the
limit; a laptop has fewer places than a cloud, so here it waits for one."""

MOST_SANDBOXES = 40
"""What can be asked for: a running sandbox takes two threads of the AWS endpoint, one for its
invocation and one for its own calls."""


class SandboxPool:
    """The sandboxes of one function.

    Parameters
    ----------
    spec
        The function.
    environment
        Variables every sandbox gets, under those of the function.
    logs
        Where its output goes.
    at_most
        How many sandboxes there may be at once, whatever the template grants.

    Attributes
    ----------
    running
        How many invocations run now.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        logs: HandlerLogs,
        *,
        at_most: int = SANDBOXES_AT_MOST,
    ) -> None:
        if not spec.code.is_dir():
            message = f"template.yaml takes {spec.logical_id} from {spec.code}, which is missing."
            raise StackError(message)
        self.spec = spec
        self._environment = {**environment, **_lambda_variables(spec)}
        self._logs = logs
        self._idle: list[Sandbox] = []
        self._all: set[Sandbox] = set()
        self._lock = threading.Lock()
        self._ended = False
        limit = spec.concurrency if spec.concurrency is not None else at_most
        self._places = threading.Semaphore(min(limit, at_most))
        self.running = 0

    def invoke(self, event: str, request_id: str) -> Answer:
        """Run one invocation as soon as there is a place for it.

        Parameters
        ----------
        event
            The event as JSON text.
        request_id
            The id its handler sees.
        """
        with self._places:
            with self._lock:
                self.running += 1
            try:
                return self._run(event, request_id)
            finally:
                with self._lock:
                    self.running -= 1

    def warm_up(self) -> Answer | None:
        """Load the handler and keep its sandbox; return the error when it does not load."""
        with self._places:
            found = self._sandbox()
            if isinstance(found, Answer):
                return found
            self._give_back(found)
            return None

    def stop(self) -> None:
        """End every sandbox, also those that run."""
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
        answer = self._answer(event, request_id)
        if answer.error is not None:
            self._logs.write_failure(self.spec.logical_id, request_id, json.loads(answer.payload))
        self._logs.write_report(
            self.spec.logical_id,
            request_id,
            status=answer.status,
            duration_ms=(time.monotonic() - started) * 1000,
        )
        return answer

    def _answer(self, event: str, request_id: str) -> Answer:
        while True:
            found = self._sandbox()
            if isinstance(found, Answer):
                return found
            try:
                answer = found.invoke(event, request_id)
            except SandboxGoneError:
                # It ended while it was idle, before it knew of this invocation.
                self._forget(found)
                continue
            self._give_back(found)
            return answer

    def _sandbox(self) -> Sandbox | Answer:
        """Return an idle sandbox or a new one; the error when the handler does not load."""
        with self._lock:
            if self._ended:
                message = {"errorType": "Runtime.Unavailable", "errorMessage": "The stack ends."}
                return Answer(json.dumps(message), "Unhandled", "error")
            if self._idle:
                return self._idle.pop()
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
            return sandbox
        self._forget(sandbox)
        return failure

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
