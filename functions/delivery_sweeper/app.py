"""Keep deliveries going that no message is on its way for: one sweep a minute.

Once an hour the same function copies dead letters to where they stay longer.
"""

from dataclasses import asdict
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.dead_letter_metrics import EmfCopyingMetrics
from forecourt.aws.dead_letters import S3DeadLetterCopies, sqs_dead_letters
from forecourt.aws.sns import SnsLeadEvents
from forecourt.aws.sqs import RoutedWakeUps
from forecourt.aws.sweep_metrics import EmfSweepMetrics
from forecourt.defects import only_redacted_errors
from forecourt.errors import PermanentError
from forecourt.leads.dead_letters import DeadLetterArchive
from forecourt.leads.sweep import DeliverySweeper
from forecourt.settings import DeliverySweeperSettings
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.sweeps import PostgresSweeps


@cache
def settings() -> DeliverySweeperSettings:
    """Read the environment on the sandbox's first call."""
    return DeliverySweeperSettings.from_environment()


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(settings())


@cache
def sweeper() -> DeliverySweeper:
    """Give the sandbox's sweeper."""
    return DeliverySweeper(
        ledger=PostgresSweeps(database()),
        queue=RoutedWakeUps(
            leads_queue_url=settings().leads_queue_url,
            dynamics_queue_url=settings().dynamics_queue_url,
        ),
        events=SnsLeadEvents(settings().lead_events_topic_arn),
        metrics=EmfSweepMetrics(),
    )


@cache
def archive() -> DeadLetterArchive:
    """Give the sandbox's copier of dead letters; it needs no database."""
    return DeadLetterArchive(
        sqs_dead_letters(
            leads_queue_url=settings().leads_queue_url,
            leads_dlq_url=settings().leads_dlq_url,
            dynamics_queue_url=settings().dynamics_queue_url,
            dynamics_dlq_url=settings().dynamics_dlq_url,
        ),
        S3DeadLetterCopies(settings().run_bucket),
        EmfCopyingMetrics(),
    )


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the task a schedule names; without a name it is ``sweep``."""
    with only_redacted_errors("delivery_sweeper"):
        match event.get("task", "sweep"):
            case "sweep":
                return asdict(sweeper().run(context.get_remaining_time_in_millis() / 1000))
            case "archive":
                return asdict(archive().copy())
            case _:
                detail = 'The tasks are "sweep" and "archive".'
                raise PermanentError(code="UNKNOWN_TASK", detail=detail, target="delivery_sweeper")
