"""EasyCars as the adapter's tests need it: credentials, leads, and a vendor that plays a script."""

import base64
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.leads.lead import Lead, LeadVehicle
from forecourt.security.credentials import EasyCarsCredentials, Environment

type Step = dict[str, Any] | httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

BASE_URLS = {
    Environment.TEST: "https://testmy.easycars.example/TestECService",
    Environment.PRODUCTION: "https://my.easycars.example/ECService",
}

CREDENTIALS = EasyCarsCredentials(
    credential_id=1,
    dealership_id=1,
    environment=Environment.TEST,
    client_id=SecretStr("6f1c7f0e-planted-client-id"),
    client_secret=SecretStr("b2d4 planted/client+secret&"),
    account_number=SecretStr("EC900001"),
    account_secret=SecretStr("planted-account-secret"),
)

VEHICLE = LeadVehicle(
    vehicle_id=12,
    stock_number="S-12",
    make="Volvo",
    model="V90",
    year=2020,
    price=Decimal("45990.00"),
    is_new=False,
    stock_type="A",
)

LEAD = Lead(
    lead_id=7,
    external_id=UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"),
    dealership_id=1,
    name="Zoë Nguyen",
    email="zoe@mail.example",
    phone="0412 345 678",
    message="Is it still for sale?",
    received_at=datetime(2026, 3, 1, 2, 0, tzinfo=UTC),
    vehicle=VEHICLE,
)


def with_secret(**secrets: str) -> EasyCarsCredentials:
    """Change some of the four secrets of CREDENTIALS."""
    changes: dict[str, Any] = {name: SecretStr(value) for name, value in secrets.items()}
    return replace(CREDENTIALS, **changes)


def jwt(serial: int, *, lifetime: float = 600.0, now: float | None = None) -> str:
    """Make a token that looks like the vendor's, different for each serial."""
    issued = time.time() if now is None else now
    claims = {"ClientID": f"client-{serial}", "exp": int(issued + lifetime), "iat": int(issued)}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join([*encoded, f"signature{serial}"])


class ScriptedVendor:
    """Answers each operation with the steps it was told, in order; RequestToken always works.

    ``seen`` holds every request as (operation, service, parsed body, headers).
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any, httpx.Headers]] = []
        self.tokens: list[str] = []
        self.pauses: list[float] = []
        self._steps: dict[str, deque[Step]] = {}
        self._lock = threading.Lock()
        self.client = EasyCarsClient(
            BASE_URLS, transport=httpx.MockTransport(self._answer), sleep=self.pauses.append
        )

    def will(self, operation: str, *steps: Step) -> None:
        """Add steps to an operation's script."""
        self._steps.setdefault(operation, deque()).extend(steps)

    def operations(self) -> list[str]:
        """Name the operations called, in order."""
        return [operation for operation, *_ in self.seen]

    def body_of(self, operation: str, index: int = -1) -> Any:
        """Return the parsed body of one call of an operation, the last by default."""
        return [body for name, _, body, _ in self.seen if name == operation][index]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        *_, service, operation = request.url.path.split("/")
        body = json.loads(request.content, parse_float=Decimal) if request.content else None
        with self._lock:
            self.seen.append((operation, service, body, request.headers))
            steps = self._steps.get(operation)
            if not steps and operation == "RequestToken":
                self.tokens.append(jwt(len(self.tokens)))
                step: Step = {"Token": self.tokens[-1], "Code": 0, "ErrorMessage": None}
            elif steps:
                step = steps.popleft()
            else:
                reason = f"the script has no answer to {operation}"
                raise AssertionError(reason)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, dict):
            return httpx.Response(200, json=step)
        return step if isinstance(step, httpx.Response) else step(request)
