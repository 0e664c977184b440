"""The simulator over HTTP refuses what the vendor's documents refuse, by name."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.easycars_simulator import EasyCarsSimulator, Rules, Verdict, default_accounts
from local.easycars_simulator.request_tables import Service
from tests.support.vendor_caller import LEAD, SMALL_LEAD, SMALL_QUOTATION, STOCK, VendorCaller


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(3, vehicles=40)) as running:
        yield running


@pytest.fixture
def vendor(simulator: EasyCarsSimulator) -> Iterator[VendorCaller]:
    with VendorCaller(simulator) as caller:
        yield caller


@pytest.mark.parametrize("service", [STOCK, LEAD])
@pytest.mark.parametrize("prefix", ["", "/TestECService", "/a/ECService"])
def test_both_services_issue_tokens_under_any_prefix(
    vendor: VendorCaller, service: str, prefix: str
) -> None:
    vendor.url += prefix
    answer = vendor.request_token(service)
    assert answer.status_code == 200
    assert answer.json().keys() == {"Token", "Code", "ErrorMessage"}
    assert (answer.json()["Code"], answer.json()["ErrorMessage"]) == (0, None)


@pytest.mark.parametrize("wrong", ["ClientID", "ClientSecret"])
def test_a_wrong_client_pair_is_code_1(
    vendor: VendorCaller, simulator: EasyCarsSimulator, wrong: str
) -> None:
    answer = vendor.request_token(LEAD, **{wrong: "2b1f5a1c-0000-0000-0000-000000000000"})
    assert answer.status_code == 200
    assert answer.json()["Code"] == 1
    assert "Token" not in answer.json()
    known = vendor.account.account_number if wrong == "ClientSecret" else None
    assert simulator.requests()[-1].account == known
    assert simulator.invalid_requests() == []


def test_a_token_of_a_client_the_vendor_does_not_have_is_refused(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    token = simulator.vendor.issuer(Service.LEAD).issue("a stranger")
    answer = vendor.http.post(
        f"{vendor.url}/{LEAD}/SearchContacts",
        json={"Name": "x"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.json()["Code"] == 1


@pytest.mark.parametrize("query", [{"ClientID": ""}, {"ClientSecret": " "}, {"Extra": "1"}])
def test_a_malformed_token_request_is_code_7(vendor: VendorCaller, query: dict[str, str]) -> None:
    assert vendor.request_token(LEAD, **query).json()["Code"] == 7


def test_a_token_request_takes_no_body(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    pair = {"ClientID": vendor.account.client_id, "ClientSecret": vendor.account.client_secret}
    url = f"{vendor.url}/{LEAD}/RequestToken"
    assert vendor.http.post(url, params=pair, json={}).json()["Code"] == 7
    assert simulator.invalid_requests()[0].reasons == ("RequestToken takes no body.",)


@pytest.mark.parametrize(
    ("operation", "service", "body"),
    [
        ("GetAdvertisementStocks", STOCK, {"YardCode": 100}),
        ("CreateLead", LEAD, SMALL_LEAD | {"VehicleYear": "2018"}),
        ("UpdateLead", LEAD, {"LeadNumber": "000001", "Notes": None}),
        ("GetLeadDetail", LEAD, {"LeadNumber": "0" * 21}),
        ("CreateQuotation", LEAD, SMALL_QUOTATION | {"RegoState": "QLDX"}),
        ("SearchContacts", LEAD, {}),
    ],
)
def test_every_operation_refuses_a_body_against_its_table(
    vendor: VendorCaller,
    simulator: EasyCarsSimulator,
    operation: str,
    service: str,
    body: dict[str, Any],
) -> None:
    answer = vendor.post(operation, service, **body)
    assert answer.status_code == 200
    assert answer.json()["Code"] == 7
    (refused,) = simulator.invalid_requests()
    assert (refused.operation, refused.verdict) == (operation, Verdict.INVALID)
    assert answer.json()["ErrorMessage"] == " ".join(refused.reasons)
    assert simulator.leads() == []


@pytest.mark.parametrize("name", ["AccountNumber", "AccountSecret"])
@pytest.mark.parametrize(("code", "rules"), [(1, Rules()), (7, Rules(account_refusal_code=7))])
def test_a_wrong_account_pair_is_refused(name: str, code: int, rules: Rules) -> None:
    with (
        EasyCarsSimulator(accounts=default_accounts(1, vehicles=1), rules=rules) as simulator,
        VendorCaller(simulator) as vendor,
    ):
        assert vendor.create_lead(**{name: "EC000000"})["Code"] == code
        assert simulator.requests()[-1].verdict is Verdict.UNAUTHENTICATED
        assert simulator.leads() == []


def test_an_account_of_another_client_is_refused(simulator: EasyCarsSimulator) -> None:
    mine, other = simulator.accounts()[:2]
    with VendorCaller(simulator, mine) as vendor:
        answer = vendor.create_lead(
            AccountNumber=other.account_number, AccountSecret=other.account_secret
        )
    assert answer["Code"] == 1


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic x", "x"])
def test_without_a_good_token_nothing_happens(
    vendor: VendorCaller, simulator: EasyCarsSimulator, header: str
) -> None:
    answer = vendor.http.post(
        f"{vendor.url}/{LEAD}/CreateLead",
        json={"AccountNumber": vendor.account.account_number, **SMALL_LEAD},
        headers={"Authorization": header} if header else {},
    )
    assert answer.status_code == 200
    assert answer.json() == {"Code": 1, "ErrorMessage": "Invalid token."}
    assert simulator.leads() == []


def test_a_token_is_good_for_its_service_alone_unless_told_otherwise() -> None:
    for rules, code in ((Rules(), 1), (Rules(shared_tokens=True), 0)):
        accounts = default_accounts(1, vehicles=1)
        with (
            EasyCarsSimulator(accounts=accounts, rules=rules) as simulator,
            VendorCaller(simulator) as vendor,
        ):
            token = vendor.token(STOCK)
            answer = vendor.http.post(
                f"{vendor.url}/{LEAD}/SearchContacts",
                json={
                    "AccountNumber": accounts[0].account_number,
                    "AccountSecret": accounts[0].account_secret,
                    "Name": "x",
                },
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.json()["Code"] == code


def test_a_token_expires_by_the_vendors_clock(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead()
    simulator.advance_clock(601)
    assert vendor.create_lead()["Code"] == 1
    assert simulator.requests()[-1].verdict is Verdict.UNAUTHENTICATED
    assert simulator.invalid_requests() == []
    vendor.forget_tokens()
    assert vendor.create_lead()["Code"] == 0


def test_the_life_of_a_token_can_be_set() -> None:
    accounts = default_accounts(1, vehicles=1)
    with (
        EasyCarsSimulator(accounts=accounts, rules=Rules(token_life=30)) as simulator,
        VendorCaller(simulator) as vendor,
    ):
        vendor.create_lead()
        simulator.advance_clock(31)
        assert vendor.create_lead()["Code"] == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("operation", ["CreateLead", "RequestToken"])
def test_only_post_is_allowed(
    vendor: VendorCaller, simulator: EasyCarsSimulator, method: str, operation: str
) -> None:
    answer = vendor.http.request(method, f"{vendor.url}/{LEAD}/{operation}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert len(simulator.invalid_requests()) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/LeadService/GetAdvertisementStocks",
        "/StockService/CreateLead",
        "/LeadService/createlead",
        "/LeadService/CreateLead/",
        "/LeadService",
        "/leadservice/CreateLead",
        "/CreateLead",
        f"/publicimages/image/1/2/{'ab' * 20}",
    ],
)
def test_a_wrong_address_is_not_found(
    vendor: VendorCaller, simulator: EasyCarsSimulator, path: str
) -> None:
    assert vendor.http.post(vendor.url + path, json={}).status_code == 404
    assert len(simulator.invalid_requests()) == 1


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_another_media_type_is_not_supported(vendor: VendorCaller, media_type: str | None) -> None:
    headers = {"Authorization": f"Bearer {vendor.token(LEAD)}"}
    if media_type:
        headers["Content-Type"] = media_type
    answer = vendor.http.post(f"{vendor.url}/{LEAD}/CreateLead", content=b"{}", headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a":1,"a":2}', b"\xff"])
def test_a_body_that_is_not_one_object_is_refused(vendor: VendorCaller, content: bytes) -> None:
    headers = {
        "Authorization": f"Bearer {vendor.token(LEAD)}",
        "Content-Type": "application/json; charset=utf-8",
    }
    answer = vendor.http.post(f"{vendor.url}/{LEAD}/CreateLead", content=content, headers=headers)
    assert answer.json() == {"Code": 7, "ErrorMessage": "The body must be one JSON object."}


def test_an_operation_takes_no_query(vendor: VendorCaller) -> None:
    answer = vendor.post("CreateLead?ClientSecret=x", **SMALL_LEAD)
    assert answer.json() == {"Code": 7, "ErrorMessage": "CreateLead takes no query."}


def test_a_body_beyond_all_measure_is_refused_by_http(vendor: VendorCaller) -> None:
    answer = vendor.http.post(f"{vendor.url}/{LEAD}/CreateLead", content=b"x" * 2_000_001)
    assert answer.status_code == 413
