"""What stands around pushes to Dynamics in simulated time: Dataverse, its queue, a key."""

import heapq
import itertools
import json
import threading
import time
from collections.abc import Collection, Sequence

import httpx

from benchmarks.standing_time import StandingTime
from forecourt.leads.message import QueuedMessage
from forecourt.leads.slots import SLOTS
from forecourt.leads.wake_ups import DYNAMICS, WakeUp
from forecourt.security.data_keys import DataKey
from local.dataverse_simulator import Fault, Limits, Rules, default_accounts
from local.dataverse_simulator.exchange import Exchange
from local.dataverse_simulator.organizations import Vendor
from local.simulation.clock import MovableClock
from local.simulation.deferral import Deferral
from local.simulation.faults import FaultPlan
from local.simulation.request_log import RequestLog
from local.simulation.wire import RawRequest

_FOR_EVER = 1e9


class OneKey:
    """Seals with one data key; what is sealed here is no secret."""

    def generate(self, _dealership_id: int, _environment: str) -> DataKey:
        """Give the key."""
        return DataKey(plaintext=bytes(32), encrypted=b"-")

    def decrypt(self, _encrypted: bytes, _dealership_id: int, _environment: str) -> bytes:
        """Give the key again."""
        return bytes(32)


class StandingDataverse(httpx.BaseTransport):
    """The simulator without sockets; a request executes in simulated time."""

    def __init__(self, standing: StandingTime, execution_seconds: float) -> None:
        clock = MovableClock(lambda: time.time() + standing.now())
        self.limits = Limits()
        self.account = default_accounts()[0]
        self.log = RequestLog()
        self._standing = standing
        self._execution_seconds = execution_seconds
        self._exchange = Exchange(
            Vendor([self.account], clock=clock, rules=Rules(token_life=1e6), limits=self.limits),
            FaultPlan[Fault](),
            self.log,
            Deferral(clock),
            latency=self._execute,
            stopwatch=standing.now,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        raw = RawRequest(
            headers={name.lower(): value for name, value in request.headers.items()},
            query=request.url.query.decode(),
            body=request.read(),
        )
        reply, _ = self._exchange.reply(request.method, request.url.path, raw)
        answer = reply.answer
        headers = {**answer.headers, "Content-Type": answer.content_type}
        return httpx.Response(answer.status, headers=headers, content=answer.body)

    def _execute(self) -> float:
        """Let the time of one execution pass; there is nothing to wait for besides."""
        self._standing.sleep(self._execution_seconds)
        return 0.0


class StandingQueue:
    """The Dynamics queue; a batch is ten messages at most."""

    def __init__(self, standing: StandingTime) -> None:
        self._standing = standing
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._messages: list[tuple[float, int, str]] = []
        self._idle: list[threading.Event] = []

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Take them, and wake who waits for messages."""
        with self._lock:
            for wake_up in wake_ups:
                assert wake_up.target == DYNAMICS
                body = {
                    "schema": 1,
                    "leadId": str(wake_up.external_id),
                    "dealershipId": wake_up.dealership_id,
                    "deliveryId": wake_up.delivery_id,
                }
                due = self._standing.now() + wake_up.delay
                heapq.heappush(self._messages, (due, next(self._numbers), json.dumps(body)))
            idle, self._idle = self._idle, []
        for event in idle:
            event.set()
        return ()

    def receive(self) -> list[QueuedMessage]:
        """Wait for messages as a poller does; none where it was only woken."""
        woken = threading.Event()
        with self._lock:
            taken: list[QueuedMessage] = []
            while self._messages and len(taken) < SLOTS and self._due_in() <= 0:
                _, number, body = heapq.heappop(self._messages)
                taken.append(QueuedMessage(message_id=str(number), receipt_handle="-", body=body))
            wait = self._due_in() if self._messages else _FOR_EVER
            if not taken:
                self._idle.append(woken)
        if not taken:
            self._standing.sleep(wait, woken)
        return taken

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        """Fail: nothing is poison."""
        raise AssertionError(code, detail, message.message_id)

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        """Fail: nothing comes back."""
        raise AssertionError(message.message_id, seconds)

    def wake_all(self) -> None:
        """Let nobody wait any more."""
        self.send_wake_ups(())

    def _due_in(self) -> float:
        return self._messages[0][0] - self._standing.now()
