"""What each answer of the vendor means, per kind of operation (reference 1.3, design 5.1.4)."""

from collections.abc import Callable
from datetime import date

import httpx
import pytest

from forecourt.easycars.lead_mapping import create_lead_fields, update_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest, UpdateLeadRequest
from forecourt.easycars.quotation_messages import CreateQuotationRequest
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from tests.support.easycars import CREDENTIALS, LEAD, ScriptedVendor, Step

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))
UPDATE = UpdateLeadRequest.from_fields({"LeadNumber": "000017", **update_lead_fields(LEAD)})
QUOTATION = CreateQuotationRequest.from_fields(
    {
        "YardCode": "100",
        "VehicleMake": "Volvo",
        "VehicleModel": "V90",
        "VehicleType": 1,
        "IsVehicleNew": False,
        "VehicleYear": 2020,
        "QuoteDate": "01/03/2026",
        "BasePrice": "40000.10",
        "SellingPrice": "45990",
        "RegoState": "NSW",
        "QuotationCustomer1": {"CustomerNo": "00004"},
    }
)

CALLS: dict[str, Callable[[ScriptedVendor], object]] = {
    "CreateLead": lambda vendor: vendor.client.create_lead(CREDENTIALS, CREATE),
    "UpdateLead": lambda vendor: vendor.client.update_lead(CREDENTIALS, UPDATE),
    "CreateQuotation": lambda vendor: vendor.client.create_quotation(CREDENTIALS, QUOTATION),
    "GetLeadDetail": lambda vendor: vendor.client.get_lead_detail(CREDENTIALS, "000017"),
    "SearchContacts": lambda vendor: vendor.client.search_contacts(CREDENTIALS, email="a@b.c"),
    "GetAdvertisementStocks": lambda vendor: vendor.client.fetch_stock(CREDENTIALS),
}
CHANGES = ("CreateLead", "UpdateLead", "CreateQuotation")
READS = ("GetLeadDetail", "SearchContacts", "GetAdvertisementStocks")

REQUEST = httpx.Request("POST", "https://testmy.easycars.example/")

UNSURE: dict[str, Callable[[], Step]] = {
    "HTTP_500": lambda: httpx.Response(500),
    "HTTP_502": lambda: httpx.Response(502, text="<html>bad gateway</html>"),
    "HTTP_503": lambda: httpx.Response(503),
    "HTTP_504": lambda: httpx.Response(504),
    "HTTP_520": lambda: httpx.Response(520),
    "HTTP_408": lambda: httpx.Response(408),
    "HTTP_302": lambda: httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
    "VENDOR_SYSTEM_ERROR": lambda: {"Code": 9, "ErrorMessage": "Object reference not set"},
    "VENDOR_CODE_42": lambda: {"Code": 42, "ErrorMessage": "?"},
    "UNREADABLE_ANSWER": lambda: httpx.Response(200, text="<html>maintenance</html>"),
    "TIMEOUT": lambda: httpx.ReadTimeout("slow", request=REQUEST),
    "CONNECTION_CUT": lambda: httpx.RemoteProtocolError("cut", request=REQUEST),
}


def fail(vendor: ScriptedVendor, operation: str) -> ForecourtError:
    with pytest.raises(ForecourtError) as failure:
        CALLS[operation](vendor)
    return failure.value


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize("code", UNSURE)
def test_a_change_that_was_sent_is_unknown_and_never_repeated(operation: str, code: str) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, UNSURE[code]())

    error = fail(vendor, operation)

    assert type(error) is OutcomeUnknownError
    assert error.code == code
    assert vendor.operations() == ["RequestToken", operation]


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("code", UNSURE)
def test_the_same_answers_leave_a_read_retryable(operation: str, code: str) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, *(UNSURE[code]() for _ in range(3)))

    error = fail(vendor, operation)

    assert type(error) is RetryableError
    assert error.code == code


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"Code"',
        b"{",
        b"{}",
        b'{"Code":null,"LeadNumber":"000017"}',
        b'{"Code":true,"LeadNumber":"000017"}',
        b'{"Code":"five"}',
        b'{"Code":0.5}',
        b"[" * 100_000,
    ],
)
def test_an_answer_without_a_readable_code_leaves_a_change_unknown(
    operation: str, body: bytes
) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, httpx.Response(200, content=body))

    error = fail(vendor, operation)

    assert type(error) is OutcomeUnknownError
    assert error.code == "UNREADABLE_ANSWER"


@pytest.mark.parametrize("code", [0, 5])
@pytest.mark.parametrize("number", [{}, {"LeadNumber": None}, {"LeadNumber": " "}])
def test_a_create_without_its_number_is_unknown(code: int, number: dict[str, object]) -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"Code": code, "ErrorMessage": None, **number})

    error = fail(vendor, "CreateLead")

    assert type(error) is OutcomeUnknownError
    assert error.code == "MISSING_PAYLOAD"


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("no", request=REQUEST),
        httpx.ConnectTimeout("no", request=REQUEST),
        httpx.PoolTimeout("no", request=REQUEST),
    ],
)
@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_that_never_left_is_retryable(operation: str, failure: Exception) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, failure)

    error = fail(vendor, operation)

    assert type(error) is RetryableError
    assert error.code == "CONNECT_FAILED"
    assert vendor.operations() == ["RequestToken", operation]


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_turned_away_by_429_is_retryable_after_what_was_asked(operation: str) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, httpx.Response(429, headers={"Retry-After": "17"}))

    error = fail(vendor, operation)

    assert type(error) is RetryableError
    assert (error.code, error.retry_after) == ("HTTP_429", 17.0)
    assert vendor.operations() == ["RequestToken", operation]


@pytest.mark.parametrize("operation", [*CHANGES, *READS])
@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: {"Code": 7, "ErrorMessage": "Invalid model."}, "VENDOR_REFUSED"),
        (lambda: httpx.Response(400, json={"Code": 7, "ErrorMessage": "Invalid"}), "HTTP_400"),
        (lambda: httpx.Response(404, text="<html>not here</html>"), "HTTP_404"),
        (lambda: httpx.Response(422), "HTTP_422"),
    ],
)
def test_a_refusal_is_permanent_and_asked_once(
    operation: str, answer: Callable[[], Step], code: str
) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, answer())

    error = fail(vendor, operation)

    assert type(error) is PermanentError
    assert error.code == code
    assert vendor.operations() == ["RequestToken", operation]


@pytest.mark.parametrize("code", [0, 5, 9, 42])
def test_a_refusing_status_with_a_code_that_denies_it_leaves_a_create_unknown(code: int) -> None:
    vendor = ScriptedVendor()
    vendor.will(
        "CreateLead",
        httpx.Response(400, json={"Code": code, "LeadNumber": "000017", "ErrorMessage": None}),
    )

    assert type(fail(vendor, "CreateLead")) is OutcomeUnknownError


def test_a_read_refused_by_status_and_code_9_is_retryable() -> None:
    vendor = ScriptedVendor()
    vendor.will("GetLeadDetail", *([httpx.Response(400, json={"Code": 9})] * 3))

    assert type(fail(vendor, "GetLeadDetail")) is RetryableError


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("code", [0, 5])
@pytest.mark.parametrize("payload", [{}, {"LeadNumber": None, "Contacts": None, "StockList": None}])
def test_a_read_without_its_payload_failed(
    operation: str, code: int, payload: dict[str, object]
) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, {"Code": code, "ErrorMessage": None, **payload})

    error = fail(vendor, operation)

    assert type(error) is PermanentError
    assert error.code == "MISSING_PAYLOAD"


@pytest.mark.parametrize("payload", ["text", {"a": 1}, 3, True])
def test_a_list_of_the_wrong_type_is_no_list(payload: object) -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", {"Code": 0, "Contacts": payload})
    vendor.will("GetAdvertisementStocks", {"Code": 0, "StockList": payload})

    assert fail(vendor, "SearchContacts").code == "MISSING_PAYLOAD"
    assert fail(vendor, "GetAdvertisementStocks").code == "MISSING_PAYLOAD"


@pytest.mark.parametrize("operation", [*CHANGES, *READS])
@pytest.mark.parametrize(
    "refusal",
    [
        lambda: {"Code": 1, "ErrorMessage": "Invalid token."},
        lambda: {"Code": "1", "ErrorMessage": "Invalid token."},
        lambda: httpx.Response(401),
        lambda: httpx.Response(403, text="<html>"),
        lambda: httpx.Response(400, json={"Code": 1, "ErrorMessage": "Invalid token."}),
    ],
)
def test_a_second_refusal_of_the_credentials_is_an_authentication_error(
    operation: str, refusal: Callable[[], Step]
) -> None:
    vendor = ScriptedVendor()
    vendor.will(operation, refusal(), refusal())

    error = fail(vendor, operation)

    assert type(error) is AuthenticationError
    assert error.code == "AUTHENTICATION_FAILED"
    assert vendor.operations() == ["RequestToken", operation, "RequestToken", operation]


def test_code_1_on_request_token_is_an_authentication_error_at_once() -> None:
    vendor = ScriptedVendor()
    vendor.will("RequestToken", {"Token": None, "Code": 1, "ErrorMessage": "Invalid client."})

    error = fail(vendor, "CreateLead")

    assert type(error) is AuthenticationError
    assert vendor.operations() == ["RequestToken"]


def test_a_create_answers_its_number_and_the_customers() -> None:
    vendor = ScriptedVendor()
    vendor.will(
        "CreateLead",
        {"LeadNumber": "000017", "CustomerNo": "00004", "Code": 0, "ErrorMessage": None},
    )

    receipt = vendor.client.create_lead(CREDENTIALS, CREATE)

    assert (receipt.lead_number, receipt.customer_no) == ("000017", "00004")
    assert receipt.warning is None


def test_code_5_with_its_payload_is_a_success_with_a_warning() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"LeadNumber": "000018", "Code": 5, "ErrorMessage": "No such stock"})
    vendor.will(
        "GetAdvertisementStocks", {"StockList": [{}], "Code": 5, "ErrorMessage": "Old prices"}
    )

    receipt = vendor.client.create_lead(CREDENTIALS, CREATE)
    feed = vendor.client.fetch_stock(CREDENTIALS)

    assert receipt.lead_number == "000018"
    assert receipt.warning == "Code 5: No such stock"
    assert (len(feed.items), feed.warning) == (1, "Code 5: Old prices")


def test_an_update_succeeds_by_code_0_alone_and_by_code_5_only_with_the_number() -> None:
    vendor = ScriptedVendor()
    vendor.will("UpdateLead", {"Code": 0, "ErrorMessage": None}, {"Code": 5})

    assert vendor.client.update_lead(CREDENTIALS, UPDATE).lead_number is None
    assert type(fail(vendor, "UpdateLead")) is OutcomeUnknownError


def test_a_quotation_answers_its_numbers() -> None:
    vendor = ScriptedVendor()
    vendor.will(
        "CreateQuotation",
        {"QuoteNumber": "000010", "CustomerNo1": "00005", "CustomerNo2": "", "Code": 0},
    )

    numbers = vendor.client.create_quotation(CREDENTIALS, QUOTATION)

    assert numbers.quote_number == "000010"
    assert (numbers.customer_no_1, numbers.customer_no_2) == ("00005", None)


def test_contacts_that_cannot_be_read_still_count() -> None:
    vendor = ScriptedVendor()
    vendor.will("SearchContacts", {"Contacts": [], "Code": 0})
    vendor.will("SearchContacts", {"Contacts": ["?", {"CustomerNo": 4, "ABN": ""}], "Code": 0})

    assert vendor.client.search_contacts(CREDENTIALS, phone="0412345678") == []
    unreadable, contact = vendor.client.search_contacts(CREDENTIALS, name="Zoë")
    assert unreadable.customer_no is None
    assert (contact.customer_no, contact.abn) == ("4", None)


def test_a_lead_detail_is_tolerant_and_keeps_the_answer() -> None:
    vendor = ScriptedVendor()
    body = (
        rb'{"LeadNumber":"000038","VehiclePrice":25000.0000,"VehicleType":"1","Rating":"",'
        rb'"VehicleYear":2018.0,"IsVehicleNew":"true","FinanceStatus":{"odd":1},"Notes":"a\u0000b",'
        rb'"CustomerNo":4,"NewField":[1],"LeadStatus":30,"Code":0,"ErrorMessage":null}'
    )
    vendor.will("GetLeadDetail", httpx.Response(200, content=b"\xef\xbb\xbf" + body))

    detail = vendor.client.get_lead_detail(CREDENTIALS, "000038")

    assert str(detail.vehicle_price) == "25000.0000"
    assert (detail.vehicle_type, detail.vehicle_year, detail.is_vehicle_new) == (1, 2018, True)
    assert (detail.rating, detail.finance_status, detail.customer_no) == (None, None, "4")
    assert detail.lead_status == 30
    assert '"VehiclePrice":25000.0000' in detail.raw_json
    assert '"Notes":"ab"' in detail.raw_json
    assert '"NewField":[1]' in detail.raw_json
