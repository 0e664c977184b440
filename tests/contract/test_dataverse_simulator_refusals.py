"""What the Dataverse simulator refuses in a write or a read, and with which code."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from local.dataverse_simulator import DataverseSimulator
from local.dataverse_simulator.accounts import PRIVILEGES
from tests.support.dynamics import ECHO, KEY, LEAD, DataverseCaller, code_of


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


BAD_VALUES = [
    ({"nothing": 1}, "0x80048d19"),
    ({"Subject": "names are case sensitive"}, "0x80048d19"),
    ({"hnt_prioritylabel": "not in this tenant"}, "0x80048d19"),
    ({"ownerid": "00000000-0000-0000-0000-000000000001"}, "0x80048d19"),
    ({"subject": 5}, "0x80048d19"),
    ({"subject": "x" * 301}, "0x80044331"),
    ({"subject": "\U0001f697" * 151}, "0x80044331"),
    ({"companyname": "x" * 101}, "0x80044331"),
    ({"mobilephone": "0" * 21}, "0x80044331"),
    ({"description": "x" * 2001}, "0x80044331"),
    ({"hnt_domain": "x" * 101}, "0x80044331"),
    ({"hnt_segment": 3}, "0x8004431a"),
    ({"hnt_segment": "816940000"}, "0x80048d19"),
    ({"hnt_segment": 816940000.0}, "0x80048d19"),
    ({"leadsourcecode": 11}, "0x8004431a"),
    ({"hnt_finalscore": 101}, "0x8004432f"),
    ({"hnt_finalscore": -1}, "0x8004432f"),
    ({"hnt_priorityscore": 0}, "0x8004432f"),
    ({"hnt_finalscore": 80.5}, "0x80048d19"),
    ({"hnt_finalscore": "80"}, "0x80048d19"),
    ({"hnt_finalscore": True}, "0x80048d19"),
    ({"hnt_syncattemptcount": 2_147_483_648}, "0x80048d19"),
    ({"hnt_confidence": 100.01}, "0x80044330"),
    ({"hnt_confidence": "0.5"}, "0x80048d19"),
    ({"donotbulkemail": 1}, "0x80048d19"),
    ({"donotbulkemail": "true"}, "0x80048d19"),
    ({"hnt_lastsynctime": "2026-03-01T10:00:00"}, "0x80048d19"),
    ({"hnt_lastsynctime": "2026-03-01"}, "0x80048d19"),
    ({"hnt_lastsynctime": "2026-02-30T10:00:00Z"}, "0x80048d19"),
    ({"hnt_lastsynctime": 1_700_000_000}, "0x80048d19"),
    ({"hnt_lastsynctime": "1700-01-01T00:00:00Z"}, "0x80044329"),
    ({"leadid": "no guid"}, "0x80048d19"),
    ({"statuscode": 3}, "0x80048408"),
    ({"statuscode": 8}, "0x8004431a"),
    ({"ownerid@odata.bind": "/accounts(1)"}, "0x80048d19"),
]


@pytest.mark.parametrize(("values", "code"), BAD_VALUES)
def test_a_value_that_does_not_suit_its_column_is_400(
    caller: DataverseCaller, values: dict[str, Any], code: str
) -> None:
    refused = caller.call("POST", "leads", {**LEAD, **values})
    assert code_of(refused) == (400, code)
    assert code_of(caller.upsert("a", {**LEAD, **values})) == (400, code)
    assert caller.simulator.leads() == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"subject": "\U0001f697" * 150}, "\U0001f697" * 150),
        ({"hnt_lastsynctime": "2026-03-01T10:00:00.987+11:00"}, "2026-02-28T23:00:00Z"),
        ({"hnt_lastsynctime": "2026-03-01T10:00:00Z"}, "2026-03-01T10:00:00Z"),
        ({"hnt_confidence": 12.345}, 12.34),
        ({"hnt_segment": 816940002}, 816940002),
        ({"donotsendmm": True}, True),
        ({"subject": ""}, None),
    ],
)
def test_a_value_that_suits_is_kept(
    caller: DataverseCaller, given: dict[str, Any], kept: object
) -> None:
    [name] = given
    assert caller.read(caller.create({**LEAD, **given}))[name] == kept


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b'{"subject": NaN}',
        b'{"subject": "\xff"}',
        b'{"subject": "\\ud800"}',
    ],
)
def test_a_body_that_is_no_json_object_is_400(caller: DataverseCaller, body: bytes) -> None:
    assert code_of(caller.call("POST", "leads", body)) == (400, "0x80048d19")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"OData-Version": "3.0"}, 400),
        ({"OData-MaxVersion": "3.0"}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Accept": "application/xml"}, 406),
        ({"If-Match": "banana"}, 400),
        ({"MSCRM.SuppressDuplicateDetection": "maybe"}, 400),
    ],
)
def test_a_header_the_documents_forbid_is_refused(
    caller: DataverseCaller, headers: dict[str, str], status: int
) -> None:
    assert caller.call("POST", "leads", LEAD, headers).status_code == status
    assert caller.simulator.leads() == []
    assert len(caller.simulator.invalid_requests()) == 1


@pytest.mark.parametrize("name", ["OData-Version", "OData-MaxVersion", "If-None-Match"])
def test_a_header_that_is_missing_is_told_of_and_forgiven(
    caller: DataverseCaller, simulator: DataverseSimulator, name: str
) -> None:
    assert caller.call("GET", "WhoAmI").status_code == 200
    assert simulator.invalid_requests() == []
    assert caller.call("GET", "WhoAmI", None, {name: ""}).status_code == 200
    [record] = simulator.invalid_requests()
    assert name in record.reasons[0]


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "Leads", (404, "0x8006088a")),
        ("GET", "lead", (404, "0x8006088a")),
        ("GET", "leadss", (404, "0x8006088a")),
        ("GET", "contacts", (404, "0x8006088a")),
        ("GET", "whoami", (404, "0x8006088a")),
        ("GET", "leads()", (400, "0x80060888")),
        ("GET", "leads(banana)", (400, "0x80060888")),
        ("GET", f"leads({KEY}=abc)", (400, "0x80060888")),
        ("GET", f"leads({KEY}='a',{KEY}='b')", (400, "0x80060888")),
        ("GET", f"leads({KEY}='a' or 1 eq 1)", (400, "0x80060888")),
        ("GET", "leads(emailaddress1='a@x.au')", (400, "0x80060888")),
        ("GET", "leads(nothing='a')", (400, "0x80060888")),
        ("GET", "leads(12345678)", (400, "0x80060888")),
        ("PUT", f"leads({KEY}='a')", (405, "")),
        ("POST", "$batch", (501, "")),
        ("POST", "leads/Microsoft.Dynamics.CRM.UpsertMultiple", (501, "")),
        ("GET", "EntityDefinitions(LogicalName='account')/Keys", (404, "0x80040217")),
        ("GET", "EntityDefinitions(LogicalName='lead')/Views", (404, "0x8006088a")),
        ("DELETE", f"leads({KEY}='a')", (403, "0x80040220")),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(
    caller: DataverseCaller, method: str, path: str, told: tuple[int, str]
) -> None:
    body: dict[str, Any] | None = {} if method == "POST" else None
    assert code_of(caller.call(method, path, body)) == told


@pytest.mark.parametrize("version", ["v8.2", "v9.3", "v9"])
def test_another_version_of_the_api_is_not_found(caller: DataverseCaller, version: str) -> None:
    caller.call("GET", "WhoAmI")
    headers = {**caller.headers, "Authorization": f"Bearer {caller.bearer}"}
    assert caller.http.get(f"/api/data/{version}/WhoAmI", headers=headers).status_code == 404


@pytest.mark.parametrize("letter", list("/<>*%&:\\?+#"))
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_key_with_a_forbidden_character_breaks_the_address_encoded_or_not(
    caller: DataverseCaller, method: str, letter: str
) -> None:
    value = quote(f"a{letter}b", safe="")
    body = LEAD if method == "PATCH" else None
    refused = caller.call(method, f"leads({KEY}='{value}')", body)
    assert refused.status_code == (404 if letter == "/" else 400)
    assert caller.simulator.leads() == []
    assert caller.simulator.invalid_requests()


def test_a_key_whose_index_is_not_built_is_refused(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.upsert("a")
    for status in ("Pending", "InProgress", "Failed"):
        simulator.table().set_key_status(KEY, status)
        assert code_of(caller.upsert("a")) == (400, "0x80060888")
        assert code_of(caller.call("GET", f"leads({KEY}='a')")) == (400, "0x80060888")
    simulator.table().set_key_status(KEY, "Active")
    assert caller.upsert("a").status_code == 204


def test_a_key_column_in_the_body_is_stripped_on_update_and_wins_on_create(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    caller.upsert("url", {**LEAD, KEY: "body"})
    assert [lead["values"][KEY] for lead in simulator.leads()] == ["body"]
    caller.upsert("body", {**LEAD, KEY: "other"})
    assert [lead["values"][KEY] for lead in simulator.leads()] == ["body"]
    assert len(simulator.invalid_requests()) == 2


def test_a_value_another_lead_has_in_a_key_is_412(caller: DataverseCaller) -> None:
    caller.upsert("taken")
    refused = caller.call("POST", "leads", {**LEAD, KEY: "TAKEN"})
    assert code_of(refused) == (412, "0x80060892")
    lead_id = caller.create({**LEAD, KEY: "free"})
    headers = {"If-Match": "*"}
    changed = caller.call("PATCH", f"leads({lead_id})", {KEY: "taken"}, headers)
    assert code_of(changed) == (412, "0x80060892")
    assert len(caller.simulator.leads()) == 2


def test_a_guid_that_is_taken_is_another_412(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    refused = caller.call("POST", "leads", {**LEAD, "leadid": lead_id})
    assert code_of(refused) == (412, "0x80040237")


@pytest.mark.parametrize(("state", "status"), [(1, 3), (2, 4)])
def test_a_closed_lead_is_read_only_until_it_is_reactivated(
    caller: DataverseCaller, simulator: DataverseSimulator, state: int, status: int
) -> None:
    lead_id = caller.create()
    simulator.edit_lead(lead_id, {"statecode": state, "statuscode": status})
    path, headers = f"leads({lead_id})", {"If-Match": "*"}
    assert code_of(caller.call("PATCH", path, {"subject": "x"}, headers)) == (400, "0x80040203")
    assert caller.read(lead_id)["subject"] == "Toyota Corolla"
    reopened = {"statecode": 0, "statuscode": 1, "subject": "x"}
    assert caller.call("PATCH", path, reopened, headers).status_code == 204
    assert caller.read(lead_id)["subject"] == "x"


def test_a_status_has_to_go_with_its_state(caller: DataverseCaller) -> None:
    lead_id = caller.create()
    path, headers = f"leads({lead_id})", {"If-Match": "*"}
    wrong = caller.call("PATCH", path, {"statecode": 2, "statuscode": 3}, headers)
    assert code_of(wrong) == (400, "0x80048408")
    right = caller.call("PATCH", path, {"statecode": 2, "statuscode": 5}, headers)
    assert right.status_code == 204
    assert len(caller.simulator.invalid_requests()) == 1
    assert caller.call("PATCH", path, {"statecode": 0}, headers).status_code == 204
    assert "without statuscode" in caller.simulator.invalid_requests()[-1].reasons[0]


def test_duplicates_are_looked_for_only_with_the_header_and_an_active_rule(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    detect = {"MSCRM.SuppressDuplicateDetection": "false"}
    first = caller.create()
    caller.create()
    same = {**LEAD, "emailaddress1": "ANN@example.com"}
    assert code_of(caller.call("POST", "leads", same, detect)) == (500, "0x80040333")
    simulator.set_rules(duplicate_status=412)
    annotated = {**detect, "Prefer": 'odata.include-annotations="*"'}
    refused = caller.call("POST", "leads", same, annotated)
    assert code_of(refused) == (412, "0x80040333")
    assert first in refused.text
    assert "ann@example.com" not in refused.text.lower()
    other = caller.create({**LEAD, "emailaddress1": "bob@example.com"}, detect)
    its_own = {"If-Match": "*", **detect}
    same_as_itself = caller.call("PATCH", f"leads({other})", {"subject": "x"}, its_own)
    assert same_as_itself.status_code == 204
    changes = {"emailaddress1": "ann@example.com"}
    changed = caller.call("PATCH", f"leads({other})", changes, its_own)
    assert code_of(changed) == (412, "0x80040333")
    simulator.set_rules(duplicate_columns=())
    assert caller.call("POST", "leads", same, detect).status_code == 204


@pytest.mark.parametrize(
    ("missing", "method", "path", "headers"),
    [
        ("prvCreateLead", "POST", "leads", {}),
        ("prvCreateLead", "PATCH", f"leads({KEY}='new')", {}),
        ("prvWriteLead", "PATCH", f"leads({KEY}='old')", {}),
        ("prvReadLead", "GET", "leads", {}),
        ("prvReadLead", "GET", f"leads({KEY}='old')", {}),
        ("prvReadLead", "PATCH", f"leads({KEY}='old')", ECHO),
        ("prvReadEntity", "GET", "EntityDefinitions(LogicalName='lead')", {}),
        ("prvReadAttribute", "GET", "EntityDefinitions(LogicalName='lead')/Attributes", {}),
    ],
)
def test_without_the_privilege_it_is_403_and_nothing_is_done(
    caller: DataverseCaller,
    simulator: DataverseSimulator,
    missing: str,
    method: str,
    path: str,
    headers: dict[str, str],
) -> None:
    caller.upsert("old", {"subject": "before"})
    rest = frozenset(PRIVILEGES) - {missing}
    simulator.change_account(caller.account.client_id, privileges=rest)
    refused = caller.call(method, path, None if method == "GET" else LEAD, headers)
    assert code_of(refused) == (403, "0x80040220")
    assert [lead["values"]["subject"] for lead in simulator.leads()] == ["before"]
    assert simulator.invalid_requests() == []


@pytest.mark.parametrize("missing", ["prvAssignLead", "prvAppendLead", "prvAppendToLead"])
def test_an_owner_takes_more_privileges(
    caller: DataverseCaller, simulator: DataverseSimulator, missing: str
) -> None:
    staff = simulator.organization().staff_id
    body = {**LEAD, "ownerid@odata.bind": f"/systemusers({staff})"}
    assert caller.read(caller.create(body))["_ownerid_value"] == staff
    rest = frozenset(PRIVILEGES) - {missing}
    simulator.change_account(caller.account.client_id, privileges=rest)
    assert code_of(caller.call("POST", "leads", body)) == (403, "0x80040220")
    assert caller.call("POST", "leads", LEAD).status_code == 204


def test_an_owner_has_to_exist(caller: DataverseCaller) -> None:
    body = {**LEAD, "ownerid@odata.bind": f"/systemusers({uuid4()})"}
    assert code_of(caller.call("POST", "leads", body)) == (404, "0x80040217")


def test_a_role_that_reaches_its_own_leads_only_is_refused_the_others(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    own = caller.create()
    other = simulator.add_staff_lead({"subject": "walk-in"}).lead_id
    simulator.change_account(caller.account.client_id, access="own")
    assert caller.call("GET", f"leads({own})").status_code == 200
    assert code_of(caller.call("GET", f"leads({other})")) == (403, "0x80048306")
    headers = {"If-Match": "*"}
    changed = caller.call("PATCH", f"leads({other})", {"subject": "x"}, headers)
    assert code_of(changed) == (403, "0x80048306")
    listed = caller.call("GET", "leads", None, None, **{"$select": "leadid"})
    assert [lead["leadid"] for lead in listed.json()["value"]] == [own]


def test_privileges_can_be_read(caller: DataverseCaller) -> None:
    user = caller.call("GET", "WhoAmI").json()["UserId"]
    path = f"systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    listed = caller.call("GET", path).json()["RolePrivileges"]
    assert {each["PrivilegeName"] for each in listed} == set(PRIVILEGES)


def test_a_column_a_caller_may_not_set_is_passed_over_and_told_of(
    caller: DataverseCaller, simulator: DataverseSimulator
) -> None:
    created = caller.read(caller.create({**LEAD, "createdon": "2001-01-01T00:00:00Z"}))
    assert not created["createdon"].startswith("2001")
    [record] = simulator.invalid_requests()
    assert record.reasons == ("createdon is not for a caller to set.",)


def test_annotations_explain_a_refusal_when_asked_for(caller: DataverseCaller) -> None:
    headers = {"Prefer": 'odata.include-annotations="*"'}
    plain = caller.call("POST", "leads", {"nothing": 1}).json()["error"]
    explained = caller.call("POST", "leads", {"nothing": 1}, headers).json()["error"]
    assert plain.keys() == {"code", "message"}
    assert any(name.startswith("@Microsoft.PowerApps.CDS.") for name in explained)


def test_a_body_that_is_too_large_is_413(caller: DataverseCaller) -> None:
    assert caller.upsert("a", {"description": "x" * 2_100_000}).status_code == 413
