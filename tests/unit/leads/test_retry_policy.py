from datetime import timedelta

import pytest

from forecourt.leads.retry import RetryPolicy, hold_after

SHORTEST = RetryPolicy(draw=lambda low, _high: low)
LONGEST = RetryPolicy(draw=lambda _low, high: high)


def all_waits(policy: RetryPolicy) -> list[timedelta]:
    waits = [policy.wait_after(tries) for tries in range(1, policy.tries)]
    return [wait for wait in waits if wait is not None]


def test_eight_tries_take_24_hours_at_least_and_72_at_most() -> None:
    assert SHORTEST.tries == 8
    assert sum(all_waits(SHORTEST), timedelta()) == timedelta(hours=24)
    assert sum(all_waits(LONGEST), timedelta()) == timedelta(hours=72)


def test_each_wait_is_longer_than_the_one_before() -> None:
    assert all_waits(SHORTEST) == sorted(all_waits(SHORTEST))


def test_after_the_last_try_it_gives_up() -> None:
    assert SHORTEST.wait_after(7) is not None
    assert SHORTEST.wait_after(8) is None
    assert SHORTEST.wait_after(8, retry_after=1) is None


def test_what_the_target_asks_for_wins_and_is_never_undercut() -> None:
    assert SHORTEST.wait_after(1, retry_after=1800) == timedelta(seconds=1800)
    assert LONGEST.wait_after(2, retry_after=10) == timedelta(seconds=11)
    assert LONGEST.wait_after(6, retry_after=36_000) == timedelta(seconds=39_600)
    assert SHORTEST.wait_after(1, retry_after=10**9) == timedelta(hours=24)


def test_a_target_that_says_at_once_for_a_minute_does_not_use_up_a_lead_s_tries() -> None:
    waits = [SHORTEST.wait_after(tries, retry_after=1) for tries in range(1, SHORTEST.tries)]
    assert waits[:2] == [timedelta(seconds=1)] * 2
    assert sum((wait for wait in waits if wait), timedelta()) > timedelta(hours=23)


@pytest.mark.parametrize("nothing", [0, -1, None])
def test_a_target_that_asks_for_nothing_gets_the_schedule(nothing: float | None) -> None:
    assert SHORTEST.wait_after(1, retry_after=nothing) == timedelta(minutes=1)


def test_jitter_spreads_over_the_whole_range() -> None:
    policy = RetryPolicy()
    waits = [policy.wait_after(1) for _ in range(500)]
    seconds = [wait.total_seconds() for wait in waits if wait is not None]
    assert min(seconds) >= 60
    assert max(seconds) <= 180
    assert min(seconds) < 80
    assert max(seconds) > 160


def test_holds_double_from_a_minute_to_an_hour() -> None:
    minutes = [hold_after(trials).total_seconds() / 60 for trials in range(10)]
    assert minutes == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60]
