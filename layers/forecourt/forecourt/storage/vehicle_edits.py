"""What people change in single rows of ``vehicle``."""

from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.admin.audit import Actor, AuditEntry
from forecourt.storage.audit_log import write_audit
from forecourt.storage.postgres import Database

_SHOW = """
SELECT id, dealership_id, title, make, model, year, price, mileage, condition, status, description,
       images, features, easycars_stock_number AS stock_number, easycars_yard_code AS yard_code,
       easycars_vin AS vin, data_source, locked_fields, removed_from_feed_at,
       last_synced_from_easycars AS last_synced_from_easy_cars,
       easycars_raw_data AS feed_item
FROM vehicle
WHERE id = %(id)s AND (%(scope)s::integer IS NULL OR dealership_id = %(scope)s)
"""

# A hash of nothing makes the next run write the row, with the feed's values where none is locked.
# A vehicle that left the feed while its status was locked is sold as soon as it is unlocked, and
# the feed's pictures, which were fetched all the same, are due again once theirs are.
_CHANGE = """
UPDATE vehicle
SET status = CASE WHEN removed_from_feed_at IS NOT NULL AND 'status' = ANY(%(unlock)s)
                  THEN 'sold' ELSE coalesce(%(status)s, status) END,
    price = coalesce(%(price)s::numeric, price),
    title = coalesce(%(title)s, title),
    description = coalesce(%(description)s, description),
    images = coalesce(%(images)s, images),
    content_hash = NULL,
    images_done = CASE WHEN 'images' = ANY(%(unlock)s) THEN NULL ELSE images_done END,
    locked_fields = ARRAY(
        SELECT name FROM unnest(locked_fields || %(lock)s::text[]) AS name
        WHERE name <> ALL(%(unlock)s) GROUP BY name ORDER BY name)
WHERE id = %(id)s AND (%(scope)s::integer IS NULL OR dealership_id = %(scope)s)
RETURNING dealership_id
"""
_COLUMNS = ("status", "price", "title", "description", "images")


class PostgresVehicleEdits:
    """Adapter of :class:`forecourt.admin.vehicles.VehicleEdits`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def show(self, vehicle_id: int, scope: int | None) -> Mapping[str, Any] | None:
        """Return one vehicle with the feed item it came from."""
        cursor = self._database.connection().cursor(row_factory=dict_row)
        return cursor.execute(_SHOW, {"id": vehicle_id, "scope": scope}).fetchone()

    def change(
        self,
        vehicle_id: int,
        scope: int | None,
        *,
        values: dict[str, Any],
        lock: set[str],
        unlock: set[str],
        actor: Actor,
    ) -> bool:
        """Set columns, lock and unlock, and write down who did; False for no such vehicle."""
        parameters: dict[str, Any] = dict.fromkeys(_COLUMNS) | values
        if parameters["images"] is not None:
            parameters["images"] = Jsonb(parameters["images"])
        parameters |= {"id": vehicle_id, "scope": scope}
        parameters |= {"lock": sorted(lock), "unlock": sorted(unlock)}
        with self._database.transaction() as connection:
            row = connection.execute(_CHANGE, parameters).fetchone()
            if row is None:
                return False
            entry = AuditEntry(
                action="vehicle.changed",
                subject_type="vehicle",
                subject_id=vehicle_id,
                dealership_id=row[0],
                detail={"set": sorted(values), "lock": sorted(lock), "unlock": sorted(unlock)},
            )
            write_audit(connection, actor, entry)
        return True
