"""Take leads from dealers' websites: ``POST`` and ``OPTIONS /api/leads``."""

from functools import cache
from typing import Any

from forecourt.aws.clients import WHILE_A_WEBSITE_WAITS
from forecourt.aws.intake_metrics import EmfIntakeMetrics
from forecourt.aws.intake_queue import SqsIntakeQueue
from forecourt.aws.s3 import JsonBucket
from forecourt.aws.secrets import SecretStore
from forecourt.http_request import HttpRequest
from forecourt.leads.intake import LeadIntake
from forecourt.leads.rate_limit import RateLimit
from forecourt.leads.sites import SiteDirectory
from forecourt.logs import get_logger
from forecourt.security.edge import Edge
from forecourt.security.site_keys import RememberedKeyRing
from forecourt.settings import LeadIntakeSettings


@cache
def settings() -> LeadIntakeSettings:
    """Read the settings on the sandbox's first request."""
    return LeadIntakeSettings.from_environment()


@cache
def intake() -> LeadIntake:
    """Wire the intake on the sandbox's first request."""
    secrets = SecretStore(WHILE_A_WEBSITE_WAITS)
    edge = settings().edge_secret_arn
    ring = RememberedKeyRing(lambda: secrets.read(settings().site_key_secret_arn))
    return LeadIntake(
        verify_key=ring.verify,
        sites=SiteDirectory(JsonBucket(settings().run_bucket, WHILE_A_WEBSITE_WAITS)),
        rate_limit=RateLimit(),
        queue=SqsIntakeQueue(settings().leads_queue_url),
        edge=None if edge is None else Edge(lambda: secrets.read(edge)),
    )


@cache
def metrics() -> EmfIntakeMetrics:
    """Name the metrics as the settings say."""
    return EmfIntakeMetrics(
        namespace=settings().powertools_metrics_namespace,
        service=settings().powertools_service_name,
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API."""
    result = intake().answer(HttpRequest.from_event(event))
    if result.outcome != "preflight":
        metrics().count(result.outcome)
        get_logger("lead_intake").info("Lead request answered", **result.facts())
    return result.answer.to_event()
