"""What goes over the wire to Dataverse (reference, 1.2 to 1.5)."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from forecourt.errors import AuthenticationError, RetryableError
from tests.support.dataverse_script import (
    BY_KEY,
    CONNECTION,
    DATA,
    EXTERNAL_ID,
    LEAD_ID,
    ScriptedDataverse,
    body_of,
    created,
)

ODATA = {
    "accept": "application/json",
    "odata-version": "4.0",
    "odata-maxversion": "4.0",
    "authorization": "Bearer planted-token-1",
}


def headers_of(request: httpx.Request) -> dict[str, str]:
    irrelevant = {"host", "user-agent", "accept-encoding", "content-length", "connection"}
    return {name: value for name, value in request.headers.items() if name not in irrelevant}


def test_an_upsert_addresses_the_lead_by_its_key_and_asks_for_the_id() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    written = dataverse.upsert(
        {"subject": "Zoë", "hnt_confidence": Decimal("0.50"), "jobtitle": None}
    )

    (request,) = dataverse.seen
    assert str(request.url) == f"{DATA}{BY_KEY}?$select=leadid"
    assert request.method == "PATCH"
    assert headers_of(request) == ODATA | {
        "content-type": "application/json",
        "prefer": "return=representation",
    }
    assert request.content == (b'{"subject":"Zo\xc3\xab","hnt_confidence":0.50,"jobtitle":null}')
    assert (written.lead_id, written.created) == (LEAD_ID, True)


def test_the_key_column_never_travels_in_the_body() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    dataverse.upsert({"subject": "A", "hnt_forecourtid": "somebody else's"})

    assert body_of(dataverse.seen[0]) == {"subject": "A"}


def test_another_key_column_stands_in_the_address() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    dataverse.upsert(key_column="abc_ourid")

    assert dataverse.paths() == [f"PATCH leads(abc_ourid='{EXTERNAL_ID}')?$select=leadid"]


@pytest.mark.parametrize(
    "column", ["", "A", "a b", "a'", "a)", "a='x',b", "a/b", "a?b", "é", "1a", "a" * 129]
)
def test_what_is_no_column_never_gets_into_an_address(column: str) -> None:
    dataverse = ScriptedDataverse()

    with pytest.raises(AuthenticationError, match="logical name has lower-case") as refused:
        dataverse.upsert(key_column=column)

    assert refused.value.code == "CONNECTION_INVALID"
    assert dataverse.seen == []


def test_an_update_addresses_the_lead_by_its_id_and_never_creates() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(httpx.Response(204, headers={"OData-EntityId": f"{DATA}leads({LEAD_ID})"}))

    written = dataverse.update({"subject": "B", "description": None})

    (request,) = dataverse.seen
    assert str(request.url) == f"{DATA}leads({LEAD_ID})"
    assert request.method == "PATCH"
    assert headers_of(request) == ODATA | {"content-type": "application/json", "if-match": "*"}
    assert request.content == b'{"subject":"B","description":null}'
    assert (written.lead_id, written.created) == (LEAD_ID, False)


def test_a_read_asks_past_every_cache() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will({"value": []})

    dataverse.setup.can_read_leads(CONNECTION, seconds=5.0)

    (request,) = dataverse.seen
    assert str(request.url) == f"{DATA}leads?$top=1&$select=leadid,subject"
    assert headers_of(request) == ODATA | {"if-none-match": "null"}
    assert request.content == b""


@pytest.mark.parametrize("write", [ScriptedDataverse.upsert, ScriptedDataverse.update])
def test_duplicates_are_looked_for_on_request_only(write: Any) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created(), created())

    write(dataverse)
    write(dataverse, duplicate_detection=True)

    without, with_detection = dataverse.seen
    assert "MSCRM.SuppressDuplicateDetection" not in without.headers
    assert with_detection.headers["MSCRM.SuppressDuplicateDetection"] == "false"
    assert 'odata.include-annotations="*"' in with_detection.headers["Prefer"]
    assert ("return=representation" in with_detection.headers["Prefer"]) == (
        "return=representation" in without.headers.get("Prefer", "")
    )


EMAILS = [
    "o'neil@mail.example",
    "''@mail.example",
    "a&$filter=leadid ne null&b@mail.example",
    "a+b@mail.example",
    "a#b@mail.example",
    "zoë.müller@mail.example",
    "a' or emailaddress1 ne '@mail.example",
    "a%27%20or%201@mail.example",
    'a"b\\c/d?e=f,g;h$i@mail.example',
]


@pytest.mark.parametrize("email", EMAILS)
def test_an_email_cannot_leave_its_literal(email: str) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will({"value": []})

    dataverse.setup.find_leads_by_email(CONNECTION, email, seconds=5.0)

    query = dataverse.seen[0].url.query.decode()
    doubled = email.replace("'", "''")
    assert parse_qs(query, keep_blank_values=True) == {
        "$select": ["leadid,statecode"],
        "$filter": [f"emailaddress1 eq '{doubled}'"],
        "$orderby": ["createdon asc"],
        "$top": ["10"],
    }
    value = query.split("&")[1].removeprefix("$filter=")
    assert set("'&+=#?/@$ ").isdisjoint(value)
    assert unquote(value) == f"emailaddress1 eq '{doubled}'"


def test_leads_found_by_email_tell_whether_they_can_be_written() -> None:
    dataverse = ScriptedDataverse()
    other = "7c1f5b9e-2f4d-4b53-8f6a-000000000043"
    rows = [
        {"leadid": str(LEAD_ID), "statecode": 1},
        {"leadid": other, "statecode": 0},
        {"leadid": "no guid", "statecode": 0},
    ]
    dataverse.will({"value": rows})

    found = dataverse.setup.find_leads_by_email(CONNECTION, "a@mail.example", seconds=5.0)

    assert [(str(lead.lead_id), lead.is_open) for lead in found] == [
        (str(LEAD_ID), False),
        (other, True),
    ]


def test_a_local_address_takes_the_place_of_dataverse_and_of_the_token_authority() -> None:
    dataverse = ScriptedDataverse("http://127.0.0.1:4100/")
    dataverse.will(created())

    dataverse.upsert()

    assert str(dataverse.seen[0].url).startswith("http://127.0.0.1:4100/api/data/v9.2/leads(")
    token_url = f"http://127.0.0.1:4100/{CONNECTION.tenant_id}/oauth2/v2.0/token"
    assert [str(asked.url) for asked in dataverse.asked] == [token_url]
    assert dataverse.forms()[0]["scope"] == f"{CONNECTION.environment_url}/.default"


@pytest.mark.parametrize(
    "address",
    ["http://dataverse.example", "ftp://127.0.0.1", "127.0.0.1:4100", "http://a@127.0.0.1"],
)
def test_a_secret_goes_to_no_other_machine_in_the_clear(address: str) -> None:
    with pytest.raises(ValueError, match="Dynamics URL must"):
        ScriptedDataverse(address)


@pytest.mark.parametrize(
    "changes",
    [
        {"environment_url": "http://org.crm6.dynamics.com"},
        {"environment_url": "http://127.0.0.1:4100"},
        {"environment_url": "https://"},
        {"environment_url": "https://me:secret@org.crm6.dynamics.com"},
        {"environment_url": "https://org.crm6.dynamics.com?x=1"},
        {"api_version": "v9.2/../v8.0"},
        {"api_version": "9.2"},
        {"tenant_id": "common"},
        {"tenant_id": "Organizations"},
        {"tenant_id": "a/../b"},
        {"tenant_id": ""},
        {"client_secret": None},
    ],
    ids=lambda changes: "{}={}".format(*next(iter(changes.items()))),
)
def test_a_connection_nothing_can_be_sent_to_waits_for_a_person(changes: dict[str, Any]) -> None:
    dataverse = ScriptedDataverse()

    with pytest.raises(AuthenticationError, match="Save the connection again") as refused:
        dataverse.upsert(**changes)

    assert refused.value.code == "CONNECTION_INVALID"
    assert dataverse.seen == dataverse.asked == []


def test_every_version_of_the_api_has_its_address() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())

    dataverse.upsert(api_version="v9.1")

    assert urlsplit(str(dataverse.seen[0].url)).path.startswith("/api/data/v9.1/")


def test_no_cookie_ties_calls_to_one_server() -> None:
    dataverse = ScriptedDataverse()
    answer = created()
    answer.headers["Set-Cookie"] = "ARRAffinity=abc; path=/"
    dataverse.will(answer, created())

    dataverse.upsert()
    dataverse.upsert()

    assert "Cookie" not in dataverse.seen[1].headers


def test_times_are_sent_as_they_were_mapped() -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(created())
    moment = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)

    dataverse.upsert({"hnt_lastsynctime": moment})

    assert body_of(dataverse.seen[0]) == {"hnt_lastsynctime": "2026-03-01T02:00:00Z"}


def test_who_we_are_is_asked_once() -> None:
    dataverse = ScriptedDataverse()
    ids = {name: str(LEAD_ID) for name in ("UserId", "BusinessUnitId", "OrganizationId")}
    dataverse.will(httpx.Response(200, json=ids, headers={"x-ms-dop-hint": "8"}))

    who = dataverse.setup.who_am_i(CONNECTION, seconds=5.0)

    assert dataverse.paths() == ["GET WhoAmI"]
    assert {who.user_id, who.business_unit_id, who.organization_id} == {LEAD_ID}
    assert who.parallelism == 8


@pytest.mark.parametrize("rows", [{}, {"UserId": "no guid"}, {"UserId": None}])
def test_an_answer_without_who_we_are_is_none(rows: dict[str, Any]) -> None:
    dataverse = ScriptedDataverse()
    dataverse.will(rows)

    with pytest.raises(RetryableError, match="without UserId"):
        dataverse.setup.who_am_i(CONNECTION, seconds=5.0)


@pytest.mark.parametrize(("privilege", "has"), [("prvCreateLead", True), ("prvWriteLead", False)])
def test_a_privilege_is_looked_for_among_the_users_own(privilege: str, has: bool) -> None:
    dataverse = ScriptedDataverse()
    rows = [{"PrivilegeName": "prvReadLead"}, {"PrivilegeName": "prvCreateLead"}]
    dataverse.will({"RolePrivileges": rows})

    assert dataverse.setup.has_privilege(CONNECTION, LEAD_ID, privilege, seconds=5.0) is has

    path = f"GET systemusers({LEAD_ID})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    assert dataverse.paths() == [path]
