"""Planted secrets and personal data never reach an error, its chain, a traceback or a log."""

import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import date

import httpx
import pytest

from forecourt.easycars.lead_mapping import create_lead_fields
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.errors import ForecourtError
from tests.support.easycars import CREDENTIALS, LEAD, ScriptedVendor, Step, jwt

CREATE = CreateLeadRequest.from_fields(create_lead_fields(LEAD, today=date(2026, 3, 1)))
SECRETS = [
    "6f1c7f0e-planted-client-id",
    "b2d4 planted/client+secret&",
    "b2d4%20planted",
    "b2d4+planted",
    "EC900001",
    "planted-account-secret",
    jwt(0)[:40],
    "signature0",
]
CONTACT = ["Zoë", "Nguyen", "zoe@mail.example", "0412345678", "0412 345 678"]
MESSAGE = ["Is it still for sale?"]
PHONE = "0412345678"
ECHO = (
    "Client 6F1C7F0E-PLANTED-CLIENT-ID with b2d4 planted/client+secret& / "
    "ClientSecret=b2d4%20planted%2Fclient%2Bsecret%26 on account EC900001 "
    f"'planted-account-secret' bearer {jwt(0)}: customer ZOË of the Nguyen family, "
    "zoe@mail.example, 0412345678, 0412 345 678, said 'Is it still for sale?'"
)


def echoing(code: int) -> Callable[[], Step]:
    return lambda: {"Code": code, "ErrorMessage": ECHO, "StockList": None}


FAILURES: dict[str, Callable[[], Step]] = {
    "code 1": echoing(1),
    "code 7": echoing(7),
    "code 9": echoing(9),
    "unknown code": echoing(77),
    "no payload": echoing(0),
    "http 400": lambda: httpx.Response(400, json={"Code": 7, "ErrorMessage": ECHO}),
    "http 401": lambda: httpx.Response(401, text=ECHO),
    "http 404": lambda: httpx.Response(404, text=ECHO),
    "http 429": lambda: httpx.Response(429, text=ECHO),
    "http 500": lambda: httpx.Response(500, text=ECHO),
    "redirect": lambda: httpx.Response(302, headers={"Location": f"/?{ECHO!a}"}),
    "html": lambda: httpx.Response(200, text=f"<html>{ECHO}</html>"),
    "object message": lambda: {"Code": 7, "ErrorMessage": {"Email": ECHO}},
    "connect": lambda: httpx.ConnectError(ECHO),
    "timeout": lambda: httpx.ReadTimeout(ECHO),
    "cut": lambda: httpx.RemoteProtocolError(ECHO),
    "broken gzip": lambda: httpx.Response(
        200,
        headers={"Content-Encoding": "gzip"},
        stream=httpx.ByteStream(ECHO.encode()),
    ),
}


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def everything_written(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    logging.getLogger("a caller").error("it failed", exc_info=error)
    return "\n".join(
        [
            *(repr(link) + str(link) + str(vars(link)) for link in chain(error)),
            "".join(traceback.format_exception(error)),
            caplog.text,
        ]
    )


def found(planted: list[str], text: str) -> list[str]:
    return [secret for secret in planted if secret.casefold() in text.casefold()]


CALLS: dict[str, tuple[Callable[[ScriptedVendor], object], list[str]]] = {
    "RequestToken": (lambda vendor: vendor.client.request_token(CREDENTIALS), SECRETS),
    "GetAdvertisementStocks": (lambda vendor: vendor.client.fetch_stock(CREDENTIALS), SECRETS),
    "SearchContacts": (
        lambda vendor: vendor.client.search_contacts(
            CREDENTIALS, name=LEAD.name, email=LEAD.email, phone=PHONE
        ),
        SECRETS + CONTACT,
    ),
    "CreateLead": (
        lambda vendor: vendor.client.create_lead(CREDENTIALS, CREATE),
        SECRETS + CONTACT + MESSAGE,
    ),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_call_tells_nothing_it_sent(
    operation: str, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    call, sent = CALLS[operation]
    vendor = ScriptedVendor()
    vendor.will(operation, *(FAILURES[failure]() for _ in range(3)))

    with pytest.raises(ForecourtError) as raised:
        call(vendor)

    assert found(sent, everything_written(raised.value, caplog)) == []


def test_no_library_exception_hangs_in_the_chain_of_an_error() -> None:
    vendor = ScriptedVendor()
    vendor.will("RequestToken", httpx.ConnectTimeout("no"))

    with pytest.raises(ForecourtError) as raised:
        vendor.client.request_token(CREDENTIALS)

    assert [link for link in chain(raised.value) if isinstance(link, httpx.HTTPError)] == []


def test_a_warning_tells_no_personal_data() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"LeadNumber": "000017", "Code": 5, "ErrorMessage": ECHO})

    receipt = vendor.client.create_lead(CREDENTIALS, CREATE)

    assert receipt.warning
    assert found(SECRETS + CONTACT + MESSAGE, receipt.warning) == []


def test_a_refused_request_names_the_field_and_not_its_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fields = create_lead_fields(LEAD, today=date(2026, 3, 1))
    fields["LeadCustomer"] = {"Name": "Zoë Nguyen " * 20, "Email": LEAD.email}

    with pytest.raises(ForecourtError, match=r"LeadCustomer\.Name: may be at most 100") as raised:
        CreateLeadRequest.from_fields(fields)

    assert found(CONTACT[:3], raised.value.detail) == []
    assert found(CONTACT[2:], everything_written(raised.value, caplog)) == []


def test_a_long_message_is_cut() -> None:
    vendor = ScriptedVendor()
    vendor.will("CreateLead", {"Code": 7, "ErrorMessage": "stack trace " * 10_000})

    with pytest.raises(ForecourtError) as raised:
        vendor.client.create_lead(CREDENTIALS, CREATE)

    assert len(raised.value.detail) < 400
