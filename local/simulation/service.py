"""A vendor's simulator as a thing to start, ask and stop."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from local.simulation.clock import MovableClock
from local.simulation.deferral import Deferral
from local.simulation.faults import FaultPlan, PlannedFault
from local.simulation.http_server import Exchange, OwnPages, SimulatorServer
from local.simulation.request_log import RequestLog, RequestRecord

HOST = "127.0.0.1"


class SimulatedVendor[Fault: PlannedFault]:
    """Serves one vendor on this machine, with faults on demand and a log of what it saw.

    All methods may be called from any thread. It can be started again after it was stopped, on
    the same port, with all it knew. A subclass calls :meth:`serve_with` before the first start.

    Parameters
    ----------
    port
        0 takes a free one.
    fault_type
        The class of this vendor's faults.
    latency
        Seconds every answer of the vendor takes at least.
    time_source
        Seconds since 1970 UTC; :meth:`advance_clock` adds to it.
    """

    def __init__(
        self,
        port: int,
        fault_type: type[Fault],
        *,
        latency: float = 0.0,
        time_source: Callable[[], float] = time.time,
    ) -> None:
        self.latency = latency
        self.clock = MovableClock(time_source)
        self.fault_plan: FaultPlan[Fault] = FaultPlan()
        self.log = RequestLog()
        self.deferral = Deferral(self.clock)
        self._fault_type = fault_type
        self._port = port
        self._first_latency = latency
        self._server: SimulatorServer | None = None
        self._thread: threading.Thread | None = None
        self._loaded = False

    def serve_with(
        self,
        exchange: Exchange,
        own_pages: OwnPages,
        *,
        load: Callable[[], object],
        close: Callable[[], object],
    ) -> None:
        """Say what answers.

        Parameters
        ----------
        load
            Called once, before the first request.
        close
            Called after the last request of every run.
        """
        self._exchange = exchange
        self._own_pages = own_pages
        self._load = load
        self._close = close

    @property
    def url(self) -> str:
        """Address without a trailing slash.

        Raises
        ------
        RuntimeError
            The port is not chosen before the first start.
        """
        if not self._port:
            message = "The simulator has no address before it is started."
            raise RuntimeError(message)
        return f"http://{HOST}:{self._port}"

    def start(self) -> Self:
        """Listen and answer in threads.

        Raises
        ------
        OSError
            The port is in use.
        """
        if self._server is not None:
            return self
        server = SimulatorServer(
            (HOST, self._port),
            self._exchange,
            latency=self.wait_before_judging,
            own_pages=self._own_pages,
        )
        self._port = server.server_address[1]
        if not self._loaded:
            self._load()
            self._loaded = True
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name="simulator", daemon=True
        )
        self._thread.start()
        return self

    def wait_before_judging(self) -> float:
        """Give the seconds a request waits before the vendor looks at it."""
        return self.latency

    def stop(self) -> None:
        """Close all connections and free the port; what waits to be committed late is dropped."""
        if self._server is None or self._thread is None:
            return
        self._server.end()
        self._thread.join()
        self.deferral.stop()
        self._close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def add_fault(self, kind: str, **options: Any) -> Fault:  # noqa: ANN401 - those of the fault
        """Play a fault: see the vendor's ``Fault`` for the options."""
        fault = self._fault_type(kind=kind, **options)
        self.fault_plan.add(fault)
        return fault

    def put_fault(self, fault: Fault) -> None:
        """Play a fault made elsewhere."""
        self.fault_plan.add(fault)

    def faults(self) -> list[tuple[Fault, int | None]]:
        """List the faults not used up, each with how often it is still to come."""
        return self.fault_plan.active()

    def clear_faults(self) -> None:
        """Behave again; requests kept waiting already stay so."""
        self.fault_plan.clear()

    def requests(self, operation: str | None = None) -> list[RequestRecord]:
        """List the requests seen, in the order of arrival."""
        return self.log.records(operation)

    def invalid_requests(self) -> list[RequestRecord]:
        """List the requests that break the vendor's documents."""
        return self.log.invalid()

    def counts(self) -> dict[str, int]:
        """Count the requests seen by operation."""
        return self.log.counts()

    def peak_concurrency(self) -> int:
        """Tell how many requests were under way at once at most."""
        return self.log.peak_concurrency()

    def under_way(self) -> int:
        """Tell how many requests are under way now."""
        return self.log.under_way()

    def clear_requests(self) -> None:
        """Forget the requests seen."""
        self.log.clear()

    def advance_clock(self, seconds: float) -> None:
        """Move the vendor's clock, by which tokens expire and late commits fall due."""
        self.clock.advance(seconds)

    def let_time_pass(self, seconds: float) -> None:
        """Let time pass as a test does that moves a database's times back: see the clock's."""
        self.clock.let_pass(seconds)

    def waiting_commits(self) -> int:
        """Count requests of ``late_commit`` that are still to be carried out."""
        return self.deferral.waiting()

    def forget_what_happened(self) -> None:
        """Drop faults, late commits, requests and moves of the clock."""
        self.fault_plan.clear()
        self.deferral.clear()
        self.log.clear()
        self.clock.reset()
        self.latency = self._first_latency
