"""Bring the database's schema up to date, or down again; invoked after a deploy.

A deploy also writes the template's times over the schedules', so they are applied again.
"""

from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from forecourt.aws.schedules import EventBridgeSchedules
from forecourt.logs import get_logger
from forecourt.schedules.keeping import keep_timetable
from forecourt.settings import MigrateSettings
from forecourt.storage.database_settings import database_login, open_database
from forecourt.storage.schedules import PostgresTimetable
from forecourt.storage.schema import Schema, SchemaAction

log = get_logger("migrate")


@cache
def schema() -> Schema:
    """Wire the schema on the sandbox's first call."""
    settings = MigrateSettings.from_environment()
    return Schema(database_login(settings), Path(__file__).parent / "migrations")


def keep_schedules() -> dict[str, Any]:
    """Make the schedules fire as the settings in the database say."""
    settings = MigrateSettings.from_environment()
    with closing(open_database(settings)) as database:
        keeper = EventBridgeSchedules(settings.schedule_group)
        kept = asdict(keep_timetable(PostgresTimetable(database), keeper))
    log.info("Schedules are as the settings say", **kept)
    return kept


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer ``{"action", "revision"}`` (by default up to ``head``) with what was done."""
    action = SchemaAction(event.get("action", SchemaAction.UPGRADE))
    revision = event.get("revision", "head")
    change = schema().run(action, revision)
    log.info("Schema is at its revision", action=action, **asdict(change))
    done = {"from": change.before, "to": change.after, "applied": list(change.applied)}
    if (action, revision) != (SchemaAction.UPGRADE, "head"):
        return done
    return done | {"schedules": keep_schedules()}
