"""Dataverse and Entra that play a script, for the adapter's own tests."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import httpx
from pydantic import SecretStr

from forecourt.dynamics.client import DynamicsClient, Written
from forecourt.dynamics.setup_client import DynamicsSetupClient
from forecourt.security.dynamics_connections import DynamicsConnection

type Step = dict[str, Any] | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

EXTERNAL_ID = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")
LEAD_ID = UUID("7c1f5b9e-2f4d-4b53-8f6a-000000000042")
ORG = "https://org.crm6.dynamics.com"
DATA = f"{ORG}/api/data/v9.2/"
TENANT = "5f0e7a1c-0000-4000-8000-000000000001"
TOKEN_URL = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
BY_KEY = f"leads(hnt_forecourtid='{EXTERNAL_ID}')"

CONNECTION = DynamicsConnection(
    connection_id=1,
    dealership_id=1,
    environment_url=ORG,
    tenant_id=TENANT,
    client_id="11111111-2222-4333-8444-planted0client",
    client_secret=SecretStr("planted secret/+&="),
)


def connection(**changes: Any) -> DynamicsConnection:
    """Change some of CONNECTION."""
    return replace(CONNECTION, **changes)


def refusal(status: int, code: str = "", message: str = "", **more: str) -> httpx.Response:
    """Make an error as Dataverse writes one."""
    return httpx.Response(status, json={"error": {"code": code, "message": message, **more}})


def created() -> httpx.Response:
    """Answer an upsert that created the lead, with its id."""
    return httpx.Response(201, json={"@odata.etag": 'W/"1"', "leadid": str(LEAD_ID)})


@dataclass
class ScriptedDataverse:
    """Answers each request to the data address with the next step; tokens always come.

    ``seen`` holds the requests to the data address, ``asked`` those for a token.
    """

    dynamics_url: str | None = None
    seen: list[httpx.Request] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    token_steps: deque[Step] = field(default_factory=deque)
    steps: deque[Step] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.transport = httpx.MockTransport(self._answer)
        self.client = DynamicsClient(self.dynamics_url, transport=self.transport)
        self.setup = DynamicsSetupClient(self.dynamics_url, transport=self.transport)

    def will(self, *steps: Step) -> None:
        """Add steps to the script."""
        self.steps.extend(steps)

    def upsert(
        self, fields: dict[str, Any] | None = None, *, seconds: float = 5.0, **changes: Any
    ) -> Written:
        """Upsert a lead, with some of CONNECTION changed."""
        return self.client.upsert_lead(
            connection(**changes), EXTERNAL_ID, fields or {"subject": "A"}, seconds=seconds
        )

    def update(
        self, fields: dict[str, Any] | None = None, *, seconds: float = 5.0, **changes: Any
    ) -> Written:
        """Update a lead by its id."""
        return self.client.update_lead(
            connection(**changes), LEAD_ID, fields or {"subject": "A"}, seconds=seconds
        )

    def paths(self) -> list[str]:
        """Say what was requested, as it went over the wire, behind the data address."""
        return [
            f"{seen.method} {seen.url.raw_path.decode().split('/', 4)[-1]}" for seen in self.seen
        ]

    def forms(self) -> list[dict[str, str]]:
        """Read the forms that asked for tokens."""
        return [
            {name: values[0] for name, values in parse_qs(asked.content.decode()).items()}
            for asked in self.asked
        ]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            is_token = request.url.path.endswith("/oauth2/v2.0/token")
            (self.asked if is_token else self.seen).append(request)
            step: Step
            if is_token:
                step = self.token_steps.popleft() if self.token_steps else token(len(self.asked))
            elif self.steps:
                step = self.steps.popleft()
            else:
                reason = f"the script has no answer to {request.method} {request.url}"
                raise AssertionError(reason)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            return httpx.Response(200, json=step)
        return step if isinstance(step, httpx.Response) else step(request)


def token(serial: int, **changes: Any) -> httpx.Response:
    """Answer a request for a token, with a different one for each serial."""
    fields = {"token_type": "Bearer", "expires_in": 3599, "access_token": f"planted-token-{serial}"}
    return httpx.Response(200, json=fields | changes)


def slow_token(seconds: float) -> Callable[[httpx.Request], httpx.Response]:
    """Answer a request for a token after a while."""

    def answer(_: httpx.Request) -> httpx.Response:
        time.sleep(seconds)
        return token(1)

    return answer


def body_of(request: httpx.Request) -> Any:
    """Parse a request's JSON."""
    return json.loads(request.content)
