"""Each fault of the simulator over HTTP: what the caller sees, and whether it was done."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.easycars_simulator import EasyCarsSimulator, default_accounts
from local.easycars_simulator.faults import KINDS, VARIANTS
from tests.support.vendor_caller import LEAD, SMALL_LEAD, SMALL_QUOTATION, STOCK, VendorCaller


@pytest.fixture
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(2, vehicles=30)) as running:
        yield running


@pytest.fixture
def vendor(simulator: EasyCarsSimulator) -> Iterator[VendorCaller]:
    with VendorCaller(simulator) as caller:
        caller.token(LEAD)
        caller.token(STOCK)
        yield caller


def leads(simulator: EasyCarsSimulator) -> int:
    return len(simulator.leads())


@pytest.mark.parametrize("status", [400, 401, 403, 408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("acts", [False, True])
def test_an_http_status_is_html_and_may_hide_that_it_was_done(
    vendor: VendorCaller, simulator: EasyCarsSimulator, status: int, acts: bool
) -> None:
    simulator.add_fault(f"http_{status}", operation="CreateLead", acts=acts)
    answer = vendor.post("CreateLead", **SMALL_LEAD)
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Retry-After" not in answer.headers
    assert leads(simulator) == acts
    assert simulator.requests()[-1].lead_number == ("000001" if acts else None)
    assert vendor.create_lead()["Code"] == 0


def test_a_fault_per_lead_meets_the_first_request_of_each(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("http_504", operation="CreateLead", per="lead")
    simulator.add_fault("http_502", operation="UpdateLead", per="lead")
    ids = ["a", "b", "a", "b"]
    sent = [vendor.post("CreateLead", **SMALL_LEAD, ExternalID=name) for name in ids]
    assert [answer.status_code for answer in sent] == [504, 504, 200, 200]
    assert vendor.create_lead()["Code"] == 0
    numbers = ["000001", "000002", "000001", "000002"]
    changed = [vendor.post("UpdateLead", LeadNumber=number) for number in numbers]
    assert [answer.status_code for answer in changed] == [502, 502, 200, 200]


@pytest.mark.parametrize("retry_after", [7, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_is_sent(
    vendor: VendorCaller, simulator: EasyCarsSimulator, retry_after: int | str
) -> None:
    simulator.add_fault("http_429", retry_after=retry_after)
    assert vendor.post("CreateLead", **SMALL_LEAD).headers["Retry-After"] == str(retry_after)


@pytest.mark.parametrize("code", [1, 7, 9, 42])
def test_a_code_is_answered_without_doing_anything(
    vendor: VendorCaller, simulator: EasyCarsSimulator, code: int
) -> None:
    simulator.add_fault("code", code=code, message="As told.")
    assert vendor.create_lead() == {"Code": code, "ErrorMessage": "As told."}
    assert leads(simulator) == 0


def test_code_9_may_hide_that_it_was_done(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("code", code=9, acts=True)
    assert vendor.create_lead()["Code"] == 9
    assert leads(simulator) == 1


def test_a_warning_keeps_the_payload(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("code", code=5, times=2)
    created = vendor.create_lead()
    assert (created["Code"], created["LeadNumber"]) == (5, "000001")
    stock = vendor.stock()
    assert (stock["Code"], len(stock["StockList"])) == (5, 30)
    assert stock["ErrorMessage"]


def test_a_warning_can_come_without_the_payload(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("code", code=5, acts=False)
    assert "LeadNumber" not in vendor.create_lead()


def test_a_code_can_be_missing(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("code_missing", operation="CreateLead")
    assert vendor.create_lead().keys() == {"ErrorMessage"}
    assert leads(simulator) == 0


@pytest.mark.parametrize("kind", ["cut_before", "cut_after"])
def test_a_cut_says_nothing(vendor: VendorCaller, simulator: EasyCarsSimulator, kind: str) -> None:
    simulator.add_fault(kind, operation="CreateLead")
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead()
    assert leads(simulator) == (kind == "cut_after")
    assert simulator.requests()[-1].fault == kind


def test_a_cut_midway_leaves_half_of_the_answer(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("cut_midway", operation="CreateLead")
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead()
    assert leads(simulator) == 1


def test_a_late_commit_is_cut_now_and_done_later_by_the_vendors_clock(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("late_commit", operation="CreateLead", seconds=60)
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead()
    assert (leads(simulator), simulator.waiting_commits()) == (0, 1)
    assert vendor.create_lead()["LeadNumber"] == "000001"
    simulator.advance_clock(61)
    wait_until(lambda: leads(simulator) == 2)
    assert simulator.waiting_commits() == 0


def test_slow_is_done_at_once_and_answered_late(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("slow", operation="CreateLead", seconds=0.4)
    started = time.monotonic()
    assert vendor.create_lead()["Code"] == 0
    assert 0.4 <= time.monotonic() - started < 2


def test_a_caller_that_gives_up_on_a_slow_answer_left_a_lead_behind(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("slow", operation="CreateLead", seconds=30)
    vendor.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        vendor.create_lead()
    assert leads(simulator) == 1


def test_an_answer_can_drip(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("drip", operation="GetAdvertisementStocks", seconds=0.5)
    vendor.http.timeout = httpx.Timeout(0.3)
    started = time.monotonic()
    assert len(vendor.stock()["StockList"]) == 30
    assert time.monotonic() - started >= 0.4


def test_a_hang_says_nothing_and_ends_when_the_caller_or_the_vendor_goes(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("hang", operation="CreateLead", times=2)
    vendor.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        vendor.create_lead()
    vendor.http.timeout = httpx.Timeout(30)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(vendor.create_lead)
        wait_until(lambda: len(simulator.requests("CreateLead")) == 2)
        started = time.monotonic()
        simulator.stop()
        with pytest.raises(httpx.TransportError):
            waiting.result(timeout=10)
    assert time.monotonic() - started < 3
    assert leads(simulator) == 0


def test_a_hang_does_not_outlive_its_caller(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("hang", operation="CreateLead")
    vendor.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        vendor.create_lead()
    wait_until(lambda: simulator.requests()[-1].seconds > 0)


def test_a_hang_can_end_by_itself(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("hang", seconds=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead()


def test_html_comes_as_a_success(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("html", operation="GetAdvertisementStocks")
    answer = vendor.post("GetAdvertisementStocks", STOCK)
    assert answer.status_code == 200
    assert answer.text.startswith("<!DOCTYPE html>")


def test_an_answer_can_be_empty(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("empty", operation="CreateLead")
    answer = vendor.post("CreateLead", **SMALL_LEAD)
    assert (answer.status_code, answer.content) == (200, b"")


def test_json_can_stop_in_the_middle(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("truncated", operation="CreateLead")
    answer = vendor.post("CreateLead", **SMALL_LEAD)
    assert answer.text.startswith('{"LeadNumber"')
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    assert leads(simulator) == 1


@pytest.mark.parametrize(
    ("operation", "body", "missing"),
    [
        ("CreateLead", SMALL_LEAD, "LeadNumber"),
        ("CreateQuotation", SMALL_QUOTATION, "QuoteNumber"),
        ("SearchContacts", {"Name": "x"}, "Contacts"),
        ("GetAdvertisementStocks", {}, "StockList"),
    ],
)
def test_a_success_can_lack_what_was_asked_for(
    vendor: VendorCaller,
    simulator: EasyCarsSimulator,
    operation: str,
    body: dict[str, Any],
    missing: str,
) -> None:
    simulator.add_fault("success_without_number", operation=operation)
    service = STOCK if operation == "GetAdvertisementStocks" else LEAD
    answer = vendor.call(operation, service, **body)
    assert answer["Code"] == 0
    assert missing not in answer
    assert leads(simulator) == (operation == "CreateLead")


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_item_of_the_list_can_be_malformed(
    vendor: VendorCaller, simulator: EasyCarsSimulator, variant: str
) -> None:
    right = vendor.stock()["StockList"]
    simulator.add_fault("malformed_item", variant=variant, index=3)
    spoilt = vendor.stock()["StockList"]
    differing = [place for place in range(30) if spoilt[place] != right[place]]
    assert differing == [3]
    assert vendor.stock()["StockList"] == right


def test_a_token_can_expire_mid_run(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("expired_token", operation="CreateLead")
    assert vendor.create_lead() == {"Code": 1, "ErrorMessage": "Invalid token."}
    assert vendor.create_lead()["Code"] == 1
    vendor.forget_tokens()
    assert vendor.create_lead()["Code"] == 0
    assert simulator.invalid_requests() == []


def test_tokens_of_one_service_can_fail(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("http_503", operation="StockService/RequestToken")
    assert vendor.request_token(LEAD).status_code == 200
    assert vendor.request_token(STOCK).status_code == 503


def test_a_fault_of_one_account_spares_the_other(simulator: EasyCarsSimulator) -> None:
    hit, spared = simulator.accounts()
    simulator.add_fault("code", code=9, account=hit.account_number, times=None)
    with VendorCaller(simulator, hit) as vendor:
        assert vendor.request_token().json()["Code"] == 9
    with VendorCaller(simulator, spared) as vendor:
        assert vendor.create_lead()["Code"] == 0


def test_a_request_against_the_documents_is_refused_even_under_a_fault(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("cut_after", operation="CreateLead")
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.create_lead(VehicleYear="2018")
    assert leads(simulator) == 0
    assert len(simulator.invalid_requests()) == 1


def test_a_payload_fault_does_not_turn_a_refusal_into_a_success(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("code", code=5, operation="CreateLead")
    assert vendor.create_lead(VehicleYear="2018")["Code"] == 7


@pytest.mark.parametrize(
    ("kind", "options", "seen"),
    [
        ("http_404", {}, 404),
        ("html", {}, 200),
        ("cut_after", {}, None),
        ("cut_midway", {}, None),
        ("slow", {"seconds": 0.1}, 200),
    ],
)
def test_pictures_can_fail_too(
    vendor: VendorCaller,
    simulator: EasyCarsSimulator,
    kind: str,
    options: dict[str, float],
    seen: int | None,
) -> None:
    simulator.add_fault(kind, operation="Image", **options)
    url = f"{vendor.url}/publicimages/image/1/2/{'ab' * 20}"
    if seen is None:
        with pytest.raises(httpx.RemoteProtocolError):
            vendor.http.get(url)
    else:
        assert vendor.http.get(url).status_code == seen
    assert vendor.http.get(url).headers["Content-Type"].startswith("image/")


def test_cleared_faults_are_gone(vendor: VendorCaller, simulator: EasyCarsSimulator) -> None:
    simulator.add_fault("http_500", times=None)
    assert len(simulator.faults()) == 1
    simulator.clear_faults()
    assert simulator.faults() == []
    assert vendor.create_lead()["Code"] == 0


def test_chaos_by_chance_does_only_what_it_says(
    vendor: VendorCaller, simulator: EasyCarsSimulator
) -> None:
    simulator.add_fault("cut_before", operation="CreateLead", times=None, probability=0.5, seed=3)
    confirmed = 0
    for number in range(60):
        try:
            vendor.create_lead(LeadCustomer={"Name": "n", "Email": f"{number}@x.au"})
        except httpx.RemoteProtocolError:
            continue
        confirmed += 1
    assert 15 < confirmed < 45
    assert leads(simulator) == confirmed


def test_every_kind_is_played_in_this_file() -> None:
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123 - its own text
        text = file.read()
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []


def wait_until(holds: Any) -> None:
    waiting = threading.Event()
    for _ in range(250):
        if holds():
            return
        waiting.wait(0.02)
    pytest.fail("it did not come to pass within 5 seconds")
