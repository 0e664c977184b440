"""Service protection: the three limits in sliding windows of the simulator's clock."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from local.dataverse_simulator import DataverseSimulator, Limits
from tests.support.dynamics import DataverseCaller, code_of

STANDING = 1_800_000_000.0
"""A clock that only the tests move."""


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    limits = Limits(requests=5, execution_seconds=20, concurrent=3, window=30)
    with DataverseSimulator(limits=limits, time_source=lambda: STANDING) as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


def ask(caller: DataverseCaller) -> httpx.Response:
    return caller.call("GET", "WhoAmI")


def test_the_limits_are_those_of_the_reference_unless_set() -> None:
    limits = Limits()
    assert (limits.requests, limits.execution_seconds, limits.concurrent) == (6_000, 1_200, 52)
    assert (limits.window, limits.servers) == (300, 1)


def test_requests_are_counted_in_a_window_that_slides(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    for second in range(5):
        assert ask(caller).status_code == 200, second
        simulator.advance_clock(2)
    refused = ask(caller)
    assert code_of(refused) == (429, "0x80072322")
    assert refused.headers["Retry-After"] == "20"
    simulator.advance_clock(19.5)
    assert ask(caller).status_code == 429
    simulator.advance_clock(30)
    assert ask(caller).status_code == 200


def test_coming_back_when_told_to_is_enough(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    for _ in range(5):
        ask(caller)
        simulator.advance_clock(1)
    simulator.advance_clock(int(ask(caller).headers["Retry-After"]))
    assert [ask(caller).status_code for _ in range(2)] == [200, 429]


def test_retry_after_grows_for_who_keeps_pushing(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    for _ in range(5):
        ask(caller)
    waits = [int(ask(caller).headers["Retry-After"]) for _ in range(4)]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0] == 30
    simulator.advance_clock(waits[0])
    assert ask(caller).status_code == 429, "the window is closed as long as it was last told"
    simulator.advance_clock(300)
    assert ask(caller).status_code == 200


def test_a_caller_that_waited_is_not_held_to_its_old_haste(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    for _ in range(8):
        ask(caller)
    simulator.advance_clock(300)
    waits = [ask(caller).headers.get("Retry-After") for _ in range(6)]
    assert waits == [None] * 5 + ["30"]


def test_execution_time_is_added_up(caller: DataverseCaller, simulator: DataverseSimulator) -> None:
    simulator.set_rules(execution_seconds=9)
    answers = [ask(caller) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert code_of(answers[3]) == (429, "0x80072321")
    simulator.advance_clock(30)
    assert ask(caller).status_code == 200


def test_what_is_left_is_told_for_debugging(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.set_rules(execution_seconds=4)
    headers = [ask(caller).headers for _ in range(2)][-1]
    assert headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "3"
    assert headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "12.00"


def test_too_many_at_once_fail_at_once(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.ask_token()
    ask(caller)
    simulator.latency = 0.4
    together = threading.Barrier(4)

    def arrive(_: int) -> httpx.Response:
        together.wait()
        return ask(caller)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(arrive, range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 429]
    [refused] = [answer for answer in answers if answer.status_code == 429]
    assert code_of(refused) == (429, "0x80072326")
    simulator.latency = 0
    assert ask(caller).status_code == 200


def test_a_refused_request_does_nothing_and_is_no_breach(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    answers = [caller.upsert(f"k{number}") for number in range(7)]
    assert [answer.status_code for answer in answers].count(429) == 2
    assert len(simulator.leads()) == 5
    assert simulator.invalid_requests() == []
    assert [record.status for record in simulator.requests("UpsertLead")][-1] == 429


def test_each_user_has_a_budget_of_its_own(simulator: DataverseSimulator) -> None:
    first = simulator.accounts()[0]
    other = replace(first, client_id="11111111-2222-3333-4444-555555555555")
    simulator.add_account(other)
    with DataverseCaller(simulator, first) as one, DataverseCaller(simulator, other) as two:
        assert [ask(one).status_code for _ in range(6)][-1] == 429
        assert ask(two).status_code == 200


def test_each_web_server_counts_for_itself_and_a_cookie_stays_with_one(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.set_limits(servers=2)
    assert [ask(caller).status_code for _ in range(6)].count(429) == 1, "the cookie kept one server"
    simulator.set_limits(servers=2)
    statuses = []
    for _ in range(12):
        caller.http.cookies.clear()
        statuses.append(ask(caller).status_code)
    assert statuses.count(200) == 10


def test_limits_are_set_and_seen_from_outside(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    url = f"{simulator.url}/_control/limits"
    told = httpx.post(url, json={"requests": 2, "pushPenalty": 5}).json()
    assert (told["requests"], told["concurrent"], told["pushPenalty"]) == (2, 3, 5)
    assert [ask(caller).status_code for _ in range(3)] == [200, 200, 429]
    used = httpx.get(url).json()["used"][caller.account.client_id]
    assert used["requests"] == 2
    assert httpx.post(url, json={"speed": 2}).status_code == 400
