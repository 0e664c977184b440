"""The peer dlt: a resource with write disposition "merge" into a table with our columns.

It is handed rows that are mapped already, as JSON Lines, and keeps its state in a folder of its
own; tables with the indexes of ``vehicle`` stand ready in its schema.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.contenders.turns import serve

KEY = ("dealership_id", "easycars_stock_number")
JSON_COLUMNS = ("easycars_raw_data", "features")


class DltMerge:
    """A contender: one pipeline that is run again and again.

    Parameters
    ----------
    url
        The database.
    schema
        dlt's dataset.
    folder
        Where dlt keeps its state between runs.
    """

    def __init__(self, url: str, schema: str, folder: Path) -> None:
        import dlt  # noqa: PLC0415 - after its settings are in the environment

        self._feed = Path()
        self._pipeline = dlt.pipeline(
            pipeline_name="forecourt_bench",
            destination=dlt.destinations.postgres(credentials=url),
            dataset_name=schema,
            pipelines_dir=str(folder),
        )
        self._resource = dlt.resource(
            read_rows,
            name="vehicle",
            primary_key=KEY,
            write_disposition={"disposition": "merge", "strategy": "upsert"},
            columns={
                **{name: {"data_type": "json"} for name in JSON_COLUMNS},
                "price": {"data_type": "decimal", "precision": 10, "scale": 2},
            },
        )

    def receive(self, feed: Path) -> None:
        """Note where the rows are; they are read while they are stored."""
        self._feed = feed

    def sync(self) -> None:
        """Extract, normalise, load and merge."""
        self._pipeline.run(self._resource(self._feed)).raise_on_failed_jobs()


def read_rows(feed: Path) -> Iterator[dict[str, Any]]:
    """Read JSON Lines one at a time."""
    with feed.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    with tempfile.TemporaryDirectory() as state:
        os.environ["DLT_DATA_DIR"] = state
        serve(DltMerge(sys.argv[1], sys.argv[2], Path(state)))
