"""The embedded stack: the whole of ``template.yaml`` on this machine, with no container."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from local.backing import DatabaseAddress, start_backing
from local.data_folder import DataFolder
from local.failures import StackError
from local.http_server import HttpServer
from local.issuer import ISSUER_PATH, LocalIssuer
from local.migration import migrate
from local.pictures import PICTURES_PATH
from local.stack_options import StackOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from local.embedded_aws import EmbeddedAws
    from local.gateway import Gateway
    from local.queues import Environ

__all__ = ["Stack", "StackOptions"]

_one_at_a_time = threading.Lock()
"""moto keeps its state per process, so one process runs one stack."""


class Stack:
    """A stack, running from entering the ``with`` block to leaving it.

    Parameters
    ----------
    options
        How it is to run.
    report
        Called with a sentence for each step of starting.
    warn
        Called with a function's logical id and each log record of level WARNING or above.

    Attributes
    ----------
    url
        Where the HTTP API answers.
    aws_endpoint_url
        Where AWS's services answer.
    database_url, easycars_url, dynamics_url
        The database and the vendors in use.
    issuer
        Signs tokens for the HTTP API.
    data
        The data folder.
    """

    def __init__(
        self,
        options: StackOptions,
        *,
        report: Callable[[str], None] = lambda _sentence: None,
        warn: Callable[[str, dict[str, Any]], None] = lambda _function, _record: None,
    ) -> None:
        self._options = options
        self._report = report
        self._warn = warn
        self._cleanup = ExitStack()
        self._folder = DataFolder(options.data)
        self.data = self._folder.root

    def __enter__(self) -> Self:
        """Start everything; on failure end what was started.

        Raises
        ------
        StackError
            When something on this machine is in the way, with what to do about it.
        """
        if not _one_at_a_time.acquire(blocking=False):
            message = "This process already runs a stack."
            raise StackError(message, cure="Start the second one with `forecourt up`.")
        self._cleanup.callback(_one_at_a_time.release)
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything, leaving no process and no port."""
        self._cleanup.close()

    def check_handlers(self) -> list[str]:
        """Load every handler once; return a sentence for each that does not load."""
        return [
            f"{spec.logical_id} does not load: {failure.error_message}. "
            f"Mend {spec.code / spec.handler.split('.')[0]}.py; the next request tries again."
            for spec, failure in self._aws.broken_handlers()
        ]

    def state(self) -> dict[str, Any]:
        """Return what ``stack.json`` holds."""
        return {
            "pid": os.getpid(),
            "url": self.url,
            "dashboard_url": None,
            "database_url": self.database_url,
            "aws_endpoint_url": self.aws_endpoint_url,
            "easycars_url": self.easycars_url,
            "dynamics_url": self.dynamics_url,
            "issuer_url": self.issuer.url,
            "data": str(self.data),
            "resources": self._aws.references(),
            "environments": self._aws.environments(),
        }

    def _start(self) -> None:
        if self._options.database_url is not None:
            DatabaseAddress.from_url(self._options.database_url)
        opened = self._cleanup
        front = HttpServer(self._options.port)
        opened.callback(front.stop)
        self._folder.open()
        opened.callback(self._folder.close)
        self.url = front.url
        self.issuer = LocalIssuer(self._folder, f"{front.url}{ISSUER_PATH}")
        self._report("Starting PostgreSQL, the vendors' simulators and AWS")
        backing_to_be = start_backing(
            self._folder,
            database_url=self._options.database_url,
            easycars_url=self._options.easycars_url,
            dynamics_url=self._options.dynamics_url,
        )
        backing_cleanup = opened.enter_context(ExitStack())  # ends after what uses it
        with ThreadPoolExecutor(1) as starter:
            pending = starter.submit(backing_cleanup.enter_context, backing_to_be)
            self._aws = self._start_aws()
            backing = pending.result()
        self.database_url = backing.database.url
        self.easycars_url = backing.easycars_url
        self.dynamics_url = backing.dynamics_url
        self._report("Creating the resources of template.yaml")
        self._aws.deploy(
            self._options,
            backing,
            issuer_url=self.issuer.url,
            pictures_url=f"{front.url}{PICTURES_PATH}",
        )
        self._report("Bringing the database up to date")
        migrate(self._aws.functions)
        self._report("Connecting queues, routes and schedules")
        self._aws.connect()
        front.serve(self._front_door(self._aws.gateway()))
        opened.callback(front.pause)
        self._folder.write_state(self.state())

    def _start_aws(self) -> EmbeddedAws:
        # Imported here because moto and the SAM translator take seconds: what is in the way (a
        # port, another stack) is told before, and PostgreSQL starts meanwhile.
        from local.embedded_aws import EmbeddedAws  # noqa: PLC0415

        aws = self._cleanup.enter_context(EmbeddedAws(self._folder, warn=self._warn))
        self.aws_endpoint_url = aws.url
        return aws

    def _front_door(self, gateway: Gateway) -> Callable[[Environ, Any], Iterable[bytes]]:
        pictures = self._aws.pictures()

        def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
            if environ["PATH_INFO"].startswith(f"{ISSUER_PATH}/"):
                return self.issuer(environ, start_response)
            if environ["PATH_INFO"].startswith(f"{PICTURES_PATH}/"):
                return pictures(environ, start_response)
            return gateway(environ, start_response)

        return answer
