"""Bring the database's schema up to date, or down again; invoked after a deploy."""

from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from forecourt.logs import get_logger
from forecourt.settings import MigrateSettings
from forecourt.storage.database_settings import database_login
from forecourt.storage.schema import Schema, SchemaAction

log = get_logger("migrate")


@cache
def schema() -> Schema:
    """Wire the schema on the sandbox's first call."""
    settings = MigrateSettings.from_environment()
    return Schema(database_login(settings), Path(__file__).parent / "migrations")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer ``{"action", "revision"}`` (by default up to ``head``) with what was done."""
    action = SchemaAction(event.get("action", SchemaAction.UPGRADE))
    change = schema().run(action, event.get("revision", "head"))
    log.info("Schema is at its revision", action=action, **asdict(change))
    return {"from": change.before, "to": change.after, "applied": list(change.applied)}
