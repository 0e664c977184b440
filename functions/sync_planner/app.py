"""Plan one run of the sync state machine: which dealerships, how many at once."""

from functools import cache
from typing import Any

from forecourt.aws.sync_plans import S3SyncPlans
from forecourt.defects import only_redacted_errors
from forecourt.settings import SyncPlannerSettings
from forecourt.stock.plan import SyncPlanner
from forecourt.stock.plan_request import PlanRequest
from forecourt.stock.state_machine_errors import only_state_machine_errors
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresPlanStore


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(SyncPlannerSettings.from_environment())


@cache
def planner() -> SyncPlanner:
    """Wire the planner on the sandbox's first call."""
    settings = SyncPlannerSettings.from_environment()
    return SyncPlanner(
        store=PostgresPlanStore(database()),
        files=S3SyncPlans(settings.run_bucket),
        capacity=settings.stock_sync_reserved_concurrency,
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the state machine's Plan state."""
    with only_state_machine_errors(), only_redacted_errors("sync_planner"):
        return planner().plan(PlanRequest.from_event(event)).to_payload()
