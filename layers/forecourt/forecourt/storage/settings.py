"""The tables ``system_settings`` and ``dealership_settings``."""

from collections.abc import Mapping

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database

_SYSTEM = "SELECT key, value FROM system_settings ORDER BY key"

_CHANGE_SYSTEM = """
INSERT INTO system_settings (key, value) VALUES (%s, %s)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = clock_timestamp()
"""

_AUTO_SYNC = "SELECT easycar_auto_sync_enabled FROM dealership_settings WHERE dealership_id = %s"

_SET_AUTO_SYNC = """
INSERT INTO dealership_settings (dealership_id, easycar_auto_sync_enabled) VALUES (%s, %s)
ON CONFLICT (dealership_id) DO UPDATE
SET easycar_auto_sync_enabled = EXCLUDED.easycar_auto_sync_enabled,
    updated_at = clock_timestamp()
"""


class PostgresSettings:
    """Adapter of :class:`forecourt.admin.ports.Settings`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def system(self) -> Mapping[str, str | None]:
        """Return every system setting."""
        return dict(self._database.connection().execute(_SYSTEM).fetchall())

    def change_system(self, values: Mapping[str, str], *, actor: Actor) -> None:
        """Write some system settings, all or none."""
        with self._database.transaction() as connection:
            for key, value in values.items():
                connection.execute(_CHANGE_SYSTEM, (key, value))
                entry = AuditEntry(
                    action="setting.changed",
                    subject_type="system_setting",
                    subject_id=key,
                    dealership_id=None,
                    detail={"value": value},
                )
                write_audit(connection, actor, entry)

    def auto_sync_enabled(self, dealership_id: int) -> bool:
        """Say whether a dealership takes part in scheduled runs; without a row it does."""
        row = self._database.connection().execute(_AUTO_SYNC, (dealership_id,)).fetchone()
        return True if row is None else bool(row[0])

    def set_auto_sync(self, dealership_id: int, *, enabled: bool, actor: Actor) -> None:
        """Let a dealership take part in scheduled runs, or not."""
        entry = AuditEntry(
            action="setting.changed",
            subject_type="dealership_setting",
            subject_id="easycar_auto_sync_enabled",
            dealership_id=dealership_id,
            detail={"value": enabled},
        )
        with self._database.transaction() as connection:
            connection.execute(_SET_AUTO_SYNC, (dealership_id, enabled))
            write_audit(connection, actor, entry)
