"""What every call to Dataverse shares: address, headers, token, deadline and measured time."""

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import SecretStr

from forecourt.dynamics.addresses import Addresses
from forecourt.dynamics.tokens import EntraTokens
from forecourt.dynamics.verdict import Operation, Success, judge
from forecourt.network.exchange import Answer, Call, Exchanger, NoAnswer
from forecourt.security.dynamics_connections import DynamicsConnection

if TYPE_CHECKING:
    import httpx

_encode = msgspec.json.Encoder(decimal_format="number").encode

_ALWAYS = {
    "Accept": "application/json",
    "OData-Version": "4.0",
    "OData-MaxVersion": "4.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request.

    Parameters
    ----------
    path
        Behind the data address, query and all, percent-encoded already.
    fields
        The JSON body; None sends none.
    columns
        Logical names in the body: what an error may name.
    """

    operation: Operation
    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] | None = field(default=None, repr=False)
    columns: Collection[str] = ()


class Stopwatch:
    """Counts how long Dynamics was busy with us, which its limits count too (reference, 1.8)."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @property
    def milliseconds(self) -> int:
        """What it counted so far, a started one counting whole."""
        return math.ceil(self.seconds * 1000)


class DynamicsSession:
    """Sends the calls of :class:`~forecourt.dynamics.client.DynamicsClient`; safe for threads."""

    def __init__(
        self, dynamics_url: str | None, *, transport: "httpx.BaseTransport | None"
    ) -> None:
        if transport is None:
            from forecourt.network.write_window import (  # noqa: PLC0415 - half the import time
                WindowedTransport,
            )

            transport = WindowedTransport()
        self._addresses = Addresses(dynamics_url)
        self._exchanger = Exchanger(transport)
        self._tokens = EntraTokens(self._addresses, self._exchanger)

    def close(self) -> None:
        """Close the kept connections."""
        self._exchanger.close()

    def fetch_token(self, connection: DynamicsConnection, deadline: float) -> None:
        """Get a token from Entra, past the cache, and say no more than that there is one."""
        self._tokens.get(connection, deadline, fresh=True)

    def send(
        self,
        connection: DynamicsConnection,
        request: Request,
        deadline: float,
        stopwatch: Stopwatch | None = None,
    ) -> Success:
        """Send a request once, and once more with a new token where Dynamics refuses the first.

        Raises
        ------
        ForecourtError
            As :func:`~forecourt.dynamics.verdict.judge`, and what getting the token raises.
        """
        address = self._addresses.data(connection) + request.path
        token = self._tokens.get(connection, deadline)
        outcome = self._exchange(address, request, token, deadline, stopwatch)
        if isinstance(outcome, Answer) and outcome.status == HTTPStatus.UNAUTHORIZED:
            token = self._tokens.renew(connection, token, deadline)
            outcome = self._exchange(address, request, token, deadline, stopwatch)
        return judge(outcome, request.operation, request.columns)

    def get(
        self,
        connection: DynamicsConnection,
        operation: Operation,
        path: str,
        deadline: float,
        stopwatch: Stopwatch | None = None,
    ) -> Success:
        """Read what is at `path`."""
        request = Request(operation=operation, method="GET", path=path)
        return self.send(connection, request, deadline, stopwatch)

    def _exchange(
        self,
        address: str,
        request: Request,
        token: SecretStr,
        deadline: float,
        stopwatch: Stopwatch | None,
    ) -> Answer | NoAnswer:
        operation = request.operation
        headers = {
            **_ALWAYS,
            **request.headers,
            "Accept-Encoding": "gzip, identity",
            "Authorization": f"Bearer {token.get_secret_value()}",
        }
        content = b""
        if request.fields is not None:
            headers["Content-Type"] = "application/json"
            content = _encode(request.fields)
        elif request.method == "GET":
            headers["If-None-Match"] = "null"
        started = time.monotonic()
        try:
            return self._exchanger.exchange(
                Call(
                    method=request.method,
                    url=address,
                    headers=headers,
                    content=content,
                    answer_by=min(deadline, started + operation.answer_seconds),
                    silence_seconds=operation.answer_seconds,
                    answer_bytes=operation.answer_bytes,
                )
            )
        finally:
            if stopwatch is not None:
                stopwatch.seconds += time.monotonic() - started
