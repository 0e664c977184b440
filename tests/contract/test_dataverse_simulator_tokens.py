"""Entra's side of the Dataverse simulator: who gets a token, for how long, and how it says no."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey

from local.dataverse_simulator import DataverseSimulator, Rules
from tests.support.dynamics import DataverseCaller, code_of

FORM = "application/x-www-form-urlencoded"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


def refusal(answer: httpx.Response) -> tuple[int, str, int]:
    told = answer.json()
    [number] = told["error_codes"]
    assert told["error_description"].startswith(f"AADSTS{number}: ")
    assert {"timestamp", "trace_id", "correlation_id"} <= told.keys()
    return answer.status_code, told["error"], number


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": ""}, (401, "invalid_client", 7000218)),
        ({"client_id": "0" * 8}, (400, "unauthorized_client", 700016)),
        ({"client_id": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": ""}, (400, "invalid_request", 900144)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"scope": ""}, (400, "invalid_request", 900144)),
        ({"tenant": "common"}, (400, "invalid_request", 90002)),
        ({"scope": "https://other.crm6.dynamics.com/.default"}, (400, "invalid_resource", 500011)),
        ({"scope": "https://parramatta-motors.crm6.dynamics.com"}, (400, "invalid_scope", 1002012)),
        (
            {"scope": "https://parramatta-motors.crm6.dynamics.com//.default"},
            (400, "invalid_resource", 500011),
        ),
        (
            {"scope": "https://bayside-marine.crm6.dynamics.com/.default"},
            (400, "invalid_resource", 500011),
        ),
    ],
)
def test_a_request_for_a_token_is_refused(
    caller: DataverseCaller, changes: dict[str, str], told: tuple[int, str, int]
) -> None:
    assert refusal(caller.ask_token(**changes)) == told


def test_two_resources_in_one_scope_are_refused(caller: DataverseCaller) -> None:
    one = f"{caller.account.environment_url}/.default"
    assert refusal(caller.ask_token(scope=f"{one} {one}"))[1] == "invalid_scope"


def test_a_token_is_asked_for_with_a_form(caller: DataverseCaller) -> None:
    path = f"/{caller.account.tenant_id}/oauth2/v2.0/token"
    assert refusal(caller.http.post(path, json=caller.token_form()))[2] == 900144
    in_query = caller.http.post(path, params=caller.token_form())
    assert refusal(in_query)[2] == 900144
    assert caller.http.get(path).status_code == 404
    form = f"{urlencode(caller.token_form())}&client_id={caller.account.client_id}"
    twice = caller.http.post(path, content=form, headers={"Content-Type": FORM})
    assert refusal(twice) == (400, "invalid_request", 9000411)


def test_an_expired_secret_is_told_apart_and_a_new_one_is_good(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    old = caller.account.client_secret
    simulator.add_account(replace(caller.account, client_secret="new-secret"))
    assert caller.ask_token().status_code == 200
    simulator.set_secret(caller.account.client_id, old, "expired")
    assert refusal(caller.ask_token())[2] == 7000222
    assert caller.ask_token(client_secret="new-secret").status_code == 200
    simulator.set_secret(caller.account.client_id, old, "removed")
    assert refusal(caller.ask_token())[2] == 7000215


def test_a_certificate_is_as_good_as_a_secret(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    key, certificate = new_certificate()
    simulator.add_account(replace(caller.account, certificate=certificate))
    assert ask_with(caller, assertion(caller, key)).status_code == 200
    stranger, _ = new_certificate()
    assert refusal(ask_with(caller, assertion(caller, stranger)))[2] == 700027
    for claim, value in (("iss", "someone"), ("aud", "https://elsewhere"), ("sub", "someone")):
        wrong = assertion(caller, key, **{claim: value})
        assert refusal(ask_with(caller, wrong))[2] == 700027
    assert refusal(ask_with(caller, "no.jwt.at.all"))[2] == 700027
    without_type = caller.ask_token(client_secret="", client_assertion=assertion(caller, key))
    assert refusal(without_type)[2] == 900144


def test_a_token_is_refused_once_it_has_expired(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    assert caller.call("GET", "WhoAmI").status_code == 200
    simulator.advance_clock(3598)
    assert caller.call("GET", "WhoAmI").status_code == 200
    simulator.advance_clock(2)
    expired = caller.call("GET", "WhoAmI")
    assert (expired.status_code, expired.content) == (401, b"")
    assert expired.headers["WWW-Authenticate"].startswith("Bearer")
    caller.bearer = None
    assert caller.call("GET", "WhoAmI").status_code == 200


def test_the_life_of_a_token_can_be_set() -> None:
    rules = Rules(token_life=60)
    with DataverseSimulator(rules=rules) as simulator, DataverseCaller(simulator) as caller:
        assert caller.ask_token().json()["expires_in"] == 60
        simulator.set_rules(token_life=30)
        assert caller.ask_token().json()["expires_in"] == 30
        caller.call("GET", "WhoAmI")
        simulator.advance_clock(31)
        assert caller.call("GET", "WhoAmI").status_code == 401


@pytest.mark.parametrize("header", ["", "Basic eDp5", "Bearer nothing", "bearer x.y.z"])
def test_without_a_token_nothing_is_answered(caller: DataverseCaller, header: str) -> None:
    assert caller.call("GET", "WhoAmI", None, {"Authorization": header}).status_code == 401
    assert caller.call("GET", "nowhere", None, {"Authorization": header}).status_code == 401


def test_a_revoked_token_is_refused_and_the_next_is_good(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.call("GET", "WhoAmI")
    simulator.revoke_tokens()
    assert caller.call("GET", "WhoAmI").status_code == 401
    caller.bearer = None
    assert caller.call("GET", "WhoAmI").status_code == 200


def test_a_token_reaches_the_environment_it_was_asked_for(simulator: DataverseSimulator) -> None:
    first, second = simulator.accounts()
    with DataverseCaller(simulator, first) as one, DataverseCaller(simulator, second) as other:
        one.create()
        assert [lead["environment"] for lead in simulator.leads()] == [first.environment_url]
        listed = other.call("GET", "leads", None, None, **{"$select": "leadid"})
        assert listed.json()["value"] == []


def test_a_client_without_an_application_user_has_a_token_and_no_access(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    simulator.change_account(caller.account.client_id, application_user=False)
    assert caller.ask_token().status_code == 200
    assert code_of(caller.call("GET", "WhoAmI")) == (403, "0x80072560")


def test_discovery_names_the_token_endpoint(caller: DataverseCaller) -> None:
    tenant = caller.account.tenant_id
    document = caller.http.get(f"/{tenant}/v2.0/.well-known/openid-configuration").json()
    assert document["token_endpoint"] == f"{caller.simulator.url}/{tenant}/oauth2/v2.0/token"
    assert document["issuer"].endswith(f"/{tenant}/v2.0")
    missing = caller.http.get(f"/{uuid4()}/v2.0/.well-known/openid-configuration")
    assert refusal(missing)[2] == 90002
    instance = caller.http.get("/common/discovery/instance").json()
    assert instance["metadata"][0]["aliases"]


def test_no_secret_is_in_the_log_or_on_the_page(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.ask_token(client_secret="planted-secret")
    caller.create()
    log = caller.http.get("/_control/requests").text + caller.http.get("/").text
    assert "planted-secret" not in log
    assert caller.account.client_secret not in log
    assert caller.bearer is not None
    assert caller.bearer not in log


def test_a_wrong_credential_is_no_breach_of_the_documents_but_a_wrong_form_is(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.ask_token(client_secret="wrong")
    caller.ask_token(tenant="common")
    assert simulator.invalid_requests() == []
    caller.ask_token(scope="https://x.example//.default")
    [record] = simulator.invalid_requests()
    assert (record.service, record.operation) == ("Entra", "Token")
    assert re.search("not found in the tenant", record.reasons[0])


def new_certificate() -> tuple[RSAKey, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "forecourt")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return RSAKey.import_key(private), pem


def assertion(caller: DataverseCaller, key: RSAKey, **changes: str) -> str:
    client, tenant = caller.account.client_id, caller.account.tenant_id
    claims: dict[str, Any] = {
        "aud": f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        "iss": client,
        "sub": client,
        "jti": "1",
        "exp": 4_000_000_000,
        **changes,
    }
    return jwt.encode({"alg": "PS256", "typ": "JWT"}, claims, key, algorithms=["PS256"])


def ask_with(caller: DataverseCaller, text: str) -> httpx.Response:
    return caller.ask_token(
        client_secret="", client_assertion=text, client_assertion_type=ASSERTION_TYPE
    )


def test_the_claims_of_a_token_are_those_of_entra(caller: DataverseCaller) -> None:
    payload = caller.ask_token().json()["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == caller.account.environment_url
    assert claims["appid"] == caller.account.client_id
    assert claims["tid"] == caller.account.tenant_id
