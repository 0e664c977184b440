"""What each answer of Dataverse means, row by row of the reference (1.3, 1.4, 1.6 and 1.7)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from forecourt.dynamics.client import Written
from forecourt.errors import (
    AuthenticationError,
    ForecourtError,
    OutcomeUnknownError,
    PermanentError,
    RetryableError,
)
from tests.support.dataverse_script import (
    BY_KEY,
    DATA,
    LEAD_ID,
    ScriptedDataverse,
    Step,
    created,
    refusal,
)

type Write = Callable[[ScriptedDataverse], Written]

UPSERT: Write = ScriptedDataverse.upsert
UPDATE: Write = ScriptedDataverse.update
WRITES = pytest.mark.parametrize("write", [UPSERT, UPDATE], ids=["upsert", "update"])
OTHER = "9d1f5b9e-2f4d-4b53-8f6a-0000000000aa"

# status, code, what it is, the reason
REFUSALS: list[tuple[int, str, type[ForecourtError], str]] = [
    (400, "", PermanentError, "REQUEST_REFUSED"),
    (400, "0x0", PermanentError, "REQUEST_REFUSED"),
    (400, "0x80044331", PermanentError, "TEXT_TOO_LONG"),
    (400, "0x8004431A", PermanentError, "OPTION_REFUSED"),
    (400, "0x80048d19", PermanentError, "REQUEST_REFUSED"),
    (400, "0x80040216", PermanentError, "REQUEST_REFUSED"),
    (403, "", AuthenticationError, "PRIVILEGE_MISSING"),
    (403, "0x80040220", AuthenticationError, "PRIVILEGE_MISSING"),
    (403, "0x80048306", AuthenticationError, "PRIVILEGE_MISSING"),
    (403, "0x80072560", AuthenticationError, "TOKEN_REFUSED"),
    (404, "0x8006088a", PermanentError, "WRONG_ADDRESS"),
    (405, "", PermanentError, "WRONG_ADDRESS"),
    (409, "", PermanentError, "REQUEST_REFUSED"),
    (412, "", PermanentError, "REQUEST_REFUSED"),
    (412, "0x80060882", PermanentError, "REQUEST_REFUSED"),
    (412, "0x80040237", PermanentError, "UNIQUENESS_REFUSED"),
    (412, "0x80040333", PermanentError, "DUPLICATE_FOUND"),
    (500, "0x80040333", PermanentError, "DUPLICATE_FOUND"),
    (413, "", PermanentError, "TOO_LARGE"),
    (429, "0x80072322", RetryableError, "RATE_LIMITED"),
    (429, "0x80072321", RetryableError, "RATE_LIMITED"),
    (429, "0x80072326", RetryableError, "RATE_LIMITED"),
    (429, "", RetryableError, "RATE_LIMITED"),
    (429, "0x80040333", RetryableError, "RATE_LIMITED"),
    (500, "0x80044150", RetryableError, "SQL_BUSY"),
    (500, "0x80044151", RetryableError, "SQL_BUSY"),
]
UNSURE: dict[str, tuple[str, Callable[[], Step]]] = {
    "500": ("SERVER_ERROR", lambda: refusal(500, "0x80040216")),
    "500, no code": ("SERVER_ERROR", lambda: httpx.Response(500, text="<html>oops</html>")),
    "520": ("SERVER_ERROR", lambda: httpx.Response(520)),
    "502": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(502, text="<html>bad gateway</html>")),
    "503": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(503)),
    "504": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(504)),
    "408": ("VENDOR_AWAY_HTTP", lambda: httpx.Response(408)),
    "time-out": ("TIMEOUT", lambda: httpx.ReadTimeout("slow")),
    "cut": ("CONNECTION_CUT", lambda: httpx.RemoteProtocolError("cut")),
    "cut while sending": ("CONNECTION_CUT", lambda: httpx.WriteError("cut")),
    "huge": ("ANSWER_TOO_LARGE", lambda: httpx.Response(200, content=b" " * 1_000_001)),
    "no JSON": ("UNREADABLE_ANSWER", lambda: httpx.Response(200, text="<html>sign in</html>")),
    "a list": ("UNREADABLE_ANSWER", lambda: httpx.Response(200, json=[1])),
    "half": ("UNREADABLE_ANSWER", lambda: httpx.Response(201, content=b'{"leadid":"7c')),
}


def fail(write: Write, *steps: Step) -> ForecourtError:
    dataverse = ScriptedDataverse()
    dataverse.will(*steps)
    with pytest.raises(ForecourtError) as failure:
        write(dataverse)
    assert not dataverse.steps
    return failure.value


@WRITES
@pytest.mark.parametrize(("status", "code", "kind", "reason"), REFUSALS)
def test_a_refusal_is_judged_by_code_and_status(
    write: Write, status: int, code: str, kind: type[ForecourtError], reason: str
) -> None:
    asks_why = [{"statecode": 0}] if reason == "REQUEST_REFUSED" else []

    error = fail(write, refusal(status, code), *asks_why)

    assert (type(error), error.code, error.target) == (kind, reason, "Dynamics")
    assert f"HTTP {status}" in error.detail


@pytest.mark.parametrize("status", [400, 404])
def test_an_upsert_without_its_key_says_so_and_an_update_needs_none(status: int) -> None:
    by_key, by_id = (fail(write, refusal(status, "0x80060888")) for write in (UPSERT, UPDATE))

    assert (type(by_key), by_key.code) == (PermanentError, "KEY_NOT_ACTIVE")
    assert "alternate key" in by_key.detail
    assert (type(by_id), by_id.code) == (PermanentError, "WRONG_ADDRESS")


@pytest.mark.parametrize("case", UNSURE)
def test_an_upsert_of_unknown_outcome_may_be_sent_again(case: str) -> None:
    reason, step = UNSURE[case]

    error = fail(UPSERT, step())

    assert (type(error), error.code) == (RetryableError, reason)


@pytest.mark.parametrize("case", UNSURE)
def test_an_update_of_unknown_outcome_is_called_unknown(case: str) -> None:
    reason, step = UNSURE[case]

    error = fail(UPDATE, step())

    assert (type(error), error.code) == (OutcomeUnknownError, reason)


@WRITES
@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("no"), httpx.ConnectTimeout("no"), httpx.PoolTimeout("no")]
)
def test_nothing_was_done_where_nothing_was_sent(write: Write, failure: Exception) -> None:
    error = fail(write, failure)

    assert (type(error), error.code) == (RetryableError, "CONNECT_FAILED")


@WRITES
def test_nothing_is_sent_without_time(write: Any) -> None:
    dataverse = ScriptedDataverse()

    with pytest.raises(RetryableError) as failure:
        write(dataverse, seconds=0.0)

    assert failure.value.code == "NO_TIME_LEFT"
    assert dataverse.seen == []


@WRITES
def test_a_redirect_is_not_followed(write: Write) -> None:
    error = fail(write, httpx.Response(302, headers={"Location": "https://elsewhere.example/"}))

    assert (type(error), error.code) == (PermanentError, "WRONG_ADDRESS")


def entity(address: str) -> dict[str, str]:
    return {"OData-EntityId": address}


def test_201_created_and_200_updated() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created(), httpx.Response(200, json={"leadid": str(LEAD_ID).upper()}))

    first, second = dataverse.upsert(), dataverse.upsert()

    assert (first.lead_id, first.created) == (LEAD_ID, True)
    assert (second.lead_id, second.created) == (LEAD_ID, False)


def test_a_204_tells_the_id_in_its_header_and_not_whether_it_created() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.Response(204, headers=entity(f"{DATA}leads({LEAD_ID})")))

    written = dataverse.upsert()

    assert (written.lead_id, written.created) == (LEAD_ID, None)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(204, headers=entity(f"{DATA}{BY_KEY}")),
        httpx.Response(204),
        httpx.Response(201, json={}),
        httpx.Response(201, json={"leadid": "no guid"}),
        httpx.Response(200, json={"leadid": None}, headers=entity(f"{DATA}{BY_KEY}")),
    ],
    ids=["key form", "no header", "no id", "no guid", "null and key form"],
)
def test_an_id_that_was_not_told_is_read(answer: httpx.Response) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(answer, {"leadid": str(LEAD_ID)})

    written = dataverse.upsert()

    assert written.lead_id == LEAD_ID
    assert dataverse.paths()[1:] == [f"GET {BY_KEY}?$select=leadid"]


def test_an_id_nobody_tells_leaves_the_upsert_to_be_sent_again() -> None:
    error = fail(UPSERT, httpx.Response(204), {"leadid": None})

    assert (type(error), error.code) == (RetryableError, "UNREADABLE_ANSWER")


@pytest.mark.parametrize("status", [204, 200])
def test_an_update_is_done_with_or_without_a_body(status: int) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.Response(status, json={"leadid": str(LEAD_ID)}))

    assert dataverse.update().lead_id == LEAD_ID


@pytest.mark.parametrize("code", ["0x80040217", "", "0x0"])
def test_an_update_of_a_lead_that_is_gone_says_so(code: str) -> None:
    error = fail(UPDATE, refusal(404, code, "lead With Id = 1 Does Not Exist"))

    assert (type(error), error.code) == (PermanentError, "DELETED_IN_DYNAMICS")
    assert "retry it" in error.detail


def test_an_upsert_that_finds_nothing_has_the_wrong_address() -> None:
    error = fail(UPSERT, refusal(404, "0x80040217"))

    assert error.code == "WRONG_ADDRESS"


@WRITES
@pytest.mark.parametrize(("status", "code"), [(400, "0x80040203"), (403, "x"), (412, "")])
@pytest.mark.parametrize("state", [1, 2])
def test_a_refusal_of_a_closed_lead_says_that_it_is_closed(
    write: Write, status: int, code: str, state: int
) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(status, code), {"statecode": state})

    with pytest.raises(PermanentError) as failure:
        write(dataverse)

    lead = BY_KEY if write is UPSERT else f"leads({LEAD_ID})"
    if status == 403:
        assert failure.value.code == "PRIVILEGE_MISSING"
    else:
        assert failure.value.code == "LEAD_CLOSED_IN_DYNAMICS"
        assert "reactivate" in failure.value.detail
        assert dataverse.paths()[1:] == [f"GET {lead}?$select=statecode"]


@WRITES
def test_a_refusal_stays_what_it_is_where_the_state_cannot_be_read(write: Write) -> None:
    error = fail(write, refusal(400, "0x80040203"), refusal(403))

    assert (type(error), error.code) == (PermanentError, "REQUEST_REFUSED")


def test_an_upsert_that_lost_the_race_for_its_key_is_sent_once_more() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(412, "0x80060892"), httpx.Response(200, json={"leadid": str(LEAD_ID)}))

    written = dataverse.upsert()

    assert (written.lead_id, written.created) == (LEAD_ID, False)
    first, second = dataverse.seen
    assert (first.url, first.content) == (second.url, second.content)


def test_a_race_lost_twice_is_left_to_a_later_try() -> None:
    error = fail(UPSERT, refusal(412, "0x80060892"), refusal(412, "0x80060892"))

    assert (type(error), error.code) == (RetryableError, "KEY_RACE")


def test_no_other_failure_is_repeated_in_place() -> None:
    error = fail(UPSERT, refusal(500, "0x80044150"))

    assert error.code == "SQL_BUSY"


@WRITES
@pytest.mark.parametrize(
    ("header", "seconds"), [("17", 17.0), ("0", 0.0), ("999999", 86400.0), ("soon", None)]
)
def test_retry_after_in_seconds_is_passed_on(
    write: Write, header: str, seconds: float | None
) -> None:
    answer = refusal(429, "0x80072322")
    answer.headers["Retry-After"] = header

    assert fail(write, answer).retry_after == seconds


def test_retry_after_as_a_date_is_passed_on() -> None:
    answer = refusal(503)
    moment = datetime.now(UTC) + timedelta(seconds=90)
    answer.headers["Retry-After"] = format_datetime(moment, usegmt=True)

    retry_after = fail(UPSERT, answer).retry_after

    assert retry_after is not None
    assert 60 < retry_after <= 90


UNKNOWN_COLUMN = [
    "Invalid property 'hnt_tenantid' was found in entity 'Microsoft.Dynamics.CRM.lead'.",
    "An undeclared property 'hnt_tenantid' which only has property annotations in the payload",
    "Could not find a property named 'hnt_tenantid' on type 'Microsoft.Dynamics.CRM.lead'.",
    "The property 'hnt_tenantid' does not exist on type 'Microsoft.Dynamics.CRM.lead'.",
]


@WRITES
@pytest.mark.parametrize("code", ["0x80048d19", "0x80060888", "0x0", ""])
@pytest.mark.parametrize("message", UNKNOWN_COLUMN)
def test_a_column_the_table_does_not_have_is_named(write: Any, code: str, message: str) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(400, code, message))

    with pytest.raises(PermanentError) as failure:
        write(dataverse, {"hnt_tenantid": "x", "subject": "A"})

    assert failure.value.code == "COLUMN_UNKNOWN"
    assert "hnt_tenantid" in failure.value.detail
    assert "subject" not in failure.value.detail


@WRITES
def test_only_columns_that_were_sent_are_named(write: Any) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(refusal(400, "0x80048d19", "Invalid property 'sam_nguyen' was found"))
    dataverse.will({"statecode": 0})

    with pytest.raises(PermanentError) as failure:
        write(dataverse, {"subject": "A"})

    assert failure.value.code == "REQUEST_REFUSED"
    assert "sam_nguyen" not in failure.value.detail


@WRITES
@pytest.mark.parametrize(
    ("code", "reason"), [("0x80044331", "TEXT_TOO_LONG"), ("0x8004431a", "OPTION_REFUSED")]
)
def test_the_column_a_value_does_not_fit_is_named(write: Any, code: str, reason: str) -> None:
    dataverse = ScriptedDataverse()
    said = "A validation error occurred. Secret Pty Ltd is wrong for property 'hnt_source'."
    dataverse.will(refusal(400, code, said))

    with pytest.raises(PermanentError) as failure:
        write(dataverse, {"hnt_source": 3, "companyname": "Secret Pty Ltd"})

    assert failure.value.code == reason
    assert "hnt_source" in failure.value.detail
    assert "Secret" not in failure.value.detail


@WRITES
def test_a_missing_privilege_is_named(write: Write) -> None:
    said = "Principal user (Id=1, type=8) is missing prvCreateLead privilege (Id=2) for Sam"

    error = fail(write, refusal(403, "0x80040220", said))

    assert "prvCreateLead" in error.detail
    assert "Sam" not in error.detail


@WRITES
@pytest.mark.parametrize(
    "answer",
    [
        refusal(412, "0x80040333", f"A duplicate was found: {OTHER}, Sam Nguyen."),
        refusal(
            500,
            "0x80040333",
            "A record was not created",
            **{
                "@Microsoft.PowerApps.CDS.ErrorDetails.DuplicateRecordIds": f'["{OTHER}"]',
                "@Microsoft.PowerApps.CDS.ErrorDetails.ApiStepKey": str(LEAD_ID),
                "@Microsoft.PowerApps.CDS.TraceText": "Sam Nguyen",
            },
        ),
    ],
    ids=["in the message", "in an annotation"],
)
def test_the_matching_record_is_named_and_nothing_it_holds(
    write: Write, answer: httpx.Response
) -> None:
    error = fail(write, answer)

    assert f"matching record {OTHER}" in error.detail
    assert str(LEAD_ID) not in error.detail
    assert "Sam" not in error.detail


def test_every_sentence_says_what_to_do_or_that_it_passes() -> None:
    cures = ("passes by itself", "next try", "push it", "check", "give", "make", "correct",
             "find", "compare", "look for", "create it", "larger than")  # fmt: skip

    for status, code, _, _ in REFUSALS:
        asks_why = [{"statecode": 0}]
        dataverse = ScriptedDataverse()
        dataverse.will(refusal(status, code), *asks_why)
        with pytest.raises(ForecourtError) as failure:
            dataverse.upsert()
        assert any(cure in failure.value.detail for cure in cures), failure.value.detail


def test_the_time_dynamics_took_is_measured_over_all_tries() -> None:
    dataverse = ScriptedDataverse()

    def slowly(answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
        def act(_: httpx.Request) -> httpx.Response:
            time.sleep(0.03)
            return answer

        return act

    dataverse.will(slowly(refusal(412, "0x80060892")), slowly(created()))

    assert 60 <= dataverse.upsert().execution_ms < 1000
