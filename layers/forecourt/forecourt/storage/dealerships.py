"""The ``dealership`` table."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database
from forecourt.storage.site_keys import add_origins, add_site_key, site_document

_ADD = "INSERT INTO dealership (name) VALUES (%s) RETURNING id"

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

    def add(
        self, name: str, origins: Sequence[str], *, key_id: str, secret_version: int, actor: Actor
    ) -> int:
        """Insert a dealership known by its name alone, its web origins and its first site key."""
        with self._database.transaction() as connection:
            (dealership_id,) = connection.execute(_ADD, (name,)).fetchone() or (0,)
            add_origins(connection, dealership_id, origins)
            add_site_key(connection, dealership_id, key_id, secret_version)
            for action, subject_type, subject_id, detail in (
                ("dealership.created", "dealership", dealership_id, {"origins": list(origins)}),
                ("site_key.created", "site_key", key_id, {"secretVersion": secret_version}),
            ):
                entry = AuditEntry(
                    action=action,
                    subject_type=subject_type,
                    subject_id=subject_id,
                    dealership_id=dealership_id,
                    detail=detail,
                )
                write_audit(connection, actor, entry)
        return int(dealership_id)

    def list(self, only: int | None) -> Sequence[Mapping[str, Any]]:
        """Return all dealerships, or the one, with the state of their connection to EasyCars."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(_LIST, {"only": only}).fetchall()

    def exists(self, dealership_id: int) -> bool:
        """Say whether there is such a dealership."""
        row = self._database.connection().execute(_EXISTS, (dealership_id,)).fetchone()
        return row is not None and bool(row[0])

    def site_document(self, dealership_id: int) -> dict[str, Any]:
        """Return what ``sites/{dealershipId}.json`` has to say."""
        with self._database.transaction() as connection:
            return site_document(connection, dealership_id)
