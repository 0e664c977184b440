"""The ``dealership`` table."""

from typing import Any

from psycopg.rows import dict_row

from forecourt.storage.postgres import Connection

_ADD = "INSERT INTO dealership (name) VALUES (%s) RETURNING id"

_EXISTS = "SELECT EXISTS (SELECT FROM dealership WHERE id = %s)"

_LIST = """
SELECT d.id, d.name, d.created_at,
       c.environment, c.is_active, c.last_synced_at, c.hold_reason,
       coalesce(s.easycar_auto_sync_enabled, true) AS auto_sync_enabled,
       (SELECT count(*) FROM site_key k
        WHERE k.dealership_id = d.id AND k.revoked_at IS NULL) AS site_keys,
       ARRAY(SELECT o.origin FROM dealership_origin o
             WHERE o.dealership_id = d.id ORDER BY o.id) AS origins
FROM dealership d
LEFT JOIN dealership_easycars_credentials c ON c.dealership_id = d.id
LEFT JOIN dealership_settings s ON s.dealership_id = d.id
WHERE %(only)s::integer IS NULL OR d.id = %(only)s
ORDER BY d.id
"""


def add_dealership(connection: Connection, name: str) -> int:
    """Insert a dealership known by its name alone; return its id."""
    (dealership_id,) = connection.execute(_ADD, (name,)).fetchone() or (0,)
    return int(dealership_id)


def dealership_exists(connection: Connection, dealership_id: int) -> bool:
    """Say whether there is such a dealership."""
    (found,) = connection.execute(_EXISTS, (dealership_id,)).fetchone() or (False,)
    return bool(found)


def list_dealerships(connection: Connection, only: int | None = None) -> list[dict[str, Any]]:
    """Return all dealerships, or the one, with the state of their connection to EasyCars."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(_LIST, {"only": only}).fetchall()
