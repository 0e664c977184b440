import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from forecourt.easycars.tokens import Service, Token, TokenCache, TokenKey, token_expiry
from forecourt.errors import AuthenticationError, ForecourtError, RetryableError
from forecourt.security.credentials import Environment
from tests.support.easycars import CREDENTIALS, with_secret

KEY = TokenKey.of(CREDENTIALS, Service.LEAD)
SOON = 5.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Shop:
    """Sells tokens that live 600 s."""

    def __init__(self, clock: Clock) -> None:
        self.sold = 0
        self._clock = clock

    def __call__(self) -> Token:
        self.sold += 1
        return Token(value=SecretStr(f"token-{self.sold}"), expires_at=self._clock() + 600)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(clock: Clock) -> Shop:
    return Shop(clock)


@pytest.fixture
def cache(clock: Clock) -> TokenCache:
    return TokenCache(clock=clock, monotonic=time.monotonic)


def soon() -> float:
    return time.monotonic() + SOON


def test_a_token_is_kept_until_60_seconds_before_it_expires(
    cache: TokenCache, shop: Shop, clock: Clock
) -> None:
    first = cache.get(KEY, buy=shop, deadline=soon())
    clock.now += 539.9
    assert cache.get(KEY, buy=shop, deadline=soon()) is first
    clock.now += 0.2

    assert cache.get(KEY, buy=shop, deadline=soon()) is not first
    assert shop.sold == 2


@pytest.mark.parametrize(
    "other",
    [
        TokenKey.of(CREDENTIALS, Service.STOCK),
        TokenKey.of(with_secret(client_id="another"), Service.LEAD),
        TokenKey.of(with_secret(client_secret="another"), Service.LEAD),
        TokenKey(Environment.PRODUCTION, Service.LEAD, KEY.client),
    ],
)
def test_a_token_is_per_environment_service_and_client(
    cache: TokenCache, shop: Shop, other: TokenKey
) -> None:
    cache.get(KEY, buy=shop, deadline=soon())
    cache.get(other, buy=shop, deadline=soon())

    assert shop.sold == 2


def test_a_key_shows_no_client(cache: TokenCache) -> None:
    assert CREDENTIALS.client_id.get_secret_value() not in repr(KEY) + KEY.client


def test_only_the_refused_token_is_forgotten(cache: TokenCache, shop: Shop) -> None:
    first = cache.get(KEY, buy=shop, deadline=soon())
    cache.discard(KEY, first)
    second = cache.get(KEY, buy=shop, deadline=soon())
    cache.discard(KEY, first)

    assert cache.get(KEY, buy=shop, deadline=soon()) is second
    assert shop.sold == 2


def in_threads(cache: TokenCache, buy: object, count: int = 8) -> list[object]:
    def get(_: int) -> object:
        try:
            return cache.get(KEY, buy=buy, deadline=soon())  # type: ignore[arg-type]
        except ForecourtError as error:
            return error

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(get, range(count)))


def test_threads_wait_for_the_one_that_buys(cache: TokenCache, shop: Shop) -> None:
    def buy_slowly() -> Token:
        time.sleep(0.1)
        return shop()

    assert len({id(token) for token in in_threads(cache, buy_slowly)}) == 1
    assert shop.sold == 1


def test_threads_share_the_failure_each_with_its_own_exception(cache: TokenCache) -> None:
    asked = []

    def fail() -> Token:
        asked.append(1)
        time.sleep(0.1)
        raise AuthenticationError("AUTHENTICATION_FAILED", "no", target="EasyCars", retry_after=3)  # noqa: EM101 - a code

    errors = in_threads(cache, fail)

    assert len(asked) == 1
    assert len({id(error) for error in errors}) == len(errors)
    assert {(type(error), str(error)) for error in errors} == {
        (AuthenticationError, "EasyCars AUTHENTICATION_FAILED: no")
    }


def test_a_failure_is_not_kept(cache: TokenCache, shop: Shop) -> None:
    def fail() -> Token:
        raise RetryableError("TIMEOUT", "no", target="EasyCars")  # noqa: EM101 - a code

    with pytest.raises(RetryableError):
        cache.get(KEY, buy=fail, deadline=soon())

    assert cache.get(KEY, buy=shop, deadline=soon()).value.get_secret_value() == "token-1"


def test_who_waits_does_so_only_until_its_deadline(cache: TokenCache, shop: Shop) -> None:
    buying, go_on = threading.Event(), threading.Event()

    def buy_late() -> Token:
        buying.set()
        go_on.wait(10)
        return shop()

    with ThreadPoolExecutor(1) as threads:
        buyer = threads.submit(cache.get, KEY, buy=buy_late, deadline=soon())
        buying.wait(10)
        with pytest.raises(RetryableError, match="NO_TIME_LEFT"):
            cache.get(KEY, buy=shop, deadline=time.monotonic() + 0.1)
        go_on.set()
        assert buyer.result().value.get_secret_value() == "token-1"


def test_a_buyer_that_breaks_off_frees_those_who_wait(cache: TokenCache, shop: Shop) -> None:
    def break_off() -> Token:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get(KEY, buy=break_off, deadline=soon())

    assert cache.get(KEY, buy=shop, deadline=soon()).value.get_secret_value() == "token-1"


def with_claims(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.signature"


def test_the_expiry_is_the_tokens_own() -> None:
    assert token_expiry(with_claims({"exp": 1_234_567}), now=5.0) == 1_234_567.0


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "a.!!!.c",
        with_claims({}),
        with_claims([1]),
        with_claims({"exp": "soon"}),
        with_claims({"exp": True}),
        with_claims({"exp": None}),
        "e30." + base64.urlsafe_b64encode(b'{"exp":1e999}').decode().rstrip("=") + ".s",
        "e30." + base64.urlsafe_b64encode(b'{"exp":' + b"9" * 400 + b"}").decode() + ".s",
    ],
)
def test_a_token_without_a_readable_expiry_lives_600_seconds(token: str) -> None:
    assert token_expiry(token, now=5.0) == 605.0
