"""The ``vehicle_image`` table, and what of it a vehicle shows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.images.ports import (
    Gallery,
    ImageCounts,
    ImageRequest,
    Outcome,
    Picture,
    PictureState,
    Stored,
)
from forecourt.storage.postgres import Connection, Database

ORPHAN_DAYS = 7
"""How long a picture the feed dropped is kept: a feed that drops one by mistake brings it back."""

_IS_ON = """NOT EXISTS (
    SELECT FROM system_settings s
    WHERE s.key = 'easycar_image_sync_enabled'
      AND lower(btrim(s.value)) IN ('false', 'off', 'no', '0'))"""

# Switched off, what is on the queue is left too: its vehicles stay due.
_VEHICLE = f"""
SELECT images_wanted, easycars_raw_data ->> 'ImageURLs' AS image_urls,
       CASE jsonb_typeof(images) WHEN 'array' THEN jsonb_array_length(images) ELSE 0 END AS shown
FROM vehicle
WHERE id = %(vehicle_id)s AND dealership_id = %(dealership_id)s AND data_source = 'EasyCars'
  AND images_wanted IS NOT NULL AND {_IS_ON}
"""  # noqa: S608 - the part is a constant of this file

_PICTURES = """
SELECT source_url, state, attempts, stored_key, stored_url
FROM vehicle_image WHERE vehicle_id = %(vehicle_id)s AND dealership_id = %(dealership_id)s
"""

_SAME_CONTENT = """
SELECT stored_key, stored_url FROM vehicle_image
WHERE vehicle_id = %(vehicle_id)s AND dealership_id = %(dealership_id)s
  AND content_hash = %(content_hash)s AND state = 'stored'
LIMIT 1
"""

_RECORD = """
INSERT INTO vehicle_image (
    vehicle_id, dealership_id, position, source_url, state, refused_code, attempts, content_hash,
    content_type, size_bytes, stored_key, stored_url, fetched_at)
VALUES (
    %(vehicle_id)s, %(dealership_id)s, %(position)s, %(url)s, %(state)s,
    %(code)s, %(tries)s, %(content_hash)s,
    %(media_type)s, %(size_bytes)s, %(key)s, %(shown_at)s,
    CASE WHEN %(key)s::text IS NOT NULL THEN now() END)
ON CONFLICT (vehicle_id, source_url) DO UPDATE
SET position = excluded.position, state = excluded.state, refused_code = excluded.refused_code,
    attempts = excluded.attempts, content_hash = excluded.content_hash,
    content_type = excluded.content_type, size_bytes = excluded.size_bytes,
    stored_key = excluded.stored_key, stored_url = excluded.stored_url,
    fetched_at = excluded.fetched_at, orphaned_at = NULL, updated_at = now()
WHERE vehicle_image.state = 'pending'
"""

_SHOW = """
UPDATE vehicle
SET images = CASE WHEN 'images' = ANY(locked_fields) THEN images
                  ELSE coalesce(%(urls)s, images) END,
    images_done = CASE WHEN %(complete)s THEN %(wanted)s ELSE images_done END
WHERE id = %(vehicle_id)s AND dealership_id = %(dealership_id)s AND images_wanted = %(wanted)s
  AND ((%(complete)s AND images_done IS DISTINCT FROM %(wanted)s)
       OR ('images' <> ALL(locked_fields)
           AND images IS DISTINCT FROM coalesce(%(urls)s, images)))
"""

_MARK_ORPHANS = """
UPDATE vehicle_image
SET orphaned_at = CASE WHEN source_url = ANY(%(urls)s) THEN NULL ELSE now() END
WHERE vehicle_id = %(vehicle_id)s AND dealership_id = %(dealership_id)s
  AND (orphaned_at IS NULL) <> (source_url = ANY(%(urls)s))
"""

_FORGET = """
DELETE FROM vehicle_image
WHERE vehicle_id = %(vehicle_id)s AND dealership_id = %(dealership_id)s
  AND orphaned_at < now() - make_interval(days => %(days)s)
RETURNING stored_key
"""

# A store may keep one file for the same content of several vehicles.
_STILL_USED = """
SELECT stored_key FROM vehicle_image
WHERE dealership_id = %(dealership_id)s AND stored_key = ANY(%(keys)s)
"""

_COUNT = """
UPDATE easycars_sync_logs
SET response_summary = coalesce(response_summary, '{}') || jsonb_build_object('images', (
    SELECT jsonb_object_agg(c.key, c.value::integer
        + coalesce((response_summary -> 'images' ->> c.key)::integer, 0))
    FROM jsonb_each_text(%(counts)s) c))
WHERE id = %(log_id)s AND dealership_id = %(dealership_id)s
"""

SHOWS_TOO_LITTLE = """v.data_source = 'EasyCars' AND v.removed_from_feed_at IS NULL
    AND v.images_wanted IS NOT NULL AND v.images_wanted IS DISTINCT FROM v.images_done"""
"""Of a vehicle ``v``: what it shows is not what its feed wants."""

OVERDUE_ORPHANS = """SELECT i.vehicle_id FROM vehicle_image i
    WHERE i.dealership_id = %(dealership_id)s
      AND i.orphaned_at < now() - make_interval(days => %(days)s)"""
"""Vehicles with pictures that the feed dropped so many days ago; see :data:`ORPHAN_DAYS`."""

_DUE = f"""
SELECT due.id FROM (
    SELECT v.id FROM vehicle v WHERE v.dealership_id = %(dealership_id)s AND {SHOWS_TOO_LITTLE}
    UNION
    {OVERDUE_ORPHANS}
) due
WHERE {_IS_ON}
ORDER BY due.id
"""  # noqa: S608 - the parts are constants of this file


class PostgresGalleries:
    """Adapter of :class:`forecourt.images.ports.Galleries`.

    Parameters
    ----------
    read_urls
        Splits the feed item's ``ImageURLs`` into addresses, in order.
    """

    def __init__(
        self, database: Database, *, read_urls: Callable[[str | None], Sequence[str]]
    ) -> None:
        self._database = database
        self._read_urls = read_urls

    def load(self, request: ImageRequest) -> Gallery | None:
        """Return a vehicle's gallery; None where there is nothing to do for it now."""
        names = _names(request)
        with self._database.transaction() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            vehicle = cursor.execute(_VEHICLE, names).fetchone()
            if vehicle is None:
                return None
            rows = cursor.execute(_PICTURES, names).fetchall()
        return Gallery(
            wanted=vehicle["images_wanted"],
            urls=self._read_urls(vehicle["image_urls"]),
            pictures={row["source_url"]: _picture(row) for row in rows},
            shown=vehicle["shown"],
        )

    def stored_content(self, request: ImageRequest, content_hash: bytes) -> Stored | None:
        """Find the same content among the vehicle's pictures under another address."""
        names = {**_names(request), "content_hash": content_hash}
        row = self._database.connection().execute(_SAME_CONTENT, names).fetchone()
        return None if row is None else Stored(key=row[0], url=row[1])

    def record(self, request: ImageRequest, url: str, position: int, outcome: Outcome) -> None:
        """Note what became of one address; what is stored or refused stays so."""
        stored = outcome.stored
        self._database.connection().execute(
            _RECORD,
            {
                **_names(request),
                "url": url,
                "position": position,
                "state": outcome.state.value,
                "code": outcome.code,
                "tries": outcome.tries,
                "content_hash": outcome.content_hash,
                "media_type": outcome.media_type,
                "size_bytes": outcome.size_bytes,
                "key": stored.key if stored else None,
                "shown_at": stored.url if stored else None,
            },
        )

    def show(
        self, request: ImageRequest, wanted: str, urls: Sequence[str] | None, *, complete: bool
    ) -> None:
        """Set what the website shows, unless a person locked it, and note what is done."""
        shown = None if urls is None else Jsonb(list(urls))
        names = {**_names(request), "wanted": wanted, "urls": shown, "complete": complete}
        self._database.connection().execute(_SHOW, names)

    def orphans(self, request: ImageRequest, urls: Sequence[str]) -> Sequence[str]:
        """Mark what the feed dropped, forget what it dropped a week ago."""
        names = {**_names(request), "urls": list(urls), "days": ORPHAN_DAYS}
        with self._database.transaction() as connection:
            connection.execute(_MARK_ORPHANS, names)
            keys = [row[0] for row in connection.execute(_FORGET, names) if row[0] is not None]
            used = connection.execute(_STILL_USED, {**names, "keys": keys}) if keys else ()
            return sorted(set(keys) - {row[0] for row in used})

    def count(self, request: ImageRequest, counts: ImageCounts) -> None:
        """Add to the counts of the sync log row that asked."""
        if request.log_id is None:
            return
        names = {**_names(request), "log_id": request.log_id, "counts": Jsonb(asdict(counts))}
        self._database.connection().execute(_COUNT, names)


def due_vehicles(connection: Connection, dealership_id: int) -> list[int]:
    """Return the vehicles whose pictures are due; none while image sync is switched off."""
    names = {"dealership_id": dealership_id, "days": ORPHAN_DAYS}
    return [row[0] for row in connection.execute(_DUE, names)]


def _names(request: ImageRequest) -> dict[str, Any]:
    return {"vehicle_id": request.vehicle_id, "dealership_id": request.dealership_id}


def _picture(row: Mapping[str, Any]) -> Picture:
    stored = row["state"] == PictureState.STORED
    return Picture(
        state=PictureState(row["state"]),
        tries=row["attempts"],
        stored=Stored(key=row["stored_key"], url=row["stored_url"]) if stored else None,
    )
