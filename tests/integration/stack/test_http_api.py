import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from local.issuer import AUDIENCE
from tests.integration.stack.running_sample import RunningSample


def test_a_request_reaches_its_function_as_an_event(sample: RunningSample) -> None:
    answer = sample.request("POST", "/open/anna?a=1", json={"name": "Jürgen"})

    event = answer.json()["event"]
    assert event["routeKey"] == "POST /open/{name}"
    assert event["pathParameters"] == {"name": "anna"}
    assert event["body"] == '{"name":"Jürgen"}'
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


def test_an_exact_route_wins_over_a_variable(sample: RunningSample) -> None:
    assert sample.request("POST", "/open/exact").json()["event"]["routeKey"] == "POST /open/exact"


@pytest.mark.parametrize(("method", "path"), [("GET", "/open/anna"), ("POST", "/nowhere")])
def test_what_has_no_route_is_not_found(sample: RunningSample, method: str, path: str) -> None:
    answer = sample.request(method, path)

    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_a_body_above_the_gateways_limit_is_refused(sample: RunningSample) -> None:
    answer = sample.request("POST", "/open/anna", content=b"x" * (10 * 1024 * 1024 + 1))

    assert answer.status_code == 413
    assert answer.json() == {"message": "Request Entity Too Large"}


def test_a_handler_that_fails_is_a_server_error_without_details(sample: RunningSample) -> None:
    answer = sample.request("GET", "/broken")

    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_the_issuer_publishes_its_discovery_document_and_public_key_only(
    sample: RunningSample,
) -> None:
    issuer = sample.state["issuer_url"]
    path = issuer.removeprefix(sample.state["url"])

    discovery = sample.request("GET", f"{path}/.well-known/openid-configuration").json()
    keys = sample.request("GET", discovery["jwks_uri"].removeprefix(sample.state["url"])).json()

    assert discovery["issuer"] == issuer
    assert [sorted(key) for key in keys["keys"]] == [["e", "kid", "kty", "n", "use"]]


@pytest.mark.parametrize(
    ("dealership_id", "usertype", "claimed"), [(None, "Admin", None), (7, "DealershipOwner", "7")]
)
def test_a_minted_token_opens_a_closed_route(
    sample: RunningSample, dealership_id: int | None, usertype: str, claimed: str | None
) -> None:
    token = sample.issuer().mint(dealership_id=dealership_id)

    answer = sample.request("GET", "/closed/x", headers={"Authorization": f"Bearer {token}"})

    claims = answer.json()["event"]["requestContext"]["authorizer"]["jwt"]["claims"]
    assert claims["usertype"] == usertype
    assert claims.get("dealershipid") == claimed


def signed(sample: RunningSample, *, key: RSAKey | None = None, **changes: Any) -> Any:
    claims = {
        "iss": sample.state["issuer_url"],
        "aud": AUDIENCE,
        "sub": "u",
        "exp": int(time.time()) + 60,
        **changes,
    }
    own = sample.issuer()._key
    key = key or own
    return jwt.encode({"alg": "RS256", "kid": own.kid}, claims, key)


def test_the_claims_used_by_the_refusals_below_are_otherwise_good(sample: RunningSample) -> None:
    header = {"Authorization": f"Bearer {signed(sample)}"}

    assert sample.request("GET", "/closed/x", headers=header).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://elsewhere"},
        {"aud": "another-client"},
        {"exp": int(time.time()) - 86_400},
        {"nbf": int(time.time()) + 86_400},  # the cases are made long before they run
        {"key": RSAKey.generate_key(2048)},
    ],
)
def test_a_token_of_another_issuer_audience_time_or_key_is_refused(
    sample: RunningSample, changes: dict[str, Any]
) -> None:
    token = signed(sample, **changes)

    answer = sample.request("GET", "/closed/x", headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "x.y.z"}])
def test_a_request_without_a_readable_token_is_refused(
    sample: RunningSample, headers: dict[str, str]
) -> None:
    assert sample.request("GET", "/closed/x", headers=headers).status_code == 401


def test_an_unsigned_token_is_refused(sample: RunningSample) -> None:
    head, body, _ = signed(sample).split(".")
    none = "eyJhbGciOiJub25lIn0"

    for token in (f"{none}.{body}.", f"{head}.{body}."):
        answer = sample.request("GET", "/closed/x", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
