"""The ``vehicle`` table as the stock sync reads and writes it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import batched, chain
from operator import attrgetter
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from forecourt.errors import SkippableError
from forecourt.security.redaction import redact
from forecourt.stock.ports import KnownVehicle, VehicleWrite, WriteOutcome
from forecourt.storage.postgres import TARGET, Connection
from forecourt.storage.vehicle_images import ORPHAN_DAYS, OVERDUE_ORPHANS, SHOWS_TOO_LITTLE

PLAIN_COLUMNS = (
    "make",
    "model",
    "year",
    "price",
    "mileage",
    "condition",
    "status",
    "title",
    "description",
    "easycars_yard_code",
    "easycars_vin",
    "exterior_color",
    "interior_color",
    "body",
    "fuel_type",
    "gear_type",
    "engine_capacity",
    "door_count",
    "images_wanted",
)
"""What the mapping fills besides the JSON; ``images`` is the image sync's, and stays as it is."""

LOCKABLE_COLUMNS = ("price", "title", "description", "status")
"""What a dealer's edit keeps through nightly runs while it stands in ``locked_fields``."""

LONG_COLUMNS = ("description", "features")
"""What PostgreSQL compresses and moves out of the row, besides the raw item, which has changed."""

ROWS_PER_STATEMENT = 5
"""Parsing the statement costs the server as much as storing a fifth of a row: five at a time pay
it once. More gain nothing; measured with `make bench`."""

_plain_values = attrgetter(*PLAIN_COLUMNS)

_BAD_ROW_CLASSES = frozenset({"22", "23", "54"})
"""SQLSTATE classes that blame one row: data exception, integrity violation, limit exceeded."""

_KNOWN = f"""
SELECT easycars_stock_number,
       CASE WHEN source_scope = %(scope)s AND removed_from_feed_at IS NULL
            THEN content_hash END,
       data_source = 'EasyCars',
       coalesce(created_at >= %(since)s, false),
       coalesce(last_synced_from_easycars >= %(since)s, false),
       source_scope IS NOT DISTINCT FROM %(scope)s,
       removed_from_feed_at IS NOT NULL,
       coalesce(removed_from_feed_at >= %(since)s, false),
       ({SHOWS_TOO_LITTLE}) OR EXISTS ({OVERDUE_ORPHANS})
FROM vehicle v
WHERE dealership_id = %(dealership_id)s AND easycars_stock_number IS NOT NULL
"""  # noqa: S608 - the parts are constants of another file


def _assignment(column: str) -> str:
    value = f"EXCLUDED.{column}"
    if column in LONG_COLUMNS:
        # An equal value keeps its stored form: comparing costs less than compressing it again.
        value = f"CASE WHEN v.{column} = {value} THEN v.{column} ELSE {value} END"
    if column in LOCKABLE_COLUMNS:
        value = f"CASE WHEN '{column}' = ANY(v.locked_fields) THEN v.{column} ELSE {value} END"
    return f"{column} = {value}"


_WRITTEN_COLUMNS = ("easycars_raw_data", "features", *PLAIN_COLUMNS)
_ROW = f"(%s, %s, %s, %s, 'EasyCars', now(), {', '.join(['%s'] * len(_WRITTEN_COLUMNS))})"
_INSERT = f"""
INSERT INTO vehicle AS v
    (dealership_id, easycars_stock_number, content_hash, source_scope, data_source,
     last_synced_from_easycars, {", ".join(_WRITTEN_COLUMNS)})
VALUES
"""  # noqa: S608 - the parts are constants of this file
_ON_CONFLICT = f"""
ON CONFLICT (dealership_id, easycars_stock_number) DO UPDATE
SET content_hash = EXCLUDED.content_hash, source_scope = EXCLUDED.source_scope,
    last_synced_from_easycars = now(), removed_from_feed_at = NULL,
    {", ".join(_assignment(column) for column in _WRITTEN_COLUMNS)}
WHERE v.data_source = 'EasyCars'
  AND (v.content_hash IS DISTINCT FROM EXCLUDED.content_hash
       OR v.source_scope IS DISTINCT FROM EXCLUDED.source_scope
       OR v.removed_from_feed_at IS NOT NULL)
RETURNING v.easycars_stock_number, v.xmax = 0
"""

# A hash of nothing: when the vehicle comes back it is written, even if it is as it was.
_REMOVE = """
UPDATE vehicle
SET status = CASE WHEN 'status' = ANY(locked_fields) THEN status ELSE 'sold' END,
    removed_from_feed_at = now(), content_hash = NULL, last_synced_from_easycars = now()
WHERE dealership_id = %s AND easycars_stock_number = ANY(%s) AND data_source = 'EasyCars'
  AND removed_from_feed_at IS NULL
"""


@cache
def _upsert(rows: int) -> str:
    return _INSERT + ", ".join([_ROW] * rows) + _ON_CONFLICT


def known(
    connection: Connection, dealership_id: int, scope: str, since: datetime
) -> dict[str, KnownVehicle]:
    """Return the dealership's vehicles by stock number.

    Parameters
    ----------
    scope
        The feed's (environment, account, yard): a hash that came from another one is no answer.
    since
        When the job's run began; what was written after it was written by the job.
    """
    rows = connection.execute(
        _KNOWN,
        {"dealership_id": dealership_id, "scope": scope, "since": since, "days": ORPHAN_DAYS},
    ).fetchall()
    return {row[0]: KnownVehicle._make(row[1:]) for row in rows}


def upsert_all(
    connection: Connection,
    dealership_id: int,
    scope: str,
    chunk: Iterable[VehicleWrite],
    *,
    pipeline: bool,
) -> dict[str, WriteOutcome]:
    """Store the chunk and return what became of each stock number that was written.

    What is missing in the answer was kept as it was. No stock number may be in the chunk twice.

    Parameters
    ----------
    pipeline
        Send statement after statement without waiting (libpq pipeline mode, design 9): the server
        stores one while `chunk` makes the next. Without it each waits for the one before.

    Raises
    ------
    BadRowError
        A row cannot be stored; nothing of the chunk may be committed.
    """
    rows = (_row(dealership_id, scope, write) for write in chunk)
    packs = batched(rows, ROWS_PER_STATEMENT, strict=False)
    short: list[tuple[Any, ...]] = []
    created: dict[str, bool] = {}
    try:
        with connection.cursor() as cursor:
            full = _full_packs(packs, short)
            if pipeline:
                cursor.executemany(_upsert(ROWS_PER_STATEMENT), full, returning=True)
                created.update(row for result in cursor.results() for row in result)
            else:
                for values in full:
                    created.update(cursor.execute(_upsert(ROWS_PER_STATEMENT), values))
            if short:
                created.update(cursor.execute(_upsert(len(short)), _flat(short)))
    except psycopg.Error as error:
        if _blames_a_row(error):
            raise BadRowError from error
        raise
    return {number: _fate(is_new) for number, is_new in created.items()}


def upsert_each(
    connection: Connection, dealership_id: int, scope: str, chunk: Sequence[VehicleWrite]
) -> list[WriteOutcome | SkippableError]:
    """Store the chunk row by row, each under its own savepoint, so that only bad rows fail."""
    fates: list[WriteOutcome | SkippableError] = []
    for write in chunk:
        try:
            with connection.transaction():
                row = connection.execute(_upsert(1), _row(dealership_id, scope, write)).fetchone()
            fates.append(WriteOutcome.KEPT if row is None else _fate(row[1]))
        except psycopg.Error as error:
            if not _blames_a_row(error):
                raise
            # The server's DETAIL quotes whole rows and stays out.
            detail = redact(error.diag.message_primary or "a value cannot be sent")
            fates.append(SkippableError(code="ROW_REFUSED", detail=detail, target=TARGET))
    return fates


def remove(connection: Connection, dealership_id: int, stock_numbers: Sequence[str]) -> int:
    """Mark vehicles sold that the feed no longer holds; a status a dealer locked stays."""
    return connection.execute(_REMOVE, (dealership_id, list(stock_numbers))).rowcount


class BadRowError(Exception):
    """One row of a chunk cannot be stored; which one, PostgreSQL's pipeline does not say."""


def _full_packs(
    packs: Iterable[tuple[tuple[Any, ...], ...]], short: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Yield the parameters of full statements; put the rows of the last, short one aside."""
    for pack in packs:
        if len(pack) == ROWS_PER_STATEMENT:
            yield _flat(pack)
        else:
            short.extend(pack)


def _flat(rows: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(rows))


def _row(dealership_id: int, scope: str, write: VehicleWrite) -> tuple[Any, ...]:
    return (
        dealership_id,
        write.stock_number,
        write.content_hash,
        scope,
        Jsonb(write.draft.easycars_raw_data, dumps=str.encode),
        Jsonb(write.draft.features),
        *_plain_values(write.draft),
    )


def _fate(created: bool) -> WriteOutcome:
    return WriteOutcome.CREATED if created else WriteOutcome.UPDATED


def _blames_a_row(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)
    return error.sqlstate[:2] in _BAD_ROW_CLASSES
