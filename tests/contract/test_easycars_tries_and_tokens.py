"""What is repeated in place, what never is, and how tokens are shared."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.easycars.tokens import Service
from forecourt.errors import AuthenticationError, RetryableError
from tests.support.easycars import BASE_URLS, CREDENTIALS, LEAD, ScriptedVendor, jwt, with_secret

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))
CREATED = {"LeadNumber": "000017", "CustomerNo": "00004", "Code": 0}
NO_CONTACTS = {"Contacts": [], "Code": 0}
EXPIRED = {"Code": 1, "ErrorMessage": "Invalid token."}


def search(vendor: ScriptedVendor, *, deadline: float | None = None) -> object:
    return vendor.client.search_contacts(CREDENTIALS, email="a@b.c", deadline=deadline)


def test_a_read_is_repeated_after_growing_random_pauses() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.Response(500), {"Code": 9}, NO_CONTACTS)

    assert search(vendor) == []

    first, second = vendor.pauses
    assert 0.25 <= first <= 0.5
    assert 0.5 <= second <= 1.0


def test_a_read_is_given_up_after_three_tries() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", *([httpx.Response(500)] * 4))

    with pytest.raises(RetryableError):
        search(vendor)

    assert vendor.operations().count("SearchContacts") == 3


def test_a_time_out_of_a_read_is_not_repeated() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.ReadTimeout("slow"))

    with pytest.raises(RetryableError, match="TIMEOUT"):
        search(vendor)

    assert vendor.operations() == ["RequestToken", "SearchContacts"]


def test_a_short_retry_after_is_kept_to() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.Response(429, headers={"Retry-After": "7"}), NO_CONTACTS)

    assert search(vendor) == []
    assert 7.0 < vendor.pauses[0] < 8.0


def test_a_retry_after_too_long_to_wait_for_is_handed_on() -> None:
    in_years = format_datetime(datetime.now(UTC) + timedelta(days=4000))
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.Response(429, headers={"Retry-After": in_years}))

    with pytest.raises(RetryableError) as failure:
        search(vendor)

    assert failure.value.retry_after == 86_400.0
    assert vendor.pauses == []


@pytest.mark.parametrize("header", ["soon", "-3", "", "²"])
def test_a_retry_after_that_says_nothing_is_ignored(header: str) -> None:
    vendor = ScriptedVendor()
    refusal = httpx.Response(429, headers=[(b"Retry-After", header.encode())])
    vendor.will("CreateLead", refusal)

    with pytest.raises(RetryableError) as failure:
        vendor.client.create_lead(CREDENTIALS, CREATE)

    assert failure.value.retry_after is None


def test_a_pause_that_would_pass_the_deadline_ends_the_tries() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", httpx.Response(503, headers={"Retry-After": "20"}), NO_CONTACTS)

    with pytest.raises(RetryableError) as failure:
        search(vendor, deadline=time.monotonic() + 10)

    assert failure.value.retry_after == 20.0
    assert vendor.pauses == []


def test_nothing_is_sent_when_no_time_is_left() -> None:
    vendor = ScriptedVendor()

    with pytest.raises(RetryableError, match="NO_TIME_LEFT"):
        vendor.client.create_lead(CREDENTIALS, CREATE, deadline=time.monotonic() - 1)

    assert vendor.seen == []


def test_buying_the_token_of_a_create_is_repeated_as_it_creates_nothing() -> None:
    vendor = ScriptedVendor()
    vendor.will("RequestToken", httpx.Response(500), httpx.ConnectError("no"))
    vendor.will("CreateLead", CREATED)

    assert vendor.client.create_lead(CREDENTIALS, CREATE).lead_number == "000017"
    assert vendor.operations() == [*["RequestToken"] * 3, "CreateLead"]


def test_a_token_that_cannot_be_bought_leaves_a_create_not_done() -> None:
    vendor = ScriptedVendor()
    vendor.will("RequestToken", httpx.ReadTimeout("slow"))

    with pytest.raises(RetryableError, match="TIMEOUT"):
        vendor.client.create_lead(CREDENTIALS, CREATE)


@pytest.mark.parametrize("token", ["two words", "line\r\nbreak", "ünïcode", 17])
def test_a_token_that_cannot_stand_in_a_header_is_unreadable(token: object) -> None:
    vendor = ScriptedVendor()
    vendor.will("RequestToken", *([{"Token": token, "Code": 0}] * 3))

    with pytest.raises(RetryableError, match="UNREADABLE_ANSWER"):
        search(vendor)


def test_a_token_is_kept_and_used_again() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", NO_CONTACTS, NO_CONTACTS)

    search(vendor)
    search(vendor)

    assert vendor.operations() == ["RequestToken", "SearchContacts", "SearchContacts"]


def test_a_refused_token_is_renewed_once_and_a_create_repeated_with_it() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", EXPIRED, CREATED)

    assert vendor.client.create_lead(CREDENTIALS, CREATE).lead_number == "000017"

    used = [headers["authorization"] for name, _, _, headers in vendor.seen if name == "CreateLead"]
    assert used == [f"Bearer {token}" for token in vendor.tokens]
    assert len(set(used)) == 2


def test_a_read_gets_one_new_token_however_often_it_is_repeated() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", EXPIRED, httpx.Response(500), EXPIRED)

    with pytest.raises(AuthenticationError):
        search(vendor)

    assert vendor.operations().count("RequestToken") == 2


def test_test_connection_asks_past_the_cache() -> None:
    vendor = ScriptedVendor()

    first = vendor.client.request_token(CREDENTIALS)
    second = vendor.client.request_token(CREDENTIALS, Service.LEAD)

    assert [service for _, service, *_ in vendor.seen] == ["StockService", "LeadService"]
    assert first.value != second.value
    assert first.expires_at == pytest.approx(time.time() + 600, abs=5)
    assert jwt(0)[:20] not in repr(first)


def test_a_wrong_secret_does_not_work_with_the_token_of_the_right_one() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", NO_CONTACTS)
    search(vendor)
    vendor.will("RequestToken", EXPIRED)

    with pytest.raises(AuthenticationError):
        vendor.client.search_contacts(with_secret(client_secret="wrong"), email="a@b.c")


def test_ten_threads_buy_one_token_and_work_at_once() -> None:
    together = threading.Barrier(10, timeout=10)
    bought: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/RequestToken"):
            bought.append(time.monotonic())
            time.sleep(0.1)
            return httpx.Response(200, json={"Token": jwt(1), "Code": 0})
        together.wait()
        return httpx.Response(200, json=CREATED)

    client = EasyCarsClient(BASE_URLS, transport=httpx.MockTransport(answer))

    with ThreadPoolExecutor(10) as threads:
        receipts = list(threads.map(lambda _: client.create_lead(CREDENTIALS, CREATE), range(10)))

    assert [receipt.lead_number for receipt in receipts] == ["000017"] * 10
    assert len(bought) == 1
