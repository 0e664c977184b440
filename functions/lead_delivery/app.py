"""Deliver queued leads: one SQS batch per invocation."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.delivery_metrics import EmfDeliveryMetrics
from forecourt.aws.kms import KmsDataKeys
from forecourt.aws.sns import SnsAlerts, SnsLeadEvents
from forecourt.aws.sqs import SqsLeadQueue, SqsWakeUps
from forecourt.aws.sqs_event import failures_of, messages_of
from forecourt.defects import only_redacted_errors
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_probe import EasyCarsLeadProbe
from forecourt.easycars.lead_sink import EasyCarsLeadSink
from forecourt.leads.delivery import LeadDelivery
from forecourt.leads.probing import Prober
from forecourt.leads.steps import OnStep, unwatched
from forecourt.network.write_window import WindowedTransport
from forecourt.settings import LeadDeliverySettings
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.database_settings import open_database
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.postgres import Database
from forecourt.storage.probes import PostgresProbes


@cache
def settings() -> LeadDeliverySettings:
    """Read the environment on the sandbox's first call."""
    return LeadDeliverySettings.from_environment()


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(settings())


@cache
def easycars() -> EasyCarsClient:
    """Give the sandbox's client, whose connections and tokens are kept."""
    return EasyCarsClient(settings().easycars_base_urls, transport=WindowedTransport())


def wire(on_step: OnStep = unwatched) -> LeadDelivery:
    """Put a delivery together; `on_step` is told of each of its steps."""
    vault = CredentialVault(database(), KmsDataKeys(settings().credentials_key_arn))
    probe = EasyCarsLeadProbe(easycars())
    return LeadDelivery(
        ledger=PostgresLedger(database()),
        queue=SqsLeadQueue(settings().leads_queue_url, settings().leads_dlq_url),
        elsewhere=SqsWakeUps(settings().dynamics_queue_url),
        sink=EasyCarsLeadSink(easycars()),
        vault=vault,
        prober=Prober(ledger=PostgresProbes(database()), probe=probe, vault=vault),
        breaker=PostgresBreaker(database()),
        alerts=SnsAlerts(settings().alert_topic_arn),
        events=SnsLeadEvents(settings().lead_events_topic_arn),
        metrics=EmfDeliveryMetrics(),
        on_step=on_step,
    )


@cache
def delivery() -> LeadDelivery:
    """Give the sandbox's delivery, whose threads are kept."""
    return wire()


def deliver(worker: LeadDelivery, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver one batch event."""
    return failures_of(
        worker.deliver_batch(
            messages_of(event),
            worker=context.aws_request_id,
            seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        )
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one batch with the messages that must come back."""
    with only_redacted_errors("lead_delivery"):
        return deliver(delivery(), event, context)
