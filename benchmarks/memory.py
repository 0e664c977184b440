"""Peak memory of a stock run over HTTP, in a process of its own."""

import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import le
from pathlib import Path
from typing import Self
from uuid import uuid4

from benchmarks.feed import VEHICLE_BYTES, make_feed
from benchmarks.server import migrated_server, open_database
from benchmarks.table import Line

MEGABYTE = 1_000_000
BODY_BYTES = 100 * MEGABYTE
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def measure(peers: str) -> Line | None:
    """Let a new process sync a feed of 100 MB twice; None where the system tells no peak.

    Parameters
    ----------
    peers
        What others take for such a feed, as text.
    """
    if not _CLEAR_REFS.exists():
        return None
    feeds = {"/small": make_feed(10).body, "/large": make_feed(BODY_BYTES // VEHICLE_BYTES).body}
    with migrated_server() as url, _Vendor(feeds) as vendor:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", url, vendor.url],
            capture_output=True,
            text=True,
            check=True,
        )
    peak = json.loads(done.stdout.splitlines()[-1])
    body = len(feeds["/large"]) / MEGABYTE
    return Line(
        job=f"peak memory, feed of {body:.0f} MB, first load and re-sync",
        ours=f"{peak / MEGABYTE:.0f} MB",
        other=f"body {body:.0f} MB{f'; first load: {peers}' if peers else ''}",
        figure=peak / MEGABYTE - body,
        unit=" MB over",
        target=30,
        holds=le,
    )


class _Vendor:
    """The least vendor: a token, and a feed by path, sent from memory."""

    def __init__(self, feeds: dict[str, bytearray]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body: bytes | bytearray = b'{"Token":"-","Code":0}'
                if "RequestToken" not in self.path:
                    body = feeds[self.path[: self.path.index("/", 1)]]
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _run(database_url: str, vendor_url: str) -> None:
    """Sync a small feed, then the large one twice; print how far above the small one it went."""
    from benchmarks.contenders.ours import OneFeed  # noqa: PLC0415 - the parent needs none of it
    from forecourt.easycars.client import EasyCarsClient  # noqa: PLC0415
    from forecourt.easycars.stock_reading import EasyCarsStockReading  # noqa: PLC0415
    from forecourt.security.credentials import Environment  # noqa: PLC0415
    from forecourt.stock.sync import StockSync  # noqa: PLC0415
    from forecourt.storage.stock_store import PostgresStockStore  # noqa: PLC0415

    logging.disable()
    with open_database(database_url) as database:
        database.connection().execute("INSERT INTO dealership (id, name) VALUES (1, 'ours')")

        def sync(path: str) -> None:
            with EasyCarsClient({Environment.TEST: f"{vendor_url}{path}"}) as client:
                no_vendor = OneFeed()
                StockSync(
                    source=client,
                    credentials=no_vendor,
                    images=no_vendor,
                    store=PostgresStockStore(database),
                    mapping=EasyCarsStockReading(),
                ).run(uuid4(), 1, seconds_left=900)

        sync("/small")
        before = _kilobytes("VmRSS")
        _CLEAR_REFS.write_text("5")  # the peak starts anew (proc(5))
        for _ in range(2):
            sync("/large")
        sys.stdout.write(f"{(_kilobytes('VmHWM') - before) * 1024}\n")


def _kilobytes(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(name)


if __name__ == "__main__":
    _run(*sys.argv[1:])
