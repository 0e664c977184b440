"""Tokens from Entra through msal: asked for once, shared, renewed, and never given up too long."""

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from forecourt.dynamics.addresses import Addresses
from forecourt.dynamics.tokens import EntraTokens
from forecourt.errors import AuthenticationError, ForecourtError, RetryableError
from forecourt.network.exchange import Exchanger
from tests.support.dataverse_script import (
    CONNECTION,
    TOKEN_URL,
    ScriptedDataverse,
    Step,
    connection,
    created,
    refusal,
    token,
)


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds


def tokens_of(dataverse: ScriptedDataverse, clock: Callable[[], float]) -> EntraTokens:
    return EntraTokens(Addresses(), Exchanger(dataverse.transport), monotonic=clock)


def ask(tokens: EntraTokens, seconds: float = 5.0, **changes: Any) -> str:
    got = tokens.get(connection(**changes), time.monotonic() + seconds)
    return got.get_secret_value()


def test_a_token_is_asked_for_as_entra_wants_it() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    dataverse.upsert()

    (asked,) = dataverse.asked
    assert (asked.method, str(asked.url)) == ("POST", TOKEN_URL)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    (form,) = dataverse.forms()
    assert form.pop("client_info") == "1"
    assert form == {
        "grant_type": "client_credentials",
        "client_id": CONNECTION.client_id,
        "client_secret": "planted secret/+&=",
        "scope": "https://org.crm6.dynamics.com/.default",
    }


def test_no_slash_stands_twice_in_the_scope() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    dataverse.upsert(environment_url="https://org.crm6.dynamics.com/")

    assert dataverse.forms()[0]["scope"] == "https://org.crm6.dynamics.com/.default"


def test_one_token_serves_many_calls_and_connections() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(*(created() for _ in range(3)))

    dataverse.upsert()
    dataverse.upsert()
    dataverse.upsert(connection_id=2, dealership_id=2, stamp="another row of the same client")

    assert len(dataverse.asked) == 1
    assert {seen.headers["Authorization"] for seen in dataverse.seen} == {"Bearer planted-token-1"}


def test_the_token_that_was_not_used_longest_makes_room() -> None:
    dataverse = ScriptedDataverse()
    tokens = EntraTokens(Addresses(), Exchanger(dataverse.transport), most_kept=2)
    first, second, third = (SecretStr(f"planted-{number}") for number in range(3))

    for secret in (first, second, first, third, first):
        ask(tokens, client_secret=secret)
    asked_before = len(dataverse.asked)
    ask(tokens, client_secret=second)

    assert (asked_before, len(dataverse.asked)) == (3, 4)


class Table(dict[str, Any]):
    """Metadata that can be watched."""


def test_what_is_kept_for_tokens_keeps_no_table() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())
    table = Table(columns={})
    watched = weakref.ref(table)

    dataverse.upsert(metadata=table)
    del table

    assert watched() is None


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"tenant_id": "another.example"},
        {"environment_url": "https://another.crm6.dynamics.com"},
        {"client_secret": SecretStr("another")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_nobody_works_with_a_token_of_somebody_else(changes: dict[str, Any]) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created(), created())

    dataverse.upsert()
    dataverse.upsert(**changes)

    assert [seen.headers["Authorization"] for seen in dataverse.seen] == [
        "Bearer planted-token-1",
        "Bearer planted-token-2",
    ]


def test_a_token_that_is_about_to_expire_is_not_used() -> None:
    dataverse = ScriptedDataverse()
    dataverse.token_steps.extend([token(1, expires_in=299), token(2)])
    dataverse.will(created(), created())

    dataverse.upsert()
    dataverse.upsert()

    assert dataverse.seen[1].headers["Authorization"] == "Bearer planted-token-2"


def test_a_refused_token_is_renewed_once_and_the_call_repeated_once() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(401), created())

    dataverse.upsert()

    assert len(dataverse.asked) == 2
    first, second = dataverse.seen
    assert (first.url, first.content) == (second.url, second.content)
    assert second.headers["Authorization"] == "Bearer planted-token-2"


def test_a_fresh_token_that_is_refused_holds_the_connection() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(401), refusal(401))

    with pytest.raises(AuthenticationError, match="application user") as failure:
        dataverse.upsert()

    assert failure.value.code == "TOKEN_REFUSED"
    assert (len(dataverse.seen), len(dataverse.asked)) == (2, 2)


def test_the_refused_token_serves_nobody_any_more() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(401), created(), created())

    dataverse.upsert()
    dataverse.upsert()

    assert dataverse.seen[2].headers["Authorization"] == "Bearer planted-token-2"


def test_a_late_refusal_does_not_cost_the_token_another_thread_has_by_now() -> None:
    dataverse = ScriptedDataverse()
    tokens = tokens_of(dataverse, time.monotonic)
    deadline = time.monotonic() + 5.0
    first = tokens.get(CONNECTION, deadline)

    second = tokens.renew(CONNECTION, first, deadline)
    third = tokens.renew(CONNECTION, first, deadline)

    assert second == third != first
    assert len(dataverse.asked) == 2


def test_ten_threads_share_one_question() -> None:
    dataverse = ScriptedDataverse()

    def slowly(_: httpx.Request) -> httpx.Response:
        time.sleep(0.1)
        return token(1)

    dataverse.token_steps.append(slowly)
    tokens = tokens_of(dataverse, time.monotonic)

    with ThreadPoolExecutor(10) as threads:
        got = list(threads.map(lambda _: ask(tokens), range(10)))

    assert set(got) == {"planted-token-1"}
    assert len(dataverse.asked) == 1


def test_ten_threads_share_one_failure() -> None:
    dataverse = ScriptedDataverse()
    waiting = threading.Barrier(10)

    def slowly(_: httpx.Request) -> httpx.Response:
        time.sleep(0.2)
        return httpx.Response(401, json={"error": "invalid_client"})

    dataverse.token_steps.append(slowly)
    tokens = tokens_of(dataverse, time.monotonic)

    def fail(_: int) -> ForecourtError:
        waiting.wait()
        with pytest.raises(ForecourtError) as failure:
            ask(tokens)
        return failure.value

    with ThreadPoolExecutor(10) as threads:
        failures = list(threads.map(fail, range(10)))

    assert {failure.code for failure in failures} == {"TOKEN_DENIED"}
    assert len({id(failure) for failure in failures}) == 10
    assert len(dataverse.asked) == 1


def test_nobody_waits_for_another_threads_question_past_the_deadline() -> None:
    dataverse = ScriptedDataverse()
    asked, answer = threading.Event(), threading.Event()

    def hang(_: httpx.Request) -> httpx.Response:
        asked.set()
        answer.wait(5.0)
        return token(1)

    dataverse.token_steps.append(hang)
    tokens = tokens_of(dataverse, time.monotonic)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(ask, tokens)
        asked.wait(5.0)

        with pytest.raises(RetryableError) as failure:
            ask(tokens, seconds=0.05)

        answer.set()
        assert slow.result() == "planted-token-1"
    assert failure.value.code == "NO_TIME_LEFT"


DENIED = [
    (400, {"error": "invalid_client"}, "TOKEN_DENIED", "invalid_client"),
    (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"},
     "TOKEN_DENIED", "the client secret is wrong"),
    (401, {"error": "invalid_client", "error_description": "AADSTS7000222: expired"},
     "TOKEN_DENIED", "the client secret has expired"),
    (400, {"error": "unauthorized_client", "error_description": "AADSTS700016: not found in"},
     "TOKEN_DENIED", "no such app registration"),
    (400, {"error": "invalid_request", "error_description": "AADSTS90002: Tenant 'x' not found"},
     "TOKEN_DENIED", "check the tenant id"),
    (400, {"error": "invalid_resource", "error_description": "AADSTS500011: The resource"},
     "TOKEN_DENIED", "check the environment URL"),
    (400, {"error": "x" * 500}, "TOKEN_DENIED", "client secret"),
    (403, {}, "TOKEN_DENIED", "HTTP status 403"),
    (404, [], "TOKEN_DENIED", "HTTP status 404"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "code", "said"), DENIED)
def test_a_client_that_gets_no_token_waits_for_a_person(
    status: int, body: Any, code: str, said: str
) -> None:
    dataverse = ScriptedDataverse()
    dataverse.token_steps.append(httpx.Response(status, json=body))

    with pytest.raises(AuthenticationError, match=said) as failure:
        dataverse.upsert()

    assert (failure.value.code, failure.value.target) == (code, "Dynamics")
    assert dataverse.seen == []


PASSING: dict[str, tuple[str, Callable[[], Step]]] = {
    "429": ("RATE_LIMITED", lambda: httpx.Response(429, headers={"Retry-After": "30"})),
    "500": ("SERVER_ERROR", lambda: httpx.Response(500)),
    "400 but passing": (
        "SERVER_ERROR",
        lambda: httpx.Response(400, json={"error": "temporarily_unavailable"}),
    ),
    "502": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(502)),
    "503": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(503, text="<html>")),
    "504": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(504)),
    "redirect": ("UNREADABLE_ANSWER", lambda: httpx.Response(302, headers={"Location": "/"})),
    "html": ("UNREADABLE_ANSWER", lambda: httpx.Response(200, text="<html>sign in</html>")),
    "no token": ("UNREADABLE_ANSWER", lambda: httpx.Response(200, json={"expires_in": 1})),
    "no header": ("UNREADABLE_ANSWER", lambda: token(1, access_token="a\r\nX: b")),
    "number": ("UNREADABLE_ANSWER", lambda: token(1, access_token=7)),
    "time-out": ("TIMEOUT", lambda: httpx.ReadTimeout("slow")),
    "connect": ("CONNECT_FAILED", lambda: httpx.ConnectError("no")),
    "cut": ("CONNECTION_CUT", lambda: httpx.RemoteProtocolError("cut")),
    "huge": ("ANSWER_TOO_LARGE", lambda: httpx.Response(200, content=b" " * 100_001)),
}


@pytest.mark.parametrize("write", [ScriptedDataverse.upsert, ScriptedDataverse.update])
@pytest.mark.parametrize("case", PASSING)
def test_an_authority_that_is_away_leaves_everything_to_be_tried_again(
    write: Any, case: str
) -> None:
    code, step = PASSING[case]
    dataverse = ScriptedDataverse()
    dataverse.token_steps.append(step())

    with pytest.raises(RetryableError) as failure:
        write(dataverse)

    assert failure.value.code == code
    assert failure.value.retry_after == (30.0 if case == "429" else None)
    assert dataverse.seen == []


@pytest.mark.parametrize(
    ("retry_after", "rests"), [(None, 5.0), ("1", 5.0), ("40", 40.0), ("3600", 60.0)]
)
def test_an_authority_that_is_away_is_left_alone_for_a_while_and_not_for_an_hour(
    retry_after: str | None, rests: float
) -> None:
    clock = Clock()
    dataverse = ScriptedDataverse()
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    dataverse.token_steps.append(httpx.Response(503, headers=headers))
    tokens = tokens_of(dataverse, clock)
    for later in (0.0, rests - 0.5):
        clock.advance(later)
        with pytest.raises(RetryableError):
            ask(tokens)
    assert len(dataverse.asked) == 1

    clock.advance(1.0)

    assert ask(tokens) == "planted-token-2"


def test_a_denied_client_is_asked_for_again_at_once() -> None:
    clock = Clock()
    dataverse = ScriptedDataverse()
    dataverse.token_steps.extend([httpx.Response(400, json={"error": "invalid_client"})] * 2)
    tokens = tokens_of(dataverse, clock)
    for _ in range(2):
        clock.advance(0.001)
        with pytest.raises(AuthenticationError):
            ask(tokens)

    clock.advance(0.001)

    assert ask(tokens) == "planted-token-3"


def test_a_token_that_gets_old_serves_on_while_the_authority_is_away() -> None:
    dataverse = ScriptedDataverse()
    dataverse.token_steps.extend([token(1, refresh_in=0), httpx.Response(503)])
    tokens = tokens_of(dataverse, Clock())
    assert ask(tokens) == "planted-token-1"
    wait_a_second_of_msals_clock()

    assert ask(tokens) == "planted-token-1"

    assert len(dataverse.asked) == 2


def wait_a_second_of_msals_clock() -> None:
    """Let the second pass in which msal calls a token with ``refresh_in`` 0 fresh."""
    time.sleep(1.1)


@pytest.mark.parametrize("life", [{"expires_in": "3599"}, {"expires_in": None}, {"expires_in": []}])
def test_an_odd_life_of_a_token_harms_nothing(life: dict[str, Any]) -> None:
    dataverse = ScriptedDataverse()
    dataverse.token_steps.append(token(1, **life, client_info="not base64", scope=7))
    dataverse.will(created(), created())

    dataverse.upsert()
    dataverse.upsert()

    assert len(dataverse.asked) == 1


def test_check_proves_the_secret_and_asks_for_nothing_else() -> None:
    dataverse = ScriptedDataverse()
    dataverse.setup.fetch_token(CONNECTION, seconds=5.0)
    dataverse.token_steps.append(httpx.Response(401, json={"error": "invalid_client"}))

    with pytest.raises(AuthenticationError):
        dataverse.setup.fetch_token(CONNECTION, seconds=5.0)

    assert len(dataverse.asked) == 2
    assert dataverse.seen == []
