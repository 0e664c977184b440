"""What the benchmark of stock syncs stands on: the relay, and contenders that take turns."""

from __future__ import annotations

import socket
import statistics
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from benchmarks.contenders.turns import ContenderError, ContenderProcess, read_body
from benchmarks.feed import make_feed, write_feed
from benchmarks.relay import Relay
from benchmarks.stock import BULK, FIRST, ORM, OURS, RAW_COPY, SAME, SLICE_AND_HASH, SOME, Contest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUND_TRIP = 0.02


@pytest.fixture
def echo() -> Iterator[int]:
    """Serve connections that say back what they hear, until the other end has finished."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while part := connection.recv(1 << 16):
                connection.sendall(part)

    def accept() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=[connection], daemon=True).start()
        except OSError:
            return

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_the_relay_lengthens_a_round_trip_and_changes_no_byte(echo: int) -> None:
    with (
        Relay("127.0.0.1", echo, round_trip=ROUND_TRIP) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as near,
    ):
        times = []
        for number in range(10):
            started = time.monotonic()
            near.sendall(b"%d" % number)
            assert near.recv(16) == b"%d" % number
            times.append(time.monotonic() - started)

    assert min(times) >= ROUND_TRIP
    assert statistics.median(times) < 3 * ROUND_TRIP


def test_many_bytes_cost_one_round_trip(echo: int) -> None:
    sent = bytes(range(256)) * 40_000
    with (
        Relay("127.0.0.1", echo, round_trip=0.4) as relay,
        socket.create_connection(("127.0.0.1", relay.port)) as near,
    ):
        started = time.monotonic()
        sender = threading.Thread(target=near.sendall, args=[sent])
        sender.start()
        received = bytearray()
        while len(received) < len(sent):
            received += near.recv(1 << 18)
        seconds = time.monotonic() - started
        sender.join()
        near.shutdown(socket.SHUT_WR)
        assert near.recv(1) == b""  # the end of what was sent arrives, too

    assert received == sent
    assert 0.4 <= seconds < 4


def test_a_feed_is_the_same_in_all_its_forms(tmp_path: Path) -> None:
    feed, again = make_feed(30), make_feed(30)
    files = write_feed(tmp_path, "same", feed, dealership_id=3)
    dearer = write_feed(tmp_path, "dearer", make_feed(30, repriced=30, rise=500), dealership_id=3)

    assert feed.body == again.body
    assert files.vehicles == len(files.rows.read_bytes().splitlines()) == 30
    assert len(files.messages.read_bytes().splitlines()) == 31
    assert dearer.price_total > files.price_total
    assert len(feed.body) / 30 == pytest.approx(20_000, rel=0.02)


def test_a_body_is_in_memory_once(tmp_path: Path) -> None:
    feed = tmp_path / "feed.json"
    feed.write_bytes(bytes(range(256)) * 40_000)
    tracemalloc.start()
    try:
        body = read_body(feed)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert body == feed.read_bytes()
    assert peak < 1.1 * len(body)


def test_sides_of_this_environment_end_every_turn_with_the_feed(
    database_url: str, tmp_path: Path
) -> None:
    sides = (OURS, SLICE_AND_HASH, RAW_COPY, ORM, BULK)
    contest = Contest(database_url, tmp_path, sides)

    contest.run(40, far=False, rounds=2)
    contest.run(40, far=True, rounds=1)
    contest.close()

    for far, times in ((False, 2), (True, 1)):
        measured = {
            (cell.job, name): len(all_)
            for (cell, name), all_ in contest.measured.times.items()
            if cell.far is far
        }
        assert measured[SAME, SLICE_AND_HASH.name] == times
        assert measured[FIRST, RAW_COPY.name] == times
        assert all(measured[job, OURS.name] == times for job in (FIRST, SAME, SOME))
        assert (SAME, RAW_COPY.name) not in measured


def test_a_contender_that_breaks_off_is_told_with_its_last_words(tmp_path: Path) -> None:
    process = ContenderProcess("slice_and_hash", [])
    try:
        with pytest.raises(ContenderError, match="FileNotFoundError"):
            process.sync(tmp_path / "missing.json")
    finally:
        process.close()
