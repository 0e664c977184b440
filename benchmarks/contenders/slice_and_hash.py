"""The floor of a re-sync: slice the body, hash every item, compare, touch no database.

What Forecourt does besides is its log row, its lock, the read of the known hashes, and the search
for pictures and vehicles that are due.
"""

import hashlib
from pathlib import Path

from benchmarks.contenders.turns import read_body, serve
from forecourt.easycars.envelope import read_stock_envelope


class SliceAndHash:
    """A contender that stores nothing."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._known: set[bytes] = set()

    def receive(self, feed: Path) -> None:
        """Hold the body as the client holds it."""
        self._body = read_body(feed)

    def sync(self) -> None:
        """Slice, hash, compare."""
        envelope = read_stock_envelope(self._body)
        assert envelope is not None
        hashes = {hashlib.sha256(raw).digest() for raw in envelope.fields["StockList"]}
        self._known = hashes & self._known or hashes


if __name__ == "__main__":
    serve(SliceAndHash())
