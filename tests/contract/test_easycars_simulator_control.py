"""The control API and the page for people."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.vendor_caller import NO_CERTIFICATES, STOCK, VendorCaller

FIRST, SECOND = (account.account_number for account in default_accounts(2))


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(2, vehicles=10)) as running:
        yield running


@pytest.fixture
def control(simulator: EasyCarsSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulator.url}/_control", verify=NO_CERTIFICATES) as client:
        yield client


@pytest.fixture
def vendor(simulator: EasyCarsSimulator) -> Iterator[VendorCaller]:
    with VendorCaller(simulator) as caller:
        yield caller


def got(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_accounts_are_listed_with_their_secrets(control: httpx.Client) -> None:
    listed = got(control.get("/accounts"))["accounts"]
    assert listed == [account.as_json() for account in default_accounts(2, vehicles=10)]


def test_an_added_account_works_at_once(
    control: httpx.Client, simulator: EasyCarsSimulator
) -> None:
    added = default_accounts(3, vehicles=7)[2]
    got(control.post("/accounts", json=added.as_json()))
    with VendorCaller(simulator, added) as vendor:
        assert len(vendor.stock()["StockList"]) == 7


def test_a_fault_is_posted_listed_and_deleted(control: httpx.Client, vendor: VendorCaller) -> None:
    fault = {"operation": "CreateLead", "account": FIRST, "fault": "code", "code": 9, "times": 2}
    got(control.post("/faults", json=fault))
    assert vendor.create_lead()["Code"] == 9
    (listed,) = got(control.get("/faults"))["faults"]
    assert listed["left"] == 1
    assert listed.items() >= fault.items()
    got(control.delete("/faults"))
    assert vendor.create_lead()["Code"] == 0


def test_requests_are_told_with_reasons_and_forgotten(
    control: httpx.Client, vendor: VendorCaller
) -> None:
    vendor.create_lead(Rating=9)
    told = got(control.get("/requests"))
    assert told["counts"] == {"RequestToken": 1, "CreateLead": 1}
    assert told["invalid"][0]["reasons"] == ["Rating must be one of 1, 2, 3."]
    assert [each["verdict"] for each in told["requests"]] == ["valid", "invalid"]
    assert told["peakConcurrency"] == 1
    only = got(control.get("/requests", params={"operation": "CreateLead"}))["requests"]
    assert [each["operation"] for each in only] == ["CreateLead"]
    got(control.delete("/requests"))
    assert got(control.get("/requests"))["requests"] == []


def test_leads_are_told_with_customer_and_status(
    control: httpx.Client, vendor: VendorCaller
) -> None:
    vendor.create_lead(ExternalID="e-1", VehiclePrice=25000)
    number = got(control.post("/leads", json={"account": FIRST}))["leadNumber"]
    ours, foreign = got(control.get("/leads", params={"account": FIRST}))["leads"]
    assert (ours["leadNumber"], ours["fields"]["ExternalID"]) == ("000001", "e-1")
    assert (ours["status"], ours["ours"], ours["account"]) == (10, True, FIRST)
    assert ours["customer"]["Email"] == "ann@example.com"
    assert (foreign["leadNumber"], foreign["ours"]) == (number, False)
    assert got(control.get("/leads", params={"account": SECOND}))["leads"] == []
    customers = got(control.get("/customers", params={"account": FIRST}))["customers"]
    assert [each["customerNo"] for each in customers] == ["00001", "00002"]
    assert got(control.get("/quotations", params={"account": FIRST}))["quotations"] == []


def test_staff_change_a_lead_on_the_vendors_own_pages(
    control: httpx.Client, vendor: VendorCaller
) -> None:
    number = vendor.create_lead(StockNumber="12", Rating=1)["LeadNumber"]
    edit = {"account": FIRST, "leadNumber": number, "status": 50}

    got(control.post("/lead-edits", json={**edit, "fields": {"Rating": 3, "StockNumber": "13"}}))

    detail = vendor.call("GetLeadDetail", LeadNumber=number)
    assert (detail["Rating"], detail["StockNumber"], detail["VehicleInterest"]) == (3, "13", 1)
    assert "LeadStatus" not in detail
    [lead] = got(control.get("/leads", params={"account": FIRST}))["leads"]
    assert lead["status"] == 50
    assert control.post("/lead-edits", json={**edit, "leadNumber": "9"}).status_code == 404
    assert control.post("/lead-edits", json={**edit, "status": 40}).status_code == 400


def test_stock_is_changed(control: httpx.Client, vendor: VendorCaller) -> None:
    change = {"account": FIRST, "action": "set", "stockNumber": "12", "fields": {"Price": 1.5}}
    assert got(control.post("/stock", json=change)) == {"stockNumbers": ["12"]}
    assert vendor.stock()["StockList"][0]["Price"] == 1.5
    got(control.post("/stock", json={"account": FIRST, "action": "remove", "stockNumber": "12"}))
    got(control.post("/stock", json={"account": FIRST, "action": "add"}))
    rename = {"account": FIRST, "action": "rename_yard", "code": "200", "newCode": "777"}
    got(control.post("/stock", json=rename))
    listed = got(control.get("/stock", params={"account": FIRST}))["stock"]
    assert listed == vendor.stock()["StockList"]
    assert len(listed) == 10
    assert {item["YardCode"] for item in listed} == {"100", "777"}


def test_the_clock_moves(control: httpx.Client, vendor: VendorCaller) -> None:
    vendor.create_lead()
    before = got(control.get("/clock"))["now"]
    assert got(control.post("/clock", json={"advance": 700}))["now"] >= before + 700
    assert vendor.create_lead()["Code"] == 1


def test_latency_is_set(control: httpx.Client, simulator: EasyCarsSimulator) -> None:
    assert got(control.post("/latency", json={"seconds": 0.25})) == {"seconds": 0.25}
    assert simulator.latency == 0.25


def test_time_passes_while_the_callers_clock_stands(
    simulator: EasyCarsSimulator, control: httpx.Client, vendor: VendorCaller
) -> None:
    number = vendor.create_lead()["LeadNumber"]
    created = vendor.call("GetLeadDetail", LeadNumber=number)["CreatedDateTime"]
    got(control.post("/clock", json={"letPass": 700}))
    assert vendor.call("GetLeadDetail", LeadNumber=number)["Code"] == 1
    vendor.forget_tokens()
    told = vendor.call("GetLeadDetail", LeadNumber=number)["CreatedDateTime"]
    assert seconds_of(created) - seconds_of(told) == 700
    assert simulator.leads()[0]["createdDateTime"] == told
    got(control.post("/clock", json={"advance": 60}))
    assert vendor.call("GetLeadDetail", LeadNumber=number)["CreatedDateTime"] == told


def seconds_of(text: str) -> float:
    return datetime.strptime(text, "%d/%m/%Y %H:%M:%S").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("account", "code"), [(FIRST, 1), (SECOND, 0), (None, 1)])
def test_tokens_are_revoked(
    control: httpx.Client, vendor: VendorCaller, account: str | None, code: int
) -> None:
    vendor.token(STOCK)
    got(control.post("/revoke-tokens", json={"account": account}))
    assert vendor.stock()["Code"] == code


def test_a_reset_leaves_nothing_behind(
    control: httpx.Client, vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead()
    simulator.add_fault("late_commit", seconds=40)
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead()
    simulator.add_account(default_accounts(3)[2])
    simulator.change_stock(FIRST, "remove", stockNumber="12")
    simulator.add_fault("hang")
    simulator.advance_clock(30)
    simulator.latency = 9
    got(control.post("/reset"))
    assert simulator.waiting_commits() == 0
    assert abs(simulator.clock.now() - time.time()) < 5
    assert (simulator.leads(), simulator.faults(), simulator.requests()) == ([], [], [])
    assert len(simulator.accounts()) == 2
    assert len(simulator.stock(FIRST)) == 10
    assert simulator.latency == 0
    assert vendor.create_lead()["Code"] == 1
    vendor.forget_tokens()
    assert vendor.create_lead()["LeadNumber"] == "000001"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("PUT", "/faults", None, 405),
        ("POST", "/faults", {"fault": "explode"}, 400),
        ("POST", "/faults", {"fault": "empty", "times": "x"}, 400),
        ("POST", "/accounts", {}, 400),
        ("POST", "/leads", {}, 400),
        ("POST", "/leads", {"account": "EC0"}, 404),
        ("GET", "/leads?account=EC0", None, 404),
        ("POST", "/stock", {"account": FIRST, "action": "explode"}, 400),
        ("POST", "/stock", {"account": FIRST}, 400),
        ("POST", "/clock", {"advance": "x"}, 400),
        ("POST", "/clock", {"advance": True}, 400),
        ("POST", "/clock", {"letPass": "x"}, 400),
        ("POST", "/latency", {"seconds": -1}, 400),
        ("POST", "/latency", [], 400),
    ],
)
def test_what_control_cannot_do_it_says(
    control: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    answer = control.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_control_is_not_a_request_to_the_vendor(
    control: httpx.Client, simulator: EasyCarsSimulator
) -> None:
    control.get("/leads")
    httpx.get(simulator.url)
    assert simulator.requests() == []


def test_the_page_shows_what_there_is_and_escapes_it(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    vendor.create_lead(LeadCustomer={"Name": "<script>alert(1)</script>", "Email": "a@x.au"})
    vendor.create_lead(Rating=9)
    simulator.add_fault("code", code=9, operation="UpdateLead", times=None)
    answer = httpx.get(f"{simulator.url}/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    for shown in (
        FIRST,
        SECOND,
        "000001",
        "2018 Toyota Corolla",
        "code 9",
        "always",
        "Rating must",
    ):
        assert shown in page
    assert vendor.account.account_secret not in page


def test_the_page_of_a_fresh_vendor_says_none(simulator: EasyCarsSimulator) -> None:
    assert httpx.get(f"{simulator.url}/").text.count("<p>None.</p>") == 3
