"""The Dataverse simulator's control API, its page, and what it keeps over a restart."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.dataverse_simulator import DataverseSimulator, default_accounts
from tests.support.dynamics import ECHO, KEY, LEAD, DataverseCaller, code_of

NEW = {
    "environmentUrl": "https://new.crm6.dynamics.com",
    "tenantId": "11111111-1111-1111-1111-111111111111",
    "clientId": "22222222-2222-2222-2222-222222222222",
    "clientSecret": "made-up",
}


@pytest.fixture
def simulator() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as running:
        yield running


@pytest.fixture
def caller(simulator: DataverseSimulator) -> Iterator[DataverseCaller]:
    with DataverseCaller(simulator) as made:
        yield made


@pytest.fixture
def control(simulator: DataverseSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{simulator.url}/_control/") as client:
        yield client


def ask(client: httpx.Client, route: str, /, **body: Any) -> dict[str, Any]:
    answer = client.post(route, json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_the_first_accounts_are_the_same_on_every_start(control: httpx.Client) -> None:
    shown = control.get("accounts").json()["accounts"]
    assert [each["clientSecret"] for each in shown] == [
        account.client_secret for account in default_accounts()
    ]
    assert [each["columns"] for each in shown] == ["hunter", "stock"]


def test_an_account_can_be_registered(simulator: DataverseSimulator, control: httpx.Client) -> None:
    ask(control, "accounts", **NEW, columns="all")
    with DataverseCaller(simulator, simulator.accounts()[-1]) as caller:
        assert caller.upsert("a", {**LEAD, "hnt_prioritylabel": "x"}).status_code == 204
    found = control.get("leads", params={"environment": NEW["environmentUrl"]}).json()
    assert found["count"] == 1
    assert found["leads"][0]["values"]["hnt_prioritylabel"] == "x"


@pytest.mark.parametrize(
    "wrong",
    [
        {"environmentUrl": "new.crm6.dynamics.com"},
        {"environmentUrl": "https://new.crm6.dynamics.com/path"},
        {"tenantId": "common"},
        {"clientId": 5},
        {"clientSecret": ""},
        {"privileges": ["prvFly"]},
        {"columns": "every"},
        {"access": "all"},
        {"certificate": 5},
        {"applicationUser": "yes"},
    ],
)
def test_an_account_that_makes_no_sense_is_refused(
    control: httpx.Client, wrong: dict[str, Any]
) -> None:
    answer = control.post("accounts", json={**NEW, **wrong})
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["error"]


def test_secrets_and_tokens_can_be_taken_away(
    caller: DataverseCaller, control: httpx.Client
) -> None:
    caller.call("GET", "WhoAmI")
    account = caller.account
    ask(
        control,
        "secrets",
        clientId=account.client_id,
        secret=account.client_secret,
        state="expired",
    )
    assert caller.ask_token().status_code == 401
    assert caller.call("GET", "WhoAmI").status_code == 200
    ask(control, "revoke-tokens", clientId=account.client_id)
    assert caller.call("GET", "WhoAmI").status_code == 401
    unknown = {"clientId": "x", "secret": "y", "state": "valid"}
    assert control.post("secrets", json=unknown).status_code == 404


def test_the_table_can_be_changed(caller: DataverseCaller, control: httpx.Client) -> None:
    ask(control, "table", action="change", name="subject", changes={"maxLength": 5})
    assert code_of(caller.upsert("a")) == (400, "0x80044331")
    ask(control, "table", action="remove", name="emailaddress1")
    assert code_of(caller.upsert("a", {"emailaddress1": "a@x.au"})) == (400, "0x80048d19")
    column = {"name": "hnt_note", "type": "String", "maxLength": 9}
    ask(control, "table", action="add", column=column)
    assert caller.upsert("a", {"hnt_note": "123456789"}).status_code == 204
    ask(control, "table", action="remove_key", name=KEY)
    assert code_of(caller.upsert("a", {"subject": "x"})) == (400, "0x80060888")
    ask(control, "table", action="add_key", name="again", columns=[KEY])
    shown = control.get("table").json()["keys"]
    assert [(key["name"], key["status"]) for key in shown] == [("again", "Pending")]
    ask(control, "table", action="set_key", name="again", status="Active")
    assert caller.upsert("a", {"subject": "x"}, ECHO).status_code == 200
    ask(control, "table", action="pace", seconds=9, polls=1)
    assert control.get("table").json()["pace"] == {"seconds": 9, "polls": 1}
    ask(control, "table", action="use", columns="stock")
    assert control.get("table").json()["keys"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "explode"},
        {"action": "remove", "name": "nothing"},
        {"action": "change", "name": "subject"},
        {"action": "change", "name": "subject", "changes": {"colour": 1}},
        {"action": "add", "column": {"name": "x"}},
        {"action": "add", "column": {"name": "subject", "type": "String"}},
        {"action": "set_key", "name": KEY, "status": "Broken"},
        {"action": "set_key", "name": "nothing", "status": None},
        {"action": "use", "columns": "every"},
    ],
)
def test_a_change_of_the_table_that_cannot_be_made_is_refused(
    control: httpx.Client, wrong: dict[str, Any]
) -> None:
    before = control.get("table").json()
    assert control.post("table", json=wrong).status_code == 400
    assert control.get("table").json() == before


def test_staff_create_change_and_delete_leads(
    caller: DataverseCaller, control: httpx.Client
) -> None:
    lead_id = ask(control, "leads", values={"subject": "walk-in", KEY: "a"})["leadId"]
    assert caller.read(lead_id)["subject"] == "walk-in"
    ask(control, "lead-edits", leadId=lead_id, values={"statecode": 1, "statuscode": 3})
    assert code_of(caller.upsert("a"))[0] == 400
    assert control.post("leads", json={"values": {KEY: "A"}}).status_code == 400
    assert control.post("leads", json={"values": {"nothing": 1}}).status_code == 400
    ask(control, "lead-deletions", leadId=lead_id)
    assert caller.call("GET", f"leads({lead_id})").status_code == 404
    assert caller.upsert("a", LEAD, ECHO).status_code == 201
    assert control.post("lead-deletions", json={"leadId": lead_id}).status_code == 404


def test_rules_are_set_and_seen(caller: DataverseCaller, control: httpx.Client) -> None:
    told = ask(control, "rules", dopHint=4, duplicateColumns=["subject"], tokenLife=77)
    assert told["duplicateColumns"] == ["subject"]
    assert caller.ask_token().json()["expires_in"] == 77
    assert caller.call("GET", "WhoAmI").headers["x-ms-dop-hint"] == "4"
    detect = {"MSCRM.SuppressDuplicateDetection": "false"}
    caller.create()
    same = caller.call("POST", "leads", {"subject": "toyota corolla"}, detect)
    assert code_of(same) == (500, "0x80040333")
    assert control.post("rules", json={"colour": 1}).status_code == 400


def test_faults_requests_and_the_clock_are_reached_from_outside(
    caller: DataverseCaller, control: httpx.Client
) -> None:
    ask(control, "faults", fault="http_500", operation="UpsertLead", code="0x80044150", per="lead")
    assert [caller.upsert("a").status_code for _ in range(2)] == [500, 204]
    shown = control.get("faults").json()
    assert "key_race" in shown["kinds"]
    assert shown["faults"][0]["code"] == "0x80044150"
    assert control.delete("faults").status_code == 200
    assert control.get("faults").json()["faults"] == []
    assert control.post("faults", json={"fault": "explode"}).status_code == 400
    seen = control.get("requests").json()
    assert seen["counts"]["UpsertLead"] == 2
    assert seen["requests"][-1]["externalId"] == "a"
    assert seen["requests"][-1]["leadNumber"] == caller.simulator.leads()[0]["leadId"]
    assert seen["invalid"] == []
    ask(control, "clock", advance=3600)
    assert caller.call("GET", "WhoAmI").status_code == 401


def test_an_unknown_page_or_environment_is_not_found(control: httpx.Client) -> None:
    assert control.get("nothing").status_code == 404
    assert control.put("leads").status_code == 405
    assert control.get("table", params={"environment": "https://x.example"}).status_code == 404


def test_a_reset_goes_back_to_the_start(caller: DataverseCaller, control: httpx.Client) -> None:
    caller.create()
    ask(control, "accounts", **NEW)
    ask(control, "table", action="remove", name="subject")
    ask(control, "rules", dopHint=4)
    ask(control, "reset")
    assert control.get("leads").json()["count"] == 0
    assert len(control.get("accounts").json()["accounts"]) == 2
    assert control.get("rules").json()["dopHint"] == 50
    assert caller.call("GET", "WhoAmI").status_code == 401
    caller.bearer = None
    assert caller.create()


def test_the_page_shows_leads_escaped_and_no_secret(caller: DataverseCaller) -> None:
    caller.upsert("a-1", {"subject": "<script>alert(1)</script>"})
    page = caller.http.get("/")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert caller.account.client_secret not in page.text
    assert "a-1" in page.text


def test_a_new_start_on_the_same_file_knows_everything(tmp_path: Path) -> None:
    state = tmp_path / "dataverse.jsonl"
    with DataverseSimulator(state_path=state) as first, DataverseCaller(first) as caller:
        httpx.post(f"{first.url}/_control/accounts", json=NEW)
        body = {"action": "change", "name": "subject", "changes": {"maxLength": 20}}
        httpx.post(f"{first.url}/_control/table", json=body)
        caller.upsert("kept", {**LEAD, "hnt_confidence": 1.5})
        gone = caller.create()
        first.delete_lead(gone)
        before = first.leads()
    with DataverseSimulator(state_path=state) as again, DataverseCaller(again) as caller:
        assert [lead["leadId"] for lead in again.leads()] == [before[0]["leadId"]]
        assert again.accounts()[-1].environment_url == NEW["environmentUrl"]
        assert again.table().columns()["subject"].max_length == 20
        assert caller.upsert("KEPT", LEAD, ECHO).status_code == 200
        assert caller.create() != gone
        versions = [lead["version"] for lead in again.leads()]
        assert versions[0] > before[0]["version"]


def test_the_command_serves_until_sigterm_and_keeps_what_it_confirmed(tmp_path: Path) -> None:
    state = tmp_path / "dataverse.jsonl"
    process = start_process("--state", str(state), "--token-life", "60")
    try:
        url = read_line(process)
        with DataverseCaller(DataverseSimulator(port=int(url.rsplit(":", 1)[1]))) as caller:
            assert caller.ask_token().json()["expires_in"] == 60
            caller.upsert("kept")
        second = start_process("--port", url.rsplit(":", 1)[1])
        _, told = second.communicate(timeout=20)
        assert second.returncode == 1
        assert "cannot be used" in told
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
    with DataverseSimulator(state_path=state) as again:
        assert [lead["values"][KEY] for lead in again.leads()] == ["kept"]


def start_process(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "local.dataverse_simulator", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()
