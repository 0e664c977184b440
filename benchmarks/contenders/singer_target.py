"""The peer of Singer: MeltanoLabs' target-postgres, with COPY, its table made ready.

It is handed a tap's messages, written before: what a tap would spend on them is not counted.
"""

import sys
from pathlib import Path

from target_postgres.target import TargetPostgres

from benchmarks.contenders.turns import serve


class SingerTarget:
    """A contender: a target that is started for every sync, as Singer's are.

    Parameters
    ----------
    url
        The database.
    schema
        Where it finds its table.
    """

    def __init__(self, url: str, schema: str) -> None:
        self._config = {
            "sqlalchemy_url": url.replace("postgresql://", "postgresql+psycopg://", 1),
            "default_target_schema": schema,
            "use_copy": True,
            "add_record_metadata": False,
            "activate_version": False,
            "batch_size_rows": 5000,
        }
        self._messages = Path()

    def receive(self, feed: Path) -> None:
        """Note where the messages are; they are read while they are stored."""
        self._messages = feed

    def sync(self) -> None:
        """Read to the end of the messages, as from a tap's pipe."""
        target = TargetPostgres(config=self._config)
        with self._messages.open(encoding="utf-8") as lines:
            target.listen(lines)


if __name__ == "__main__":
    serve(SingerTarget(*sys.argv[1:]))
