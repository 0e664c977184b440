"""What the main job promises, seen from outside: commands, HTTP, the database, the simulator."""

from __future__ import annotations

import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from local.postgres_cluster import postgres_binaries
from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("O'Brien Motors", "Autohaus Müller", "Harbour City")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("main-job") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def dealers(stack: RunningStack) -> list[dict[str, Any]]:
    """Three dealerships with credentials; the last one's client secret is wrong."""
    accounts = stack.simulator("accounts")["accounts"]
    added = []
    for name, account in zip(NAMES, accounts, strict=False):
        dealer = stack.json("dealership", "add", "--name", name)
        secret = str(uuid.uuid4()) if name == NAMES[-1] else account["clientSecret"]
        stack.json(
            *("credentials", "set", dealer["id"]),
            *("--client-id", account["clientId"], "--client-secret", secret),
            *("--account-number", account["accountNumber"]),
            *("--account-secret", account["accountSecret"], "--environment", "Test"),
        )
        added.append({**dealer, "name": name, "account": account, "clientSecret": secret})
    return added


def wait_for_deliveries(stack: RunningStack, count: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 30
    while True:
        rows = stack.rows("SELECT * FROM lead_delivery WHERE state = 'delivered' ORDER BY id")
        if len(rows) >= count or time.monotonic() > deadline:
            return rows
        time.sleep(0.2)


def test_a_posted_lead_is_one_create_lead_one_row_and_one_delivery(
    stack: RunningStack, dealers: list[dict[str, Any]]
) -> None:
    dealer = dealers[0]
    body = {
        "name": "Siobhán O'Hara",
        "email": "siobhan@example.com",
        "phone": "0412 345 678",
        "message": "Is it still there?",
        "vehicleInterest": "TestDrive",
        "rating": "Hot",
    }
    idempotency = {"Idempotency-Key": "form-1"}

    first = stack.post_lead(dealer["siteKey"], body, **idempotency)
    wait_for_deliveries(stack, 1)
    second = stack.post_lead(dealer["siteKey"], body, **idempotency)
    time.sleep(2)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json() == {"leadId": first.json()["leadId"], "status": "queued"}
    leads = stack.rows("SELECT * FROM lead")
    assert [str(lead["external_id"]) for lead in leads] == [first.json()["leadId"]]
    (held,) = stack.simulator("leads")["leads"]
    assert held["fields"]["ExternalID"] == first.json()["leadId"]
    assert (held["fields"]["Rating"], held["fields"]["VehicleInterest"]) == (3, 4)
    assert held["customer"]["Name"] == "Siobhán O'Hara"
    assert leads[0]["easycars_lead_number"] == held["leadNumber"] == "000001"
    deliveries = stack.rows("SELECT * FROM lead_delivery")
    assert [(row["state"], row["remote_id"]) for row in deliveries] == [("delivered", "000001")]
    # Inbound would be the hourly refresh, should the hour strike meanwhile.
    logs = stack.rows(
        "SELECT * FROM easycars_sync_logs WHERE sync_type = 'Lead' AND sync_direction = 'Outbound'"
    )
    assert [row["status"] for row in logs] == ["Success"]
    requests = stack.simulator("requests")
    assert requests["invalid"] == []
    assert requests["counts"]["CreateLead"] == 1

    shown = stack.json("deliveries", "show", deliveries[0]["id"])
    assert (shown["leadId"], shown["state"]) == (first.json()["leadId"], "delivered")
    token = stack.json("token", "--dealership", dealer["id"])["token"]
    admin = stack.ready["url"] + "/api/admin"
    bearer = {"Authorization": f"Bearer {token}"}
    detail = httpx.get(f"{admin}/leads/{first.json()['leadId']}", headers=bearer)
    assert detail.status_code == 200, detail.text
    assert [row["state"] for row in detail.json()["deliveries"]] == ["delivered"]
    listed = httpx.get(f"{admin}/easycars/sync/logs?direction=outbound", headers=bearer)
    assert listed.json()["pagination"]["totalRecords"] == 1
    assert httpx.get(f"{admin}/easycars/sync/logs").status_code == 401
    foreign = stack.json("token", "--dealership", dealers[1]["id"])["token"]
    hidden = httpx.get(
        f"{admin}/leads/{first.json()['leadId']}", headers={"Authorization": f"Bearer {foreign}"}
    )
    assert hidden.status_code == 404


def test_an_hour_s_refresh_brings_what_easycars_staff_changed_and_sends_nothing_back(
    stack: RunningStack, dealers: list[dict[str, Any]]
) -> None:
    account = dealers[0]["account"]["accountNumber"]
    edit = {"account": account, "leadNumber": "000001", "fields": {"Rating": 1}}
    httpx.post(f"{stack.ready['easycars_url']}/_control/lead-edits", json=edit).raise_for_status()

    report = stack.json("sync", "leads")

    assert (report["planned"], report["succeeded"], report["failed"]) == (3, 3, 0)
    [lead] = stack.rows("SELECT name, rating, data_source, version FROM lead")
    assert lead == {
        "name": "Siobhán O'Hara", "rating": "Cold", "data_source": "WebForm", "version": 2,
    }  # fmt: skip
    [delivery] = stack.rows("SELECT state, delivered_version FROM lead_delivery")
    assert (delivery["state"], delivery["delivered_version"]) == ("delivered", 2)
    runs = stack.rows(
        "SELECT sync_type, sync_direction, status, records_processed FROM easycars_sync_logs"
        " WHERE job_id = %s ORDER BY dealership_id",
        report["jobId"],
    )
    assert [run["records_processed"] for run in runs] == [1, 0, 0]
    assert {(run["sync_type"], run["sync_direction"], run["status"]) for run in runs} == {
        ("Lead", "Inbound", "Success")
    }
    requests = stack.simulator("requests")
    assert (requests["invalid"], requests["counts"].get("UpdateLead")) == ([], None)


def test_a_night_s_stock_arrives_and_one_dealership_fails_alone(
    stack: RunningStack, dealers: list[dict[str, Any]]
) -> None:
    first = stack.json("sync", "stock", exit_code=1)
    second = stack.json("sync", "stock", exit_code=1)

    for report in (first, second):
        assert (report["planned"], report["succeeded"], report["failed"]) == (3, 2, 1)
        assert [failure["name"] for failure in report["failures"]] == [NAMES[-1]]
    vehicles = stack.rows("SELECT dealership_id, count(*) AS n FROM vehicle GROUP BY 1 ORDER BY 1")
    assert [row["dealership_id"] for row in vehicles] == [d["id"] for d in dealers[:2]]
    runs = stack.rows(
        "SELECT dealership_id, status, records_created, records_unchanged, records_failed"
        " FROM easycars_sync_logs WHERE job_id = %s ORDER BY 1",
        second["jobId"],
    )
    assert [(r["status"], r["records_created"], r["records_unchanged"]) for r in runs] == [
        ("Success", 0, vehicles[0]["n"]),
        ("Success", 0, vehicles[1]["n"]),
        ("Failed", 0, 0),
    ]

    machine = boto3.client(
        "stepfunctions",
        endpoint_url=stack.ready["aws_endpoint_url"],
        region_name="ap-southeast-2",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    arn = machine.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    executions = machine.list_executions(stateMachineArn=arn)["executions"]
    mine = next(e for e in executions if e["name"] == second["jobId"])
    assert mine["status"] == "FAILED"
    (map_run,) = machine.list_map_runs(executionArn=mine["executionArn"])["mapRuns"]
    counts = machine.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["failed"]) == (3, 2, 1)


def test_pictures_arrive_and_a_further_night_fetches_none(
    stack: RunningStack, dealers: list[dict[str, Any]]
) -> None:
    deadline = time.monotonic() + 100
    while stack.rows("SELECT FROM vehicle WHERE images_wanted IS DISTINCT FROM images_done"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    every_row = (
        "SELECT id, images, last_synced_from_easycars, xmin::text AS writer"
        " FROM vehicle ORDER BY id"
    )
    every_picture = "SELECT id, fetched_at, xmin::text AS writer FROM vehicle_image ORDER BY id"
    before, kept = stack.rows(every_row), stack.rows(every_picture)
    fetched = stack.simulator("requests")["counts"]["Image"]
    pictures = [url for row in before for url in row["images"]]

    answer = httpx.get(pictures[0])
    night = stack.json("sync", "stock", exit_code=1)
    again = stack.rows(
        "SELECT sum(records_unchanged) AS unchanged, sum(records_updated) AS updated,"
        " bool_or(response_summary ? 'imagesQueued') AS queued"
        " FROM easycars_sync_logs WHERE job_id = %s AND status = 'Success'",
        night["jobId"],
    )

    assert fetched >= len(set(pictures)) > len(before)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert (night["planned"], night["succeeded"]) == (3, 2)
    assert again == [{"unchanged": len(before), "updated": 0, "queued": False}]
    assert stack.rows(every_row) == before
    assert stack.rows(every_picture) == kept
    assert stack.simulator("requests")["counts"]["Image"] == fetched


def test_no_planted_secret_is_in_the_database_or_the_logs(
    stack: RunningStack, dealers: list[dict[str, Any]]
) -> None:
    dump = subprocess.run(
        [postgres_binaries() / "pg_dump", "--dbname", stack.ready["database_url"]],
        capture_output=True,
        check=True,
    ).stdout.decode()
    assert "CREATE TABLE" in dump
    assert "Siobhán O'Hara" in dump
    logs = {path: path.read_text() for path in stack.data.joinpath("logs").iterdir()}
    assert any(logs.values())
    planted = {
        secret
        for dealer in dealers
        for secret in (
            dealer["clientSecret"],
            dealer["account"]["clientSecret"],
            dealer["account"]["accountSecret"],
        )
    }
    assert len(planted) >= 7
    for secret in planted:
        assert secret not in dump
        for path, content in logs.items():
            assert secret not in content, path.name
    for path, content in logs.items():
        assert "siobhan@example.com" not in content, path.name
        assert "Siobhán" not in content, path.name
