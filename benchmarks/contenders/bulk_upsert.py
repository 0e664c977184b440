"""SQLAlchemy Core: map everything, then INSERT … ON CONFLICT in chunks, changed rows alone written.

As one writes it who knows the database: a statement for many rows, and a WHERE that leaves a row
alone that is as it was. The server still has to be sent, and to compare, every item every time.
"""

import sys
from datetime import UTC, datetime
from itertools import batched
from pathlib import Path

from sqlalchemy import Engine, Table, or_
from sqlalchemy.dialects.postgresql import insert

from benchmarks.contenders.orm_loop import Vehicle, connect, wanted_rows
from benchmarks.contenders.turns import read_body, serve

CHUNK_ROWS = 200


class BulkUpsert:
    """A contender: one transaction, some hundred rows a statement."""

    def __init__(self, engine: Engine, dealership_id: int) -> None:
        self._engine = engine
        self._dealership_id = dealership_id
        self._body = bytearray()

    def receive(self, feed: Path) -> None:
        """Hold the body as the client holds it."""
        self._body = read_body(feed)

    def sync(self) -> None:
        """Make the dealership's vehicles equal the feed."""
        constant = {
            "dealership_id": self._dealership_id,
            "data_source": "EasyCars",
            "last_synced_from_easycars": datetime.now(UTC),
        }
        table = Vehicle.__table__
        assert isinstance(table, Table)
        with self._engine.begin() as connection:
            for chunk in batched(wanted_rows(self._body), CHUNK_ROWS, strict=False):
                statement = insert(table).values([{**constant, **row} for row in chunk])
                compared = {name: statement.excluded[name] for name in chunk[0]}
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["dealership_id", "easycars_stock_number"],
                        set_={
                            **compared,
                            "last_synced_from_easycars": constant["last_synced_from_easycars"],
                        },
                        where=or_(
                            *(table.c[name].is_distinct_from(new) for name, new in compared.items())
                        ),
                    )
                )


if __name__ == "__main__":
    serve(BulkUpsert(connect(sys.argv[1]), int(sys.argv[2])))
