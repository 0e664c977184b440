"""The ``dealership`` table."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database
from forecourt.storage.site_keys import add_origins, add_site_key

_NEXT_ID = "SELECT nextval(pg_get_serial_sequence('dealership', 'id'))"

_ADD = "INSERT INTO dealership (id, name) OVERRIDING SYSTEM VALUE VALUES (%s, %s)"

_EXISTS = "SELECT EXISTS (SELECT FROM dealership WHERE id = %s)"

_LIST = """
SELECT d.id, d.name, d.created_at,
       c.id IS NOT NULL AS has_credentials, c.environment, c.is_active, c.last_synced_at,
       c.hold_reason,
       coalesce(s.easycar_auto_sync_enabled, true) AS auto_sync_enabled,
       ARRAY(SELECT o.origin FROM dealership_origin o
             WHERE o.dealership_id = d.id ORDER BY o.id) AS origins
FROM dealership d
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = d.id
LEFT JOIN dealership_settings s ON s.dealership_id = d.id
WHERE %(only)s::integer IS NULL OR d.id = %(only)s
ORDER BY d.id
"""


class PostgresDealerships:
    """Adapter of :class:`forecourt.admin.ports.Dealerships`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def next_id(self) -> int:
        """Take the id of a dealership that is about to be added; one never added leaves a gap."""
        row = self._database.connection().execute(_NEXT_ID).fetchone()
        return int(row[0]) if row else 0

    def add(
        self,
        dealership_id: int,
        name: str,
        origins: Sequence[str],
        *,
        key_id: str,
        secret_version: int,
        actor: Actor,
    ) -> None:
        """Insert a dealership known by its name alone, its web origins and its first site key."""
        with self._database.transaction() as connection:
            connection.execute(_ADD, (dealership_id, name))
            add_origins(connection, dealership_id, origins)
            entry = AuditEntry(
                action="dealership.created",
                subject_type="dealership",
                subject_id=dealership_id,
                dealership_id=dealership_id,
                detail={"origins": list(origins)},
            )
            write_audit(connection, actor, entry)
            add_site_key(
                connection,
                dealership_id,
                key_id=key_id,
                label=None,
                secret_version=secret_version,
                actor=actor,
            )

    def list(self, only: int | None) -> Sequence[Mapping[str, Any]]:
        """Return all dealerships, or the one, with the state of their connection to EasyCars."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(_LIST, {"only": only}).fetchall()

    def exists(self, dealership_id: int) -> bool:
        """Say whether there is such a dealership."""
        row = self._database.connection().execute(_EXISTS, (dealership_id,)).fetchone()
        return row is not None and bool(row[0])
