"""Start the runs that were expected and never began; looks every 15 minutes."""

from functools import cache
from typing import Any

from forecourt.aws.missed_runs import MissedRuns
from forecourt.aws.schedules import EventBridgeSchedules
from forecourt.defects import only_redacted_errors
from forecourt.schedules.catch_up import CatchUp
from forecourt.settings import CatchUpSettings
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.schedules import PostgresRunHistory, PostgresTimetable


@cache
def database() -> Database:
    """Give the sandbox's one connection."""
    return open_database(CatchUpSettings.from_environment())


@cache
def catch_up() -> CatchUp:
    """Wire it on the sandbox's first call."""
    settings = CatchUpSettings.from_environment()
    return CatchUp(
        timetable=PostgresTimetable(database()),
        keeper=EventBridgeSchedules(settings.schedule_group),
        history=PostgresRunHistory(database()),
        starter=MissedRuns(settings.state_machine_arn),
    )


def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the schedule with the names of the schedules that were caught up."""
    with only_redacted_errors("catch_up"):
        return {"started": catch_up().run()}
