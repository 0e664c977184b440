"""Service protection limits are kept in every window, and no slower than they ask."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.leads.dynamics.budget import (
    MOST_AT_ONCE,
    MOST_EXECUTION_SECONDS,
    MOST_REQUESTS,
    PERMIT_SECONDS,
    WINDOW_SECONDS,
    Decision,
    Grant,
    Spent,
    Standing,
    decide,
)
from tests.support.simulated_budget import SimulatedBudget

SCOPE = "one application user"
ROUND = 10


@dataclass
class Calls:
    """Workers that call all they may, on a clock of their own; ``made`` is (start, end)."""

    seconds_of: Callable[[int], float]
    made: list[tuple[float, float]] = field(default_factory=list)
    now: float = 0.0

    def run(
        self, leads: dict[int, int], *, workers: Sequence[int], dies: frozenset[int] = frozenset()
    ) -> float:
        """Send the leads of connections; worker *n* works for ``workers[n]``. Gives the end."""
        budget = SimulatedBudget(lambda: self.now)
        left = dict(leads)
        turns = [(0.0, number) for number in range(len(workers))]
        ending: list[tuple[float, int, Grant, Spent]] = []
        while turns:
            self.now, number = heapq.heappop(turns)
            while ending and ending[0][0] <= self.now:
                at, _, grant, spent = heapq.heappop(ending)
                later, self.now = self.now, at
                budget.give_back(SCOPE, grant, spent)
                self.now = later
            connection = workers[number]
            if not left[connection]:
                continue
            grant = budget.take(SCOPE, connection, min(ROUND, left[connection]))
            if not grant.permits:
                heapq.heappush(turns, (self.now + grant.wait, number))
                continue
            took = [self.seconds_of(len(self.made) + n) for n in range(grant.permits)]
            self.made.extend((self.now, self.now + seconds) for seconds in took)
            left[connection] -= grant.permits
            ended = self.now + max(took)
            if number in dies:
                dies -= {number}
                left[connection] += grant.permits
                heapq.heappush(turns, (self.now + PERMIT_SECONDS, number))
                continue
            spent = Spent(
                requests=len(took), execution_seconds=sum(took), slowest_seconds=max(took)
            )
            heapq.heappush(ending, (ended, len(self.made), grant, spent))
            heapq.heappush(turns, (ended, number))
        return max(end for _, end in self.made)


def most_in_a_window(made: Sequence[tuple[float, float]]) -> tuple[int, float, int]:
    """Requests and execution time of the worst window, and the most at once.

    Dynamics may count a call anywhere between its beginning and its end: the worst is taken.
    """
    made = sorted(made)
    begun = [start for start, _ in made]
    by_end = sorted(made, key=lambda call: call[1])
    worst_requests, worst_execution = 0, 0.0
    execution, gone = 0.0, 0
    for start, end in made:  # the window ends as this call begins
        execution += end - start
        while by_end[gone][1] <= start - WINDOW_SECONDS:
            execution -= by_end[gone][1] - by_end[gone][0]
            gone += 1
        worst_requests = max(worst_requests, bisect_right(begun, start) - gone)
        worst_execution = max(worst_execution, execution)
    at_once = most = 0
    for _, change in sorted([(s, 1) for s, _ in made] + [(e, -1) for _, e in made]):
        at_once += change
        most = max(most, at_once)
    return worst_requests, worst_execution, most


@settings(max_examples=25, deadline=None)
@given(
    seconds=st.lists(st.floats(0.02, 5.0), min_size=1, max_size=40),
    workers=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    leads=st.integers(1, 7_000),
    dies=st.frozensets(st.integers(0, 7), max_size=2),
)
def test_no_window_ever_exceeds_a_limit(
    seconds: list[float], workers: list[int], leads: int, dies: frozenset[int]
) -> None:
    calls = Calls(lambda n: seconds[n % len(seconds)])

    calls.run(dict.fromkeys(workers, leads), workers=workers, dies=dies)

    requests, execution, at_once = most_in_a_window(calls.made)
    assert requests <= MOST_REQUESTS
    assert execution <= MOST_EXECUTION_SECONDS
    assert at_once <= MOST_AT_ONCE
    assert len(calls.made) >= leads


@pytest.mark.parametrize(
    ("leads", "seconds"),
    [(5_000, 0.1), (5_000, 0.2), (11_000, 0.1), (11_000, 0.05), (7_000, 0.3), (1_500, 2.0)],
)
def test_a_bulk_push_takes_hardly_longer_than_the_limits_ask(leads: int, seconds: float) -> None:
    calls = Calls(lambda _: seconds)

    took = calls.run({1: leads}, workers=[1] * 5)

    assert took <= 1.2 * shortest(leads, seconds)


def shortest(leads: int, seconds: float) -> float:
    """How long so many equal calls take that use each limit whole."""
    at_once = leads * seconds / MOST_AT_ONCE
    of_window = min(MOST_REQUESTS, MOST_EXECUTION_SECONDS / seconds)
    windows = (leads - 1) // of_window
    return max(at_once, windows * WINDOW_SECONDS)


class TestDecision:
    def test_a_quiet_scope_gives_what_is_asked(self) -> None:
        assert decide(Standing(), 10) == Decision(permits=10)

    @pytest.mark.parametrize(
        ("standing", "permits"),
        [
            (Standing(requests=5_693), 7),
            (Standing(in_flight=45, unended=45), 4),
            (Standing(execution_seconds=1_130.0), 2),
            (Standing(execution_seconds=1_040.0, slowest_seconds=30.0), 3),
            (Standing(execution_seconds=900.0, unended=46, in_flight=0), 2),
        ],
        ids=["requests", "at once", "execution", "slow calls", "a dead worker's calls"],
    )
    def test_near_a_limit_it_gives_what_is_left(self, standing: Standing, permits: int) -> None:
        assert decide(standing, 10).permits == permits

    def test_a_full_window_says_when_its_oldest_leave(self) -> None:
        full = Standing(requests=5_700, frees_in=42.0)

        assert decide(full, 10) == Decision(permits=0, wait=42.0)

    def test_what_runs_now_is_waited_for_a_moment(self) -> None:
        busy = Standing(requests=600, in_flight=49, unended=49, frees_in=290.0)

        assert decide(busy, 10) == Decision(permits=0, wait=1.0)

    def test_a_429_closes_the_scope_and_one_probe_opens_it(self) -> None:
        assert decide(Standing(closed_left=17.5), 10) == Decision(permits=0, wait=17.5)
        assert decide(Standing(closed_left=-1.0), 10) == Decision(permits=1, is_probe=True)
        assert decide(Standing(closed_left=-1.0, has_probe=True), 10).permits == 0

    def test_who_was_turned_away_gets_its_share_first(self) -> None:
        room = Standing(requests=5_691, others_waiting=2)

        assert decide(room, 10).permits == 3
        assert decide(Standing(requests=5_699, others_waiting=2), 10).permits == 0
        assert decide(Standing(requests=5_699, others_waiting=2, is_waiting=True), 10).permits == 1


def test_calls_after_a_429_wait_for_the_probe() -> None:
    now = 0.0
    budget = SimulatedBudget(lambda: now)
    first = budget.take(SCOPE, 1, 10)
    budget.give_back(SCOPE, first, Spent(requests=10, execution_seconds=1.0, refused_for=20.0))

    assert budget.take(SCOPE, 2, 10) == Grant(permits=0, wait=20.0)
    now = 21.0
    probe = budget.take(SCOPE, 2, 10)
    assert probe.permits == 1
    assert budget.take(SCOPE, 1, 10).permits == 0
    budget.give_back(SCOPE, probe, Spent(requests=1, refused_for=30.0))
    assert budget.take(SCOPE, 1, 10) == Grant(permits=0, wait=30.0)
    now = 52.0
    probe = budget.take(SCOPE, 1, 10)
    budget.give_back(SCOPE, probe, Spent(requests=0))
    probe = budget.take(SCOPE, 1, 10)
    budget.give_back(SCOPE, probe, Spent(requests=1, execution_seconds=0.1))
    assert budget.take(SCOPE, 1, 10).permits == 10
