"""The clock of the push benchmark stands while anybody works, and what it bounds is the limits."""

import threading
import time

import pytest

from benchmarks.dynamics_push import bound_of
from benchmarks.standing_time import StandingTime
from local.dataverse_simulator import Limits


class NoDatabase:
    """Takes what the clock tells a database."""

    def __init__(self) -> None:
        self.told: list[float] = []

    def connection(self) -> "NoDatabase":
        return self

    def execute(self, _: str, values: tuple[float]) -> None:
        self.told.append(values[0])


def test_time_passes_while_all_wait_and_stands_while_one_works() -> None:
    database = NoDatabase()
    standing = StandingTime(database)  # type: ignore[arg-type]
    met: list[tuple[str, float]] = []

    def wait(name: str, seconds: float) -> None:
        standing.sleep(seconds)
        with standing.working():
            time.sleep(0.05)
            met.append((name, standing.now()))

    threads = [threading.Thread(target=wait, args=each) for each in (("b", 7.0), ("a", 3.0))]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    standing.run_until(lambda: len(met) == 2)
    for thread in threads:
        thread.join()

    assert met == [("a", 3.0), ("b", 7.0)]
    assert database.told == [3.0, 4.0]


def test_who_is_woken_sooner_does_not_hold_the_clock() -> None:
    standing = StandingTime(NoDatabase())  # type: ignore[arg-type]
    sooner = threading.Event()
    met: list[float] = []

    def wait_long() -> None:
        standing.sleep(1e9, sooner)
        standing.sleep(1.0)
        met.append(standing.now())

    def wake() -> None:
        standing.sleep(5.0)
        with standing.working():
            sooner.set()
            time.sleep(0.05)

    threads = [threading.Thread(target=act) for act in (wait_long, wake)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    standing.run_until(lambda: bool(met))
    for thread in threads:
        thread.join()
    assert met == [6.0]


@pytest.mark.parametrize(
    ("requests", "seconds", "bound"),
    [
        (5_000, 0.2, 97 * 0.2),  # 52 at once
        (5_000, 1.0, 4 * 300 + 4 * 1.0),  # 1,200 s in each of four windows, 200 in the last
        (12_001, 0.01, 2 * 300 + 0.01),  # 6,000 requests in each of two windows
    ],
)
def test_the_bound_is_what_binds(requests: int, seconds: float, bound: float) -> None:
    assert bound_of(requests, seconds, Limits()) == pytest.approx(bound)
