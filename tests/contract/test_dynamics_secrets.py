"""Planted secrets and personal data never reach an error, its chain, a repr or a log."""

import logging
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from forecourt.dynamics.session import Request
from forecourt.dynamics.verdict import Operation
from forecourt.errors import ForecourtError
from forecourt.network.exchange import Answer, Call
from tests.support.dataverse_script import (
    CONNECTION,
    ORG,
    ScriptedDataverse,
    Step,
    created,
    refusal,
    token,
)

FIELDS = {
    "lastname": "Nguyễn",
    "emailaddress1": "zoe@mail.example",
    "telephone1": "+61 412 345 678",
    "description": "Is it still for sale?",
    "companyname": "Planted Pty Ltd",
}
SECRETS = ["planted secret", "planted+secret", "planted%20secret", "planted-token"]
PERSONAL = [*FIELDS.values(), "mail.example"]
ECHO = (
    f"Client planted secret/+&= (planted+secret%2F) with Bearer planted-token-1 sent {FIELDS!r}: "
    "the property 'Nguyễn' of zoe@mail.example, duplicate of Planted Pty Ltd"
)
ECHOED = {
    "@Microsoft.PowerApps.CDS.TraceText": ECHO,
    "@Microsoft.PowerApps.CDS.InnerError.Message": ECHO,
}
CODES = ["0x80040333", "0x80060892", "0x80040237", "0x80044331", "0x8004431a", "0x80048d19",
         "0x80060888", "0x80040220", "0x80044150", "0x80072322", "", "0x80040203"]  # fmt: skip
STATUSES = [400, 401, 403, 404, 412, 413, 429, 500, 503]


def echoing(status: int, code: str) -> Callable[[], Step]:
    return lambda: refusal(status, code, ECHO, **ECHOED)


FAILURES: dict[str, Callable[[], Step]] = {
    **{f"{status} {code}": echoing(status, code) for status in STATUSES for code in CODES},
    "code of text": lambda: refusal(400, ECHO, ECHO),
    "no error": lambda: httpx.Response(400, json={"error": ECHO, "message": ECHO}),
    "text": lambda: httpx.Response(400, text=ECHO),
    "html": lambda: httpx.Response(200, text=f"<html>{ECHO}</html>"),
    "redirect": lambda: httpx.Response(302, headers={"Location": f"/?{ECHO!a}"}),
    "broken gzip": lambda: httpx.Response(
        200,
        headers={"Content-Encoding": "gzip"},
        stream=httpx.ByteStream(ECHO.encode()),
    ),
    "connect": lambda: httpx.ConnectError(ECHO),
    "time-out": lambda: httpx.ReadTimeout(ECHO),
    "cut": lambda: httpx.RemoteProtocolError(ECHO),
}
TOKEN_FAILURES: dict[str, Callable[[], Step]] = {
    "invalid client": lambda: httpx.Response(
        401, json={"error": "invalid_client", "error_description": f"AADSTS7000215: {ECHO}"}
    ),
    "error of text": lambda: httpx.Response(400, json={"error": ECHO, "error_description": ECHO}),
    "503": lambda: httpx.Response(503, text=ECHO),
    "html": lambda: httpx.Response(200, text=ECHO),
    "no token": lambda: httpx.Response(200, json={"token": ECHO}),
    "a token that is none": lambda: token(1, access_token=ECHO),
    "connect": lambda: httpx.ConnectError(ECHO),
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


def found(text: str, planted: list[str]) -> list[str]:
    return [each for each in planted if each.casefold() in text.casefold()]


@pytest.mark.parametrize("write", [ScriptedDataverse.upsert, ScriptedDataverse.update])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_write_tells_nothing_it_sent(
    write: Any, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dataverse = ScriptedDataverse()
    dataverse.will(*[FAILURES[failure]() for _ in range(3)])

    with pytest.raises(ForecourtError) as raised:
        write(dataverse, FIELDS, duplicate_detection=True)

    assert found(everything_written(raised.value, caplog), SECRETS + PERSONAL) == []


@pytest.mark.parametrize("failure", TOKEN_FAILURES)
def test_a_denied_token_tells_nothing_that_was_sent(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dataverse = ScriptedDataverse()
    dataverse.token_steps.append(TOKEN_FAILURES[failure]())

    with pytest.raises(ForecourtError) as raised:
        dataverse.upsert(FIELDS)

    written = everything_written(raised.value, caplog)
    assert found(written, [*SECRETS, *PERSONAL, CONNECTION.client_id]) == []


@pytest.mark.parametrize("failure", ["500 ", "html", "time-out", "text"])
def test_a_failing_search_tells_no_email(failure: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    dataverse = ScriptedDataverse()
    dataverse.will(FAILURES[failure]())

    with pytest.raises(ForecourtError) as raised:
        dataverse.setup.find_leads_by_email(CONNECTION, FIELDS["emailaddress1"], seconds=5.0)

    written = everything_written(raised.value, caplog)
    assert found(written, [*SECRETS, *PERSONAL, "zoe%40mail"]) == []


def test_a_write_that_works_logs_nothing_it_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="msal")  # which our own set-up of logs quietens
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(401), created())

    dataverse.upsert(FIELDS)

    assert "msal" in {record.name.split(".")[0] for record in caplog.records}
    assert found(caplog.text, [*SECRETS, *PERSONAL, ORG.removeprefix("https://") + "/api"]) == []


def test_nothing_on_the_way_shows_in_a_repr() -> None:
    request = Request(
        operation=Operation(name="Upsert"), method="PATCH", path="leads('zoe@mail.example')",
        fields=FIELDS,
    )  # fmt: skip
    call = Call(
        url="https://x.example/?$filter=zoe@mail.example", answer_by=1.0, silence_seconds=1.0,
        headers={"Authorization": "Bearer planted-token"}, answer_bytes=1,
        content=b"zoe@mail.example", query={"ClientSecret": "planted secret"},
    )  # fmt: skip
    answer = Answer(
        status=200, body=bytearray(b'{"access_token":"planted-token"}'), retry_after=None,
        headers={"Set-Cookie": "planted-token"},
    )  # fmt: skip
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    written = dataverse.upsert(FIELDS)

    told = repr([request, call, answer, written, CONNECTION, dataverse.client])
    assert found(told, SECRETS + PERSONAL) == []


def test_no_library_exception_hangs_in_the_chain_of_an_error() -> None:
    dataverse = ScriptedDataverse()
    dataverse.token_steps.append(httpx.ConnectTimeout("no"))

    with pytest.raises(ForecourtError) as raised:
        dataverse.upsert()

    assert [link for link in chain(raised.value) if isinstance(link, httpx.HTTPError)] == []
