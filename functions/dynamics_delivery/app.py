"""Deliver leads to Dynamics 365: one SQS batch of wake-ups per invocation."""

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.delivery_metrics import EmfDeliveryMetrics
from forecourt.aws.kms import KmsDataKeys
from forecourt.aws.sns import SnsAlerts
from forecourt.aws.sqs import SqsLeadQueue
from forecourt.aws.sqs_event import failures_of, messages_of
from forecourt.defects import only_redacted_errors
from forecourt.dynamics.client import DynamicsClient
from forecourt.dynamics.lead_sink import DynamicsLeadSink
from forecourt.leads.dynamics.delivery import DynamicsDelivery
from forecourt.leads.steps import OnStep, unwatched
from forecourt.leads.wake_ups import DYNAMICS
from forecourt.settings import DynamicsDeliverySettings
from forecourt.storage.breaker import PostgresBreaker
from forecourt.storage.database_settings import open_database
from forecourt.storage.dynamics_budget import PostgresBudget
from forecourt.storage.dynamics_connections import DynamicsVault
from forecourt.storage.dynamics_ledger import PostgresDynamicsLedger
from forecourt.storage.postgres import Database


@cache
def settings() -> DynamicsDeliverySettings:
    """Read the environment on the sandbox's first call."""
    return DynamicsDeliverySettings.from_environment()


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(settings())


@cache
def dynamics() -> DynamicsClient:
    """Give the sandbox's client, whose connections and tokens are kept."""
    return DynamicsClient(settings().dynamics_url)


def wire(on_step: OnStep = unwatched) -> DynamicsDelivery:
    """Put a delivery together; `on_step` is told of each of its steps."""
    return DynamicsDelivery(
        ledger=PostgresDynamicsLedger(database()),
        queue=SqsLeadQueue(settings().dynamics_queue_url, settings().dynamics_dlq_url),
        sink=DynamicsLeadSink(dynamics()),
        vault=DynamicsVault(database(), KmsDataKeys(settings().credentials_key_arn)),
        budget=PostgresBudget(database()),
        breaker=PostgresBreaker(database(), DYNAMICS),
        alerts=SnsAlerts(settings().alert_topic_arn),
        metrics=EmfDeliveryMetrics(),
        on_step=on_step,
    )


@cache
def delivery() -> DynamicsDelivery:
    """Give the sandbox's delivery, whose threads are kept."""
    return wire()


def deliver(
    worker: DynamicsDelivery, event: dict[str, Any], context: LambdaContext
) -> dict[str, Any]:
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
    with only_redacted_errors("dynamics_delivery"):
        return deliver(delivery(), event, context)
