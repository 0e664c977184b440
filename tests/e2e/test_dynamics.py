"""Dynamics 365 on a running stack: connect, set up, check with things broken, see a lead arrive."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS = 120
LEAD = {
    "name": "Aoife O'Sullivan & Söhne",
    "email": "aoife+crm@example.com",
    "phone": "0412 345 678",
    "message": "Is it still there?",
    "consent": {"marketing": True},
    "company": {"name": "Sullivan Plumbing", "domain": "sullivan.example", "readinessScore": 85},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("dynamics") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def dealership(stack: RunningStack) -> dict[str, Any]:
    added: dict[str, Any] = stack.json("dealership", "add", "--name", "O'Brien Motors")
    return added


@pytest.fixture(scope="module")
def accounts(stack: RunningStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dataverse(stack, "accounts")["accounts"]
    return found


@pytest.fixture
def connected(
    stack: RunningStack, dealership: dict[str, Any], accounts: list[dict[str, Any]]
) -> int:
    """The dealership, connected to the tenant that has our columns and an active key."""
    number = int(dealership["id"])
    connect(stack, number, accounts[0])
    return number


def dataverse(stack: RunningStack, path: str, body: Any = None) -> Any:
    """Look at, or change, the simulated Dataverse."""
    address = f"{stack.ready['dynamics_url']}/_control/{path}"
    answer = httpx.get(address) if body is None else httpx.post(address, json=body)
    answer.raise_for_status()
    return answer.json()


def connect(
    stack: RunningStack, dealership: int, account: dict[str, Any], *more: object, **changes: str
) -> dict[str, Any]:
    values = account | changes
    saved: dict[str, Any] = stack.json(
        *("dynamics", "connect", dealership, "--url", values["environmentUrl"]),
        *("--tenant", values["tenantId"], "--client-id", values["clientId"]),
        *("--client-secret", values["clientSecret"], *more),
    )
    return saved


def eventually[Found](ask: Callable[[], Found | None]) -> Found:
    deadline = time.monotonic() + SECONDS
    while True:
        found = ask()
        if found is not None:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.3)


def in_dataverse(
    stack: RunningStack, lead_id: str, *, has: Callable[[dict[str, Any]], bool] = lambda _: True
) -> dict[str, Any]:
    """The simulator's lead that has our id, once it is there and as wanted."""

    def look() -> dict[str, Any] | None:
        for lead in dataverse(stack, "leads")["leads"]:
            if lead["values"].get("hnt_forecourtid") == lead_id and has(lead["values"]):
                found: dict[str, Any] = lead
                return found
        return None

    return eventually(look)


def until_synced(stack: RunningStack, lead_id: str, version: int = 1) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        lead: dict[str, Any] = stack.json("leads", "show", lead_id)
        (row,) = [one for one in lead["deliveries"] if one["target"] == "Dynamics"]
        done = row["state"] == "delivered" and row["deliveredVersion"] >= version
        return lead if done else None

    return eventually(look)


def test_a_lead_arrives_changes_and_is_pushed_again(
    stack: RunningStack, dealership: dict[str, Any], connected: int
) -> None:
    lead_id = stack.post_lead(dealership["siteKey"], LEAD).json()["leadId"]

    values = in_dataverse(stack, lead_id)["values"]
    assert values["lastname"].endswith("Söhne")
    assert values["emailaddress1"] == LEAD["email"]
    assert values["companyname"] == "Sullivan Plumbing"
    assert values["hnt_domain"] == "sullivan.example"
    assert values["hnt_finalscore"] == 85
    assert values["donotbulkemail"] is False

    lead = until_synced(stack, lead_id)
    assert lead["d365SyncStatus"] == "synced"
    assert lead["d365LeadId"] in lead["d365LeadUrl"]
    stack.json("leads", "set-status", lead_id, "in-progress")
    token = stack.json("token", "--admin")["token"]
    httpx.patch(
        f"{stack.ready['url']}/api/admin/leads/{lead_id}",
        json={"phone": "0499 999 999"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    ).raise_for_status()
    changed = in_dataverse(stack, lead_id, has=lambda held: "0499" in str(held["telephone1"]))
    assert (
        sum(
            one["values"].get("hnt_forecourtid") == lead_id
            for one in dataverse(stack, "leads")["leads"]
        )
        == 1
    )

    until_synced(stack, lead_id, 3)
    pushed = stack.json("dynamics", "push", lead_id)
    assert pushed["leads"] == [{"leadId": lead_id, "status": "queued"}]
    until_synced(stack, lead_id, 3)
    assert in_dataverse(stack, lead_id)["values"] == changed["values"]
    told = stack.json("dynamics", "status", "--job", pushed["jobId"])
    assert told["total"] == 1


def test_the_connection_is_shown_without_its_secret(
    stack: RunningStack, connected: int, accounts: list[dict[str, Any]]
) -> None:
    shown = stack.run("dynamics", "show", connected)

    assert shown.returncode == 0, shown.stderr
    assert "set, changed" in shown.stdout
    assert accounts[0]["clientSecret"] not in shown.stdout


def test_check_passes_for_a_tenant_that_is_ready(stack: RunningStack, connected: int) -> None:
    finished = stack.run("dynamics", "check", connected)

    assert finished.returncode == 0, finished.stdout
    assert "Leads can be pushed." in finished.stdout


BROKEN: list[tuple[dict[str, str], str, str]] = [
    ({"clientSecret": "planted-wrong"}, "token", "client secret"),
    ({"tenantId": "99999999-9999-4999-8999-999999999999"}, "token", "tenant id"),
    ({"clientId": "99999999-9999-4999-8999-999999999999"}, "token", "client id"),
]


@pytest.mark.parametrize(("changes", "failed", "cure"), BROKEN, ids=["secret", "tenant", "client"])
def test_check_says_what_to_do_about_a_wrong_value(
    stack: RunningStack, connected: int, accounts: list[dict[str, Any]],
    changes: dict[str, str], failed: str, cure: str,
) -> None:  # fmt: skip
    connect(stack, connected, accounts[0], **changes)

    report = stack.json("dynamics", "check", connected, exit_code=1)

    (line,) = [one for one in report["lines"] if one["result"] == "fail"]
    assert (line["name"], cure in line["cure"]) == (failed, True)
    assert "planted" not in json.dumps(report)


@pytest.mark.parametrize(
    ("privileges", "user", "failed", "cure"),
    [
        ([], False, "WhoAmI", "Create an application user"),
        ([], True, "leads", "security role"),
        (["prvReadLead", "prvWriteLead"], True, "privileges", "prvCreateLead"),
    ],
    ids=["no application user", "no role", "may not create"],
)
def test_check_says_what_to_do_about_the_application_user(
    stack: RunningStack, connected: int, accounts: list[dict[str, Any]],
    privileges: list[str], user: bool, failed: str, cure: str,
) -> None:  # fmt: skip
    metadata = ["prvReadEntity", "prvReadAttribute"]
    broken = {"privileges": [*privileges, *metadata], "applicationUser": user}
    dataverse(stack, "accounts", accounts[0] | broken)
    try:
        report = stack.json("dynamics", "check", connected, exit_code=1)
    finally:
        dataverse(stack, "accounts", accounts[0])

    line = next(one for one in report["lines"] if one["result"] == "fail")
    assert line["name"] == failed
    assert cure in line["detail"] + line["cure"]


def test_check_says_which_integer_and_which_column_are_wrong(
    stack: RunningStack, connected: int, accounts: list[dict[str, Any]], tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    wrong = {"optionSets": {"hnt_source": {"Manual": 3}}, "columns": {"hnt_prioritylabel": True}}
    config.write_text(json.dumps(wrong))
    connect(stack, connected, accounts[0], "--config", config)

    finished = stack.run("dynamics", "check", connected)

    config.write_text("{}")
    connect(stack, connected, accounts[0], "--config", config)
    assert finished.returncode == 1
    flat = " ".join(finished.stdout.replace("│", " ").split())
    assert "hnt_prioritylabel" in flat
    assert "816940001" in flat


def test_what_is_switched_off_is_told(stack: RunningStack, connected: int) -> None:
    connect_off = stack.json("dynamics", "connect", connected, "--disabled")
    report = stack.json("dynamics", "check", connected)
    stack.json("dynamics", "connect", connected, "--enabled")

    assert connect_off["enabled"] is False
    (line,) = [one for one in report["lines"] if one["name"] == "switches"]
    assert (line["result"], "--enabled" in line["cure"]) == ("warn", True)


def test_a_stock_tenant_is_set_up_and_then_takes_leads(
    stack: RunningStack, accounts: list[dict[str, Any]]
) -> None:
    other = stack.json("dealership", "add", "--name", "Bayside Marine")
    connect(stack, other["id"], accounts[1])

    unasked = stack.run("dynamics", "setup", other["id"])
    broken = stack.json("dynamics", "check", other["id"], exit_code=1)
    report = stack.json("dynamics", "setup", other["id"], "--yes", "--wait", 60)
    again = stack.run("dynamics", "setup", other["id"])

    assert (unasked.returncode, "--yes" in unasked.stderr) == (2, True)
    assert [one["name"] for one in broken["lines"] if one["result"] == "fail"] == ["alternate key"]
    assert report["ready"]
    assert again.returncode == 0, again.stderr
    assert "Ready." in again.stdout
    stack.json("dynamics", "check", other["id"])

    lead_id = stack.post_lead(other["siteKey"], LEAD).json()["leadId"]
    values = in_dataverse(stack, lead_id)["values"]
    assert "hnt_finalscore" not in values


def test_a_removed_connection_says_what_its_leads_do(
    stack: RunningStack, accounts: list[dict[str, Any]]
) -> None:
    other = stack.json("dealership", "add", "--name", "Harbour City")
    connect(stack, other["id"], accounts[0])

    unasked = stack.run("dynamics", "disconnect", other["id"])
    removed = stack.run("dynamics", "disconnect", other["id"], "--yes")
    gone = stack.run("dynamics", "show", other["id"])

    assert (unasked.returncode, "--yes" in unasked.stderr) == (1, True)
    assert "0 leads waited" in " ".join(removed.stdout.split())
    assert (gone.returncode, "dynamics connect" in gone.stderr) == (1, True)


def test_an_empty_status_says_so(stack: RunningStack, accounts: list[dict[str, Any]]) -> None:
    other = stack.json("dealership", "add", "--name", "Quiet")

    finished = stack.run("dynamics", "status", "--dealership", other["id"])

    assert finished.returncode == 0, finished.stderr
    assert "0 leads" in finished.stdout
    assert "None is in trouble." in finished.stdout


@pytest.mark.parametrize(
    "command", ["connect", "show", "disconnect", "check", "setup", "push", "retry", "status"]
)
def test_every_command_explains_itself(stack: RunningStack, command: str) -> None:
    finished = RunningStack.run_anywhere("dynamics", command, "--help")

    assert finished.returncode == 0
    assert "Usage" in finished.stdout
