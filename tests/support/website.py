"""A dealer's website in memory: what it posts, and the intake, queue and site file behind it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from forecourt.errors import RetryableError
from forecourt.http_request import HttpRequest
from forecourt.leads.intake import IntakeResult, LeadIntake
from forecourt.leads.message import LeadMessage, parse_message
from forecourt.leads.rate_limit import RateLimit
from forecourt.leads.refusals import RefusalTally
from forecourt.leads.sites import SiteDirectory
from forecourt.security.site_keys import SiteKey, SiteKeyRing

RING = SiteKeyRing({1: SecretStr("a secret of the site keys")})
KEY = RING.make(7, "k1")
ORIGIN = "https://www.dealer.example"
LEAD: dict[str, Any] = {"name": "Siobhán O'Connor", "email": "siobhan@example.org"}


@dataclass
class MemoryQueue:
    """Port ``IntakeQueue``; ``away`` makes it refuse, ``failure`` makes it raise that."""

    away: bool = False
    failure: Exception | None = None
    bodies: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def send(self, body: str, *, group: str) -> None:
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SQS")
        if self.failure is not None:
            raise self.failure
        self.bodies.append(body)
        self.groups.append(group)

    @property
    def leads(self) -> list[LeadMessage]:
        messages = [parse_message(body) for body in self.bodies]
        return [message for message in messages if isinstance(message, LeadMessage)]

    @property
    def refusals(self) -> list[dict[str, Any]]:
        messages = [json.loads(body) for body in self.bodies]
        return [one for message in messages for one in message.get("refusals", [])]


@dataclass
class MemoryDocuments:
    """Port ``Documents`` with one site file."""

    site: Any = None
    away: bool = False
    reads: int = 0

    def get(self, key: str) -> Any:
        self.reads += 1
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="S3")
        return self.site if key == "sites/7.json" else None


class Website:
    """A website of dealership 7 and the intake it posts to."""

    def __init__(self, *, origins: tuple[str, ...] = (), burst: int = 1000) -> None:
        self.queue = MemoryQueue()
        self.documents = MemoryDocuments(
            {
                "dealershipId": 7,
                "keys": [{"keyId": "k1", "ratePerSecond": 10, "burst": burst}],
                "origins": list(origins),
            }
        )
        self.seconds = 0.0
        clock = lambda: self.seconds  # noqa: E731 - a clock the test moves
        self.ring_away = False
        self.intake = LeadIntake(
            verify_key=self.verify_key,
            sites=SiteDirectory(self.documents, clock=clock),
            rate_limit=RateLimit(clock=clock),
            queue=self.queue,
            refusals=RefusalTally(clock=clock),
            now=lambda: datetime(2026, 11, 21, 1, 2, 3, 456000, tzinfo=UTC),
        )

    def verify_key(self, text: str) -> SiteKey | None:
        if self.ring_away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SecretsManager")
        return RING.verify(text)

    def send(
        self, body: object = LEAD, *, method: str = "POST", path: str = "/api/leads", **more: str
    ) -> IntakeResult:
        """Send a request; ``more`` are headers, an empty one is left out."""
        headers = {"x_site_key": KEY, "content_type": "application/json"} | more
        return self.intake.answer(
            HttpRequest(
                method=method,
                path=path,
                headers={name.replace("_", "-"): text for name, text in headers.items() if text},
                raw_body=body if isinstance(body, str) else json.dumps(body),
                request_id="request-1",
            )
        )

    def refused(self, body: object = LEAD, **more: str) -> tuple[int, dict[str, Any]]:
        """Send what must be refused; nothing may be on the queue afterwards."""
        result = self.send(body, **more)
        assert self.queue.leads == []
        assert result.answer.headers["Content-Type"] == "application/problem+json"
        problem = json.loads(result.answer.body)
        assert problem["status"] == result.answer.status
        assert problem["correlationId"] == "request-1"
        return result.answer.status, problem


def bad_fields(problem: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in problem["errors"]}
