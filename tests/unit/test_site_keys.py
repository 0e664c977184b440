"""Site keys and origins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from forecourt.errors import PermanentError, RetryableError
from forecourt.security.origins import normal_origin
from forecourt.security.site_keys import (
    RememberedKeyRing,
    SiteKey,
    SiteKeyRing,
    new_key_id,
)

OLD, NEW = SecretStr("the old secret, 1234"), SecretStr("the new secret, 5678")


@given(st.integers(1, 2**31 - 1))
def test_a_made_key_verifies_and_says_whose_it_is(dealership_id: int) -> None:
    ring = SiteKeyRing({1: OLD, 2: NEW})
    key_id = new_key_id()

    assert ring.verify(ring.make(dealership_id, key_id)) == SiteKey(
        dealership_id=dealership_id, key_id=key_id, secret_version=2
    )


def test_two_secrets_are_valid_at_once_and_a_retired_one_is_not() -> None:
    made_with_old = SiteKeyRing({1: OLD}).make(7, "k1")

    assert SiteKeyRing({1: OLD, 2: NEW}).verify(made_with_old)
    assert SiteKeyRing({2: NEW}).verify(made_with_old) is None
    assert SiteKeyRing({1: NEW}).verify(made_with_old) is None


def test_a_change_of_any_letter_is_noticed() -> None:
    ring = SiteKeyRing({1: OLD, 11: OLD})
    key = ring.make(17, "k1x")

    for index, letter in enumerate(key):
        for other in "1A.":
            if other != letter:
                assert ring.verify(key[:index] + other + key[index + 1 :]) is None


@pytest.mark.parametrize("text", ["", "fk1.1.k.1.", "fk1.0.k.1." + "A" * 43, "\n", "fk1.١.k.1.x"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert SiteKeyRing({1: OLD}).verify(text) is None


def test_a_key_with_a_line_end_is_none() -> None:
    ring = SiteKeyRing({1: OLD})

    assert ring.verify(ring.make(7, "k1") + "\n") is None


@pytest.mark.parametrize(
    "secret", [{}, {"one": OLD}, {"0": OLD}, {"1": SecretStr("short")}, {"-1": OLD}]
)
def test_a_malformed_secret_is_refused(secret: dict[str, SecretStr]) -> None:
    with pytest.raises(PermanentError, match="SITE_KEY_SECRET_MALFORMED"):
        SiteKeyRing.from_secret(secret)


def test_the_secret_is_read_again_when_old_and_kept_when_it_cannot_be() -> None:
    moments = iter((0, 299, 300, 599, 600))
    answers: list[dict[str, SecretStr] | None] = [{"1": OLD}, None, {"1": OLD, "2": NEW}]

    def read() -> dict[str, SecretStr]:
        answer = answers.pop(0)
        if answer is None:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SecretsManager")
        return answer

    ring = RememberedKeyRing(read, clock=lambda: next(moments))
    versions = [ring.current().newest_version for _ in range(5)]

    assert versions == [1, 1, 1, 1, 2]


def test_a_key_of_a_secret_added_a_moment_ago_is_taken_and_made_up_ones_cost_one_reading() -> None:
    reads, seconds = [0], [0.0]
    secret = {"1": OLD}

    def read() -> dict[str, SecretStr]:
        reads[0] += 1
        return dict(secret)

    ring = RememberedKeyRing(read, clock=lambda: seconds[0])
    new = SiteKeyRing({2: NEW}).make(7, "k1")
    assert ring.verify(new) is None
    secret["2"] = NEW

    seconds[0] = 10
    assert ring.verify(new)
    assert ring.verify(SiteKeyRing({1: OLD}).make(7, "k1"))
    for _ in range(50):
        assert ring.verify(SiteKeyRing({9: NEW}).make(7, "k1")) is None
        assert ring.verify("no key") is None
    assert reads == [2]


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("HTTPS://Www.Dealer.example:443/", "https://www.dealer.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://dealer.example:80", "http://dealer.example"),
        ("null", None),
        ("*", None),
        ("https://*.dealer.example", None),
        ("https://dealer.example/path", None),
        ("https://user@dealer.example", None),
        ("https://dealer.example:99999", None),
        ("https://müller.example", None),
        ("ftp://dealer.example", None),
        ("https://", None),
    ],
)
def test_an_origin_is_written_as_browsers_do(text: str, origin: str | None) -> None:
    assert normal_origin(text) == origin
