"""Requests that went past CloudFront are refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from forecourt.errors import RetryableError
from forecourt.http_request import HttpRequest
from forecourt.problem import Problem
from forecourt.security.edge import Edge

FIRST, SECOND = "first-" + "x" * 40, "second-" + "y" * 40


@dataclass
class Secret:
    """The edge secret; ``away`` makes it unreadable."""

    versions: dict[str, str] = field(default_factory=lambda: {"1": FIRST})
    away: bool = False
    reads: int = 0
    seconds: float = 100.0

    def read(self) -> Mapping[str, SecretStr]:
        self.reads += 1
        if self.away:
            raise RetryableError(code="AWS_AWAY", detail="Away.", target="SecretsManager")
        return {version: SecretStr(value) for version, value in self.versions.items()}


@pytest.fixture
def secret() -> Secret:
    return Secret()


@pytest.fixture
def edge(secret: Secret) -> Edge:
    return Edge(secret.read, clock=lambda: secret.seconds)


def request(value: str | None = None, *, is_command: bool = False) -> HttpRequest:
    headers = {} if value is None else {"x-forecourt-edge": value}
    return HttpRequest(method="POST", path="/api/leads", headers=headers, is_command=is_command)


def refusal(edge: Edge, asked: HttpRequest) -> Problem:
    with pytest.raises(Problem) as refused:
        edge.check(asked)
    return refused.value


def test_what_cloudfront_sends_is_let_through(edge: Edge) -> None:
    edge.check(request(FIRST))


@pytest.mark.parametrize("value", [None, "", FIRST[:-1], FIRST + "x", "ü"])
def test_anything_else_is_refused_and_told_where_to_go(edge: Edge, value: str | None) -> None:
    problem = refusal(edge, request(value))

    assert (problem.status, problem.kind) == (403, "past-the-edge")
    assert "ApiUrl" in problem.detail


def test_an_empty_version_opens_nothing(secret: Secret, edge: Edge) -> None:
    secret.versions = {"1": ""}

    assert refusal(edge, request("")).status == 403


def test_an_operators_command_needs_no_cloudfront(edge: Edge) -> None:
    edge.check(request(is_command=True))


def test_the_secret_is_read_once(secret: Secret, edge: Edge) -> None:
    for _ in range(3):
        edge.check(request(FIRST))

    assert secret.reads == 1


def test_a_new_version_works_as_soon_as_cloudfront_sends_it(secret: Secret, edge: Edge) -> None:
    edge.check(request(FIRST))
    secret.versions["2"] = SECOND
    secret.seconds += 11

    edge.check(request(SECOND))
    edge.check(request(FIRST))


def test_made_up_values_do_not_read_the_secret_each_time(secret: Secret, edge: Edge) -> None:
    edge.check(request(FIRST))
    for _ in range(5):
        refusal(edge, request("made up"))

    assert secret.reads == 1


def test_an_old_version_stops_after_five_minutes(secret: Secret, edge: Edge) -> None:
    edge.check(request(FIRST))
    secret.versions = {"2": SECOND}
    secret.seconds += 301

    assert refusal(edge, request(FIRST)).status == 403


def test_a_secret_that_cannot_be_read_again_goes_on_serving(secret: Secret, edge: Edge) -> None:
    edge.check(request(FIRST))
    secret.away = True
    secret.seconds += 301

    edge.check(request(FIRST))


def test_a_secret_that_was_never_read_is_try_again(secret: Secret, edge: Edge) -> None:
    secret.away = True

    problem = refusal(edge, request(FIRST))

    assert problem.status == 503
    assert "Retry-After" in problem.headers
