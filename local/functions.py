"""Runs functions the way Lambda does: warm sandboxes, more of them on demand, up to a limit."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

from local.sandbox_pool import SANDBOXES_AT_MOST, SandboxPool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.function_spec import FunctionSpec
    from local.handler_logs import HandlerLogs
    from local.sandbox import Answer

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
    at_most
        How many sandboxes of one function there may be at once.
    """

    def __init__(
        self,
        specs: Iterable[FunctionSpec],
        *,
        environment: Mapping[str, str],
        logs: HandlerLogs,
        at_most: int = SANDBOXES_AT_MOST,
    ) -> None:
        self._pools = {
            spec.name: SandboxPool(spec, environment, logs, at_most=at_most) for spec in specs
        }
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

    def _try(self, pool: SandboxPool, event: str, request_id: str) -> None:
        for wait in _ASYNC_RETRY_SECONDS:
            if self._ended.wait(wait) or pool.invoke(event, request_id).error is None:
                return

    def _pool(self, name: str) -> SandboxPool:
        bare = name.rsplit(":function:", maxsplit=1)[-1] if ":function:" in name else name
        bare = bare.split(":")[0]
        if bare not in self._pools:
            raise FunctionNotFoundError(bare)
        return self._pools[bare]
