"""The client and the simulator, written apart from the same documents, must agree."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_mapping import (
    changed_fields,
    create_lead_fields,
    lead_from_detail,
    update_lead_fields,
)
from forecourt.easycars.lead_messages import CreateLeadRequest, UpdateLeadRequest
from forecourt.easycars.quotation_messages import CreateQuotationRequest
from forecourt.easycars.stock_mapping import decode_stock_item, map_stock_item, stock_number_of
from forecourt.easycars.tokens import Service
from forecourt.errors import (
    AuthenticationError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
    SkippableError,
)
from forecourt.leads.lead import (
    FinanceStatus,
    Lead,
    LeadAddress,
    LeadStatus,
    Rating,
    VehicleInterest,
)
from forecourt.security.credentials import EasyCarsCredentials, Environment
from local.easycars_simulator import EasyCarsSimulator
from tests.support.easycars import LEAD, VEHICLE

TODAY = date(2026, 3, 1)
FULL_LEAD = replace(
    LEAD,
    name="Zoë Nguyen-O'Brien \U0001f697",
    vehicle_interest=VehicleInterest.TEST_DRIVE,
    finance_status=FinanceStatus.MAYBE,
    rating=Rating.HOT,
    vehicle=replace(VEHICLE, price=Decimal("45990.95"), stock_number=None),
    source_page_url="https://dealer.example/inventory/12",
    address=LeadAddress(line="1 High St", city="Perth", state="WA", post_code="6000"),
)


@pytest.fixture(scope="module")
def running() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: EasyCarsSimulator) -> Iterator[EasyCarsSimulator]:
    running.reset()
    yield running
    assert [record.reasons for record in running.invalid_requests()] == []


@pytest.fixture
def client(simulator: EasyCarsSimulator) -> Iterator[EasyCarsClient]:
    with EasyCarsClient({Environment.TEST: simulator.url}, sleep=lambda _: None) as client:
        yield client


@pytest.fixture
def credentials(simulator: EasyCarsSimulator) -> EasyCarsCredentials:
    account = simulator.accounts()[0]
    return EasyCarsCredentials(
        credential_id=1,
        dealership_id=1,
        environment=Environment.TEST,
        client_id=SecretStr(account.client_id),
        client_secret=SecretStr(account.client_secret),
        account_number=SecretStr(account.account_number),
        account_secret=SecretStr(account.account_secret),
    )


def create_request(lead: Lead) -> CreateLeadRequest:
    return CreateLeadRequest.from_fields(create_lead_fields(lead, today=TODAY))


def test_a_lead_is_created_read_back_and_updated(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    delivered = create_lead_fields(FULL_LEAD, today=TODAY)
    receipt = client.create_lead(credentials, CreateLeadRequest.from_fields(delivered))
    number = receipt.lead_number or ""

    detail = client.get_lead_detail(credentials, number)
    back = lead_from_detail(detail)

    assert (back.easycars_lead_number, back.easycars_customer_no) == (number, receipt.customer_no)
    assert back.external_id == str(FULL_LEAD.external_id)
    assert (back.name, back.email, back.phone) == (FULL_LEAD.name, LEAD.email, "0412345678")
    assert back.vehicle_interest is VehicleInterest.TEST_DRIVE
    assert (back.finance_status, back.rating) == (FinanceStatus.MAYBE, Rating.HOT)
    assert back.message == FULL_LEAD.message
    assert detail.vehicle_price == Decimal("45990.95")
    assert back.created_at is not None
    assert abs((back.created_at - datetime.now(UTC)).total_seconds()) < 60

    edited = replace(FULL_LEAD, status=LeadStatus.WON, rating=Rating.COLD, phone="0299991234")
    changes = changed_fields(update_lead_fields(edited), delivered)
    updated = client.update_lead(
        credentials, UpdateLeadRequest.from_fields({"LeadNumber": number, **changes})
    )

    assert updated.lead_number == number
    [lead] = simulator.leads()
    assert lead["customer"]["Phone"] == "0299991234"
    assert client.get_lead_detail(credentials, number).rating == 1


@pytest.mark.parametrize(
    "lead",
    [
        LEAD,
        replace(LEAD, vehicle=None),
        replace(LEAD, vehicle=None, stock_number="UNKNOWN-1"),
        replace(LEAD, name="名" * 150, message="\U0001f697" * 10_000),
        replace(LEAD, name="\U0001f697" * 80, phone="call +61 412 345 678 after 5"),
        replace(LEAD, phone="+61 412 345 678"),
        replace(LEAD, phone=""),
        replace(LEAD, source_page_url="https://dealer.example/" + "u" * 500),
        replace(LEAD, vehicle=replace(VEHICLE, stock_type="B", is_new=True)),
    ],
)
def test_every_kind_of_lead_is_within_the_vendors_limits(
    lead: Lead,
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
) -> None:
    receipt = client.create_lead(credentials, create_request(lead))

    assert receipt.lead_number
    assert len(simulator.leads()) == 1


def test_contacts_are_found_by_each_key(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    receipt = client.create_lead(credentials, create_request(LEAD))

    for found in (
        client.search_contacts(credentials, email=LEAD.email),
        client.search_contacts(credentials, phone="0412345678"),
        client.search_contacts(credentials, name="Nguyen"),
    ):
        assert [contact.customer_no for contact in found] == [receipt.customer_no]
    assert client.search_contacts(credentials, email="nobody@mail.example") == []


def test_a_quotation_with_all_its_parts(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    account = simulator.accounts()[0]
    person = {"Name": "Zoë", "Email": "zoe@mail.example"}
    numbers = client.create_quotation(
        credentials,
        CreateQuotationRequest.from_fields({
            "YardCode": account.yards[0].code,
            "VehicleMake": "Volvo", "VehicleModel": "V90", "VehicleType": 1,
            "IsVehicleNew": False, "VehicleYear": 2020, "QuoteDate": "01/03/2026",
            "BasePrice": "40000.10", "SellingPrice": 45990, "RegoState": "NSW",
            "QuotationCustomer1": person,
            "QuotationCustomer2": person | {"Email": "two@mail.example"},
            "TaxRate": "0.1",
            "FinanceCompany": {"Name": "Bank", "ABN": "51824753556"},
            "QuotationReceipts": [
                {
                    "Amount": 500, "ReceiveDate": "28/02/2026", "PaymentMethod": 6,
                    "Reference": "R1",
                }
            ],
            "QuotationTradeins": [
                {
                    "Allowance": 5000, "Make": "Mazda", "Model": "3", "VehicleType": 1,
                    "VehicleYear": 2010, "BuildDate": "07/10",
                }
            ],
            "QuotationExtras": [{"ExtraType": 8, "Amount": "995.50", "LCTApply": False}],
        }),
    )  # fmt: skip

    assert numbers.quote_number
    assert numbers.customer_no_1 != numbers.customer_no_2
    assert len(simulator.quotations(account.account_number)) == 1


def test_every_item_of_every_feed_is_mapped_or_skipped_by_name(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    mapped = 0
    for account in simulator.accounts():
        feed = client.fetch_stock(
            replace(
                credentials,
                client_id=SecretStr(account.client_id),
                client_secret=SecretStr(account.client_secret),
                account_number=SecretStr(account.account_number),
                account_secret=SecretStr(account.account_secret),
            )
        )
        assert len(feed.items) == len(simulator.stock(account.account_number))
        for raw in feed.items:
            try:
                vehicle = map_stock_item(decode_stock_item(raw))
            except SkippableError as skipped:
                number = stock_number_of(raw)
                assert number is None or number[:20] in skipped.detail  # noqa: PT017 - either way is right
                continue
            mapped += 1
            assert vehicle.easycars_stock_number == stock_number_of(raw)

    assert mapped > 300


def test_the_yard_narrows_the_feed(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    yard = simulator.accounts()[0].yards[0].code

    items = client.fetch_stock(replace(credentials, yard_code=yard)).items

    assert 0 < len(items) < len(client.fetch_stock(credentials).items)
    assert {decode_stock_item(item).fields.yard_code for item in items} == {yard}


def test_tokens_are_shared_kept_and_renewed(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    leads = [replace(LEAD, external_id=uuid4(), email=f"p{n}@mail.example") for n in range(10)]

    with ThreadPoolExecutor(10) as threads:
        receipts = list(
            threads.map(lambda lead: client.create_lead(credentials, create_request(lead)), leads)
        )
    simulator.advance_clock(1200)
    client.create_lead(credentials, create_request(replace(LEAD, external_id=uuid4())))

    assert len({receipt.lead_number for receipt in receipts}) == 10
    assert len(simulator.leads()) == 11
    assert len(simulator.requests("RequestToken")) == 2


@pytest.mark.parametrize(
    ("secret", "calls"),
    [("client_secret", ["RequestToken"]), ("account_secret", ["RequestToken", "CreateLead"] * 2)],
)
def test_wrong_credentials_are_an_authentication_error(
    secret: str,
    calls: list[str],
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
) -> None:
    wrong: dict[str, Any] = {secret: SecretStr("wrong")}

    with pytest.raises(AuthenticationError):
        client.create_lead(replace(credentials, **wrong), create_request(LEAD))

    assert [record.operation for record in simulator.requests()] == calls


def test_the_client_pair_is_proved_per_service(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    for service in Service:
        token = client.request_token(credentials, service)
        assert token.expires_at == pytest.approx(time.time() + 600, abs=10)


def test_an_unknown_lead_is_refused(
    client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    with pytest.raises(PermanentError, match="VENDOR_REFUSED"):
        client.get_lead_detail(credentials, "999999")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"kind": "http_500"}, "HTTP_500"),
        ({"kind": "http_504", "acts": True}, "HTTP_504"),
        ({"kind": "code", "code": 9}, "VENDOR_SYSTEM_ERROR"),
        ({"kind": "code", "code": 3}, "VENDOR_CODE_3"),
        ({"kind": "code_missing"}, "UNREADABLE_ANSWER"),
        ({"kind": "cut_before"}, "CONNECTION_CUT"),
        ({"kind": "cut_after"}, "CONNECTION_CUT"),
        ({"kind": "cut_midway"}, "CONNECTION_CUT"),
        ({"kind": "html"}, "UNREADABLE_ANSWER"),
        ({"kind": "empty"}, "UNREADABLE_ANSWER"),
        ({"kind": "truncated"}, "UNREADABLE_ANSWER"),
        ({"kind": "success_without_number"}, "MISSING_PAYLOAD"),
        ({"kind": "drip", "seconds": 20}, "TIMEOUT"),
        ({"kind": "hang", "seconds": 20}, "TIMEOUT"),
    ],
)
def test_a_create_that_meets_a_fault_is_unknown_and_sent_once(
    fault: dict[str, Any],
    code: str,
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
) -> None:
    client.search_contacts(credentials, email="warm@mail.example")
    simulator.add_fault(operation="CreateLead", **fault)

    with pytest.raises(OutcomeUnknownError) as failure:
        client.create_lead(credentials, create_request(LEAD), deadline=time.monotonic() + 1.5)

    assert failure.value.code == code
    assert len(simulator.requests("CreateLead")) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "http_429", "retry_after": "40"}, RetryableError),
        ({"kind": "code", "code": 7, "message": "Invalid model."}, PermanentError),
        ({"kind": "http_400"}, PermanentError),
    ],
)
def test_a_create_that_is_turned_away_does_not_exist(
    fault: dict[str, Any],
    kind: type[Exception],
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
) -> None:
    simulator.add_fault(operation="CreateLead", **fault)

    with pytest.raises(kind):
        client.create_lead(credentials, create_request(LEAD))

    assert simulator.leads() == []


@pytest.mark.parametrize("fault", ["http_503", "cut_midway", "html", "empty", "truncated"])
def test_a_feed_is_fetched_again_after_a_fault(
    fault: str,
    simulator: EasyCarsSimulator,
    client: EasyCarsClient,
    credentials: EasyCarsCredentials,
) -> None:
    simulator.add_fault(fault, operation="GetAdvertisementStocks", times=2)

    assert client.fetch_stock(credentials).items
    assert len(simulator.requests("GetAdvertisementStocks")) == 3


def test_an_expired_token_costs_one_more_call(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    client.create_lead(credentials, create_request(LEAD))
    simulator.revoke_tokens()

    client.create_lead(credentials, create_request(replace(LEAD, external_id=uuid4())))

    assert [record.operation for record in simulator.requests()] == [
        "RequestToken", "CreateLead", "CreateLead", "RequestToken", "CreateLead",
    ]  # fmt: skip
    assert len(simulator.leads()) == 2


def test_a_malformed_item_is_skipped_alone(
    simulator: EasyCarsSimulator, client: EasyCarsClient, credentials: EasyCarsCredentials
) -> None:
    whole = client.fetch_stock(credentials).items
    simulator.add_fault(
        "malformed_item", operation="GetAdvertisementStocks", variant="not_an_object", index=3
    )

    items = client.fetch_stock(credentials).items

    assert len(items) == len(whole)
    with pytest.raises(SkippableError):
        decode_stock_item(items[3])
    assert bytes(items[4]) == bytes(whole[4])
