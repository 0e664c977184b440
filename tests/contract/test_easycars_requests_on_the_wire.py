"""What leaves for the vendor: address, headers, account fields, numbers."""

import json
import logging
from dataclasses import replace
from datetime import date
from decimal import Decimal

import httpx
import pytest

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest, UpdateLeadRequest
from forecourt.errors import AuthenticationError, PermanentError
from forecourt.security.credentials import Environment
from tests.support.easycars import BASE_URLS, CREDENTIALS, LEAD, ScriptedVendor, jwt, with_secret

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))
CREATED = {"LeadNumber": "000017", "CustomerNo": "00004", "Code": 0}


def raw_requests() -> tuple[EasyCarsClient, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.path.endswith("/RequestToken"):
            return httpx.Response(
                200, json={"Token": jwt(1), "Code": 0}, headers={"Set-Cookie": "sid=dealer1"}
            )
        return httpx.Response(
            200, json=CREATED | {"StockList": []}, headers={"Set-Cookie": "sid=dealer1"}
        )

    return EasyCarsClient(BASE_URLS, transport=httpx.MockTransport(answer)), seen


def test_each_service_is_asked_at_its_own_address_with_its_own_token() -> None:
    client, seen = raw_requests()

    client.fetch_stock(CREDENTIALS)
    client.create_lead(CREDENTIALS, CREATE)

    base = "https://testmy.easycars.example/TestECService"
    assert [str(request.url).partition("?")[0] for request in seen] == [
        f"{base}/StockService/RequestToken",
        f"{base}/StockService/GetAdvertisementStocks",
        f"{base}/LeadService/RequestToken",
        f"{base}/LeadService/CreateLead",
    ]
    assert {request.method for request in seen} == {"POST"}


def test_the_client_pair_travels_encoded_in_the_query_of_request_token_alone() -> None:
    client, seen = raw_requests()

    client.fetch_stock(CREDENTIALS)

    token_request, stock_request = seen
    assert dict(token_request.url.params) == {
        "ClientID": CREDENTIALS.client_id.get_secret_value(),
        "ClientSecret": CREDENTIALS.client_secret.get_secret_value(),
    }
    assert token_request.content == b""
    assert "authorization" not in token_request.headers
    assert stock_request.url.query == b""
    assert stock_request.headers["authorization"] == f"Bearer {jwt(1)}"
    assert stock_request.headers["content-type"] == "application/json"


def test_the_vendors_cookie_is_not_carried_to_the_next_call() -> None:
    client, seen = raw_requests()

    client.fetch_stock(CREDENTIALS)
    client.fetch_stock(CREDENTIALS)

    assert all("cookie" not in request.headers for request in seen)


def test_the_yard_is_named_only_where_there_is_one() -> None:
    client, seen = raw_requests()
    account = {"AccountNumber": "EC900001", "AccountSecret": "planted-account-secret"}

    client.fetch_stock(CREDENTIALS)
    client.fetch_stock(replace(CREDENTIALS, yard_code="100"))

    assert json.loads(seen[1].content) == account
    assert json.loads(seen[2].content) == account | {"YardCode": "100"}


def test_a_lead_goes_with_the_account_and_with_nulls_left_out() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", CREATED)

    vendor.client.create_lead(CREDENTIALS, CREATE)

    body = vendor.body_of("CreateLead")
    assert body == {
        "AccountNumber": "EC900001",
        "AccountSecret": "planted-account-secret",
        "StockNumber": "S-12",
        "VehicleMake": "Volvo",
        "VehicleModel": "V90",
        "VehiclePrice": 45990,
        "VehicleType": 1,
        "VehicleYear": 2020,
        "IsVehicleNew": False,
        "VehicleInterest": 1,
        "Notes": "Is it still for sale?",
        "ExternalID": "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11",
        "LeadCustomer": {
            "Name": "Zoë Nguyen",
            "Email": "zoe@mail.example",
            "Mobile": "0412345678",
        },
    }


@pytest.mark.parametrize("price", ["0.1", "19999.99", "25000.0000", "123456789.12345678", "1E+5"])
def test_amounts_are_json_numbers_with_exactly_their_digits(price: str) -> None:
    client, seen = raw_requests()

    client.update_lead(
        CREDENTIALS, UpdateLeadRequest(lead_number="000017", vehicle_price=Decimal(price))
    )

    assert f'"VehiclePrice":{price}'.encode() in seen[1].content


def test_environments_do_not_mix() -> None:
    client, seen = raw_requests()

    client.fetch_stock(replace(CREDENTIALS, environment=Environment.PRODUCTION))

    assert {request.url.host for request in seen} == {"my.easycars.example"}


@pytest.mark.parametrize(
    ("secret", "field"),
    [
        ({"account_number": "E" * 21}, "AccountNumber"),
        ({"account_number": " "}, "AccountNumber"),
        ({"account_secret": "s" * 51}, "AccountSecret"),
    ],
)
def test_an_account_pair_the_vendor_cannot_take_is_not_sent(
    secret: dict[str, str], field: str
) -> None:
    vendor = ScriptedVendor()

    with pytest.raises(AuthenticationError, match=field) as failure:
        vendor.client.create_lead(with_secret(**secret), CREATE)

    assert failure.value.code == "INVALID_CREDENTIALS"
    assert vendor.seen == []


@pytest.mark.parametrize(
    "url",
    [
        "http://my.easycars.net.au/ECService",
        "http://10.0.0.7/ECService",
        "my.easycars.net.au/ECService",
        "ftp://my.easycars.net.au/",
        "https://my.easycars.net.au/ECService?x=1",
        "",
    ],
)
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="EasyCars Test URL must"):
        EasyCarsClient({Environment.TEST: url})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://localhost:1/x/", "http://[::1]:1"])
def test_this_machine_may_be_asked_in_the_clear(url: str) -> None:
    asked: list[str] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(400)

    transport = httpx.MockTransport(refuse)
    with (
        EasyCarsClient({Environment.TEST: url}, transport=transport) as client,
        pytest.raises(PermanentError),
    ):
        client.request_token(CREDENTIALS)
    assert asked == [f"{httpx.URL(url).path.rstrip('/')}/StockService/RequestToken"]


def test_a_redirect_is_not_followed() -> None:
    vendor = ScriptedVendor()
    elsewhere = httpx.Response(307, headers={"Location": "https://elsewhere.example/"})
    vendor.will("SearchContacts", elsewhere, {"Contacts": [], "Code": 0})

    vendor.client.search_contacts(CREDENTIALS, email="a@b.c")

    assert vendor.operations() == ["RequestToken", "SearchContacts", "SearchContacts"]


def test_nothing_of_httpx_is_logged_below_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore.connection", "httpcore.http11"):
        caplog.set_level(logging.DEBUG, logger=name)
    client, _ = raw_requests()

    client.fetch_stock(CREDENTIALS)

    assert [record for record in caplog.records if record.name.startswith("http")] == []
