import json
from base64 import urlsafe_b64decode

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from local.simulation.tokens import TokenIssuer, TokenRefusedError


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000.5

    def now(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def issuer(clock: Clock) -> TokenIssuer:
    return issuer_named("lead", clock)


def issuer_named(name: str, clock: Clock) -> TokenIssuer:
    return TokenIssuer(name, now=clock.now, life=600, client_claim="ClientID")


def part(token: str, index: int) -> dict[str, object]:
    text = token.split(".")[index]
    read: dict[str, object] = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return read


def test_a_token_has_the_four_claims_and_lives_600_seconds(issuer: TokenIssuer) -> None:
    token = issuer.issue("client-1")
    assert part(token, 0) == {"alg": "HS256", "typ": "JWT"}
    now = 1_700_000_000
    assert part(token, 1) == {"ClientID": "client-1", "nbf": now, "exp": now + 600, "iat": now}
    assert issuer.client_of(token) == "client-1"


def test_a_token_expires(issuer: TokenIssuer, clock: Clock) -> None:
    token = issuer.issue("client-1")
    clock.time += 599
    assert issuer.client_of(token) == "client-1"
    clock.time += 1
    with pytest.raises(TokenRefusedError):
        issuer.client_of(token)


def test_a_token_is_not_good_before_it_was_issued(issuer: TokenIssuer, clock: Clock) -> None:
    token = issuer.issue("client-1")
    clock.time -= 60
    with pytest.raises(TokenRefusedError):
        issuer.client_of(token)


def test_a_token_of_another_issuer_is_refused(clock: Clock) -> None:
    token = issuer_named("stock", clock).issue("client-1")
    with pytest.raises(TokenRefusedError):
        issuer_named("lead", clock).client_of(token)


def test_a_revoked_token_is_refused_and_the_next_is_good(issuer: TokenIssuer) -> None:
    token, other = issuer.issue("client-1"), issuer.issue("client-2")
    issuer.revoke("client-1")
    with pytest.raises(TokenRefusedError):
        issuer.client_of(token)
    assert issuer.client_of(issuer.issue("client-1")) == "client-1"
    assert issuer.client_of(other) == "client-2"


def test_a_token_signed_with_another_key_is_refused(issuer: TokenIssuer, clock: Clock) -> None:
    now = int(clock.now())
    claims = {"ClientID": "client-1", "nbf": now, "exp": now + 600, "iat": now}
    forged = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"k" * 32))
    with pytest.raises(TokenRefusedError):
        issuer.client_of(forged)


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "a.e30.c", "é.é.é", "eyJhbGciOiJub25lIn0.eyJDbGllbnRJRCI6MX0."],
)
def test_what_is_no_token_is_refused(issuer: TokenIssuer, token: str) -> None:
    with pytest.raises(TokenRefusedError):
        issuer.client_of(token)
