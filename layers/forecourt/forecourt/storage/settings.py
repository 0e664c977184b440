"""The tables ``system_settings`` and ``dealership_settings``."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database

_SYSTEM = "SELECT key, value FROM system_settings ORDER BY key"

_CHANGE_SYSTEM = """
INSERT INTO system_settings (key, value) VALUES (%s, %s)
ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value, updated_at = clock_timestamp()
"""

_DEALERSHIP = """
SELECT easycar_auto_sync_enabled AS auto_sync_enabled, easycar_sync_cron AS sync_cron,
       easycar_sync_timezone AS sync_timezone
FROM dealership_settings WHERE dealership_id = %s
"""
_WITHOUT_A_ROW = {"auto_sync_enabled": True, "sync_cron": None, "sync_timezone": None}

_ADD_DEALERSHIP = """
INSERT INTO dealership_settings (dealership_id) VALUES (%s) ON CONFLICT (dealership_id) DO NOTHING
"""

_CHANGE_DEALERSHIP = {
    name: f"""
UPDATE dealership_settings SET easycar_{name} = %s, updated_at = clock_timestamp()
WHERE dealership_id = %s
"""  # noqa: S608 - the names are constants of this file
    for name in _WITHOUT_A_ROW
}


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

    def dealership(self, dealership_id: int) -> Mapping[str, Any]:
        """Return ``auto_sync_enabled``, ``sync_cron`` and ``sync_timezone``."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(_DEALERSHIP, (dealership_id,)).fetchone() or _WITHOUT_A_ROW

    def change_dealership(
        self, dealership_id: int, values: Mapping[str, Any], *, actor: Actor
    ) -> None:
        """Write some settings of a dealership, all or none."""
        with self._database.transaction() as connection:
            connection.execute(_ADD_DEALERSHIP, (dealership_id,))
            for name, value in values.items():
                connection.execute(_CHANGE_DEALERSHIP[name], (value, dealership_id))
                entry = AuditEntry(
                    action="setting.changed",
                    subject_type="dealership_setting",
                    subject_id=f"easycar_{name}",
                    dealership_id=dealership_id,
                    detail={"value": value},
                )
                write_audit(connection, actor, entry)
