"""A relay on loopback that makes every round trip to a server so much longer, as a network does.

What is sent arrives half a round trip later, in order and however much it is; only waiting for an
answer costs more, the bytes do not.
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

_PART_BYTES = 1 << 18


class Relay:
    """Listens on a free port while inside ``with``.

    Parameters
    ----------
    host, port
        The server.
    round_trip
        Seconds added to every round trip.

    Attributes
    ----------
    port
        Where to connect instead of to the server.
    """

    def __init__(self, host: str, port: int, *, round_trip: float) -> None:
        self._server = (host, port)
        self._delay = round_trip / 2
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        """Take connections from now on."""
        _start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Cut every connection."""
        for each in self._sockets:
            _cut(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    _start(_Direction(source, target, self._delay).run)


class _Direction:
    """One way of one connection: a thread reads, another writes when the time has come."""

    def __init__(self, source: socket.socket, target: socket.socket, delay: float) -> None:
        self._source = source
        self._target = target
        self._delay = delay
        self._on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def run(self) -> None:
        _start(self._deliver)
        part = b"-"
        while part:
            try:
                part = self._source.recv(_PART_BYTES)
            except OSError:
                part = b""
            self._on_the_way.put((time.monotonic() + self._delay, part))

    def _deliver(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, part = self._on_the_way.get()
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                if not part:
                    self._target.shutdown(socket.SHUT_WR)
                    return
                self._target.sendall(part)


def _cut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def _start(run: Callable[[], None]) -> None:
    threading.Thread(target=run, daemon=True).start()
