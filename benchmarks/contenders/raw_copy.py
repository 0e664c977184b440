"""The floor of a first load: raw COPY of the items as jsonb into a table of its own, no index."""

import sys
from pathlib import Path

from benchmarks.contenders.turns import read_body, serve
from benchmarks.server import open_database
from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_reading import EasyCarsStockReading
from forecourt.storage.postgres import Database


class RawCopy:
    """A contender that maps nothing and looks for no change."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = EasyCarsStockReading()
        self._body = bytearray()

    def receive(self, feed: Path) -> None:
        """Hold the body as the client holds it."""
        self._body = read_body(feed)

    def sync(self) -> None:
        """Copy."""
        envelope = read_stock_envelope(self._body)
        assert envelope is not None
        with (
            self._database.transaction() as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY copied (stock_number, raw) FROM STDIN") as copy,
        ):
            for raw in envelope.fields["StockList"]:
                copy.write_row((self._reading.stock_number_of(raw), bytes(raw).decode()))


if __name__ == "__main__":
    with open_database(sys.argv[1]) as opened:
        serve(RawCopy(opened))
