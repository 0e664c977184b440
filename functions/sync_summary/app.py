"""Close one run of the sync state machine: account for every dealership, alert, report."""

from functools import cache
from typing import Any
from uuid import UUID

from forecourt.aws.sns import SnsAlerts
from forecourt.aws.sync_metrics import EmfSyncMetrics
from forecourt.aws.sync_plans import S3SyncPlans
from forecourt.defects import only_redacted_errors
from forecourt.settings import SyncSummarySettings
from forecourt.stock.plan import PlanLocation
from forecourt.stock.run import SyncType
from forecourt.stock.state_machine_errors import only_state_machine_errors
from forecourt.stock.summary import SyncSummary
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresSummaryStore


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(SyncSummarySettings.from_environment())


@cache
def summary() -> SyncSummary:
    """Wire the summary on the sandbox's first call."""
    settings = SyncSummarySettings.from_environment()
    return SyncSummary(
        store=PostgresSummaryStore(database()),
        files=S3SyncPlans(settings.run_bucket),
        alerts=SnsAlerts(settings.alert_topic_arn),
        metrics=EmfSyncMetrics(),
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the state machine's Summarise state."""
    with only_state_machine_errors(), only_redacted_errors("sync_summary"):
        plan = PlanLocation(bucket=event["plan"]["bucket"], key=event["plan"]["key"])
        sync_type = SyncType(event["syncType"].capitalize())
        return summary().summarise(UUID(event["jobId"]), sync_type, plan).to_payload()
