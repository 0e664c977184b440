"""Runs that a person starts through the admin API."""

import json
from typing import Any
from uuid import uuid4

import boto3
import pytest
from psycopg.types.json import Jsonb

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import AwsAccount

EASYCARS = "/api/admin/easycars"
STOCK = f"{EASYCARS}/sync/stock"
CREDENTIALS = {
    "clientId": "c", "clientSecret": "cs", "accountNumber": "EC1", "accountSecret": "as",
    "environment": "Test",
}  # fmt: skip


@pytest.fixture
def connected(admin: AdminClient, dealership: int) -> int:
    """The dealership, with credentials."""
    admin("POST", f"{EASYCARS}/credentials", CREDENTIALS, dealershipId=dealership)
    return dealership


def add_run(database: Database, dealership_id: int, **values: Any) -> int:
    """A stock run that has ended."""
    columns: dict[str, Any] = {
        "sync_type": "Stock", "sync_direction": "Inbound", "status": "Success", "job_id": uuid4(),
    } | values  # fmt: skip
    names = ", ".join(columns)
    marks = ", ".join(["%s"] * len(columns))
    (log_id,) = database.connection().execute(
        f"INSERT INTO easycars_sync_logs (dealership_id, {names}) VALUES (%s, {marks})"  # noqa: S608
        " RETURNING id",
        (dealership_id, *columns.values()),
    ).fetchone() or (0,)
    return int(log_id)


def add_proposal(database: Database, dealership_id: int, *stock_numbers: str) -> int:
    proposed = {"total": len(stock_numbers), "stockNumbers": list(stock_numbers)}
    details = Jsonb({"proposedRemovals": proposed})
    return add_run(database, dealership_id, status="Warning", error_details=details)


def executions(account: AwsAccount) -> dict[str, dict[str, Any]]:
    """What the state machine was started with, by the execution's name."""
    machine = boto3.client("stepfunctions")
    found = machine.list_executions(stateMachineArn=account.environment["STATE_MACHINE_ARN"])
    return {
        one["name"]: json.loads(
            machine.describe_execution(executionArn=one["executionArn"])["input"]
        )
        for one in found["executions"]
    }


def acceptances(database: Database) -> list[tuple[Any, ...]]:
    return (
        database.connection()
        .execute(
            "SELECT actor, dealership_id, subject_type, subject_id, detail FROM audit_log"
            " WHERE action = 'removals.accepted' ORDER BY id"
        )
        .fetchall()
    )


@pytest.mark.parametrize(
    ("path", "sync_type", "seconds"), [("stock", "stock", 60), ("leads", "lead", 30)]
)
def test_a_run_needs_credentials_and_a_manager(
    admin: AdminClient,
    dealership: int,
    account: AwsAccount,
    path: str,
    sync_type: str,
    seconds: int,
) -> None:
    path = f"{EASYCARS}/sync/{path}"
    assert admin("POST", path, dealershipId=dealership).status == 400
    admin("POST", f"{EASYCARS}/credentials", CREDENTIALS, dealershipId=dealership)

    assert admin("POST", path, claims=staff(dealership)).status == 403
    started = admin("POST", path, claims=owner(dealership))

    assert (started.status, started.body["estimatedDurationSeconds"]) == (202, seconds)
    assert executions(account) == {
        started.body["jobId"]: {
            "syncType": sync_type,
            "trigger": "manual",
            "jobId": started.body["jobId"],
            "dealershipIds": [dealership],
            "acceptRemovals": False,
        }
    }


def test_what_a_run_proposed_is_shown_vehicle_by_vehicle(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    database.connection().execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, title,"
        " status, easycars_stock_number)"
        " VALUES (%s, 'Toyota', 'Hilux', 2020, 1, 1, 'used', 'Hilux', 'active', 'S2')",
        (dealership,),
    )
    first = add_proposal(database, dealership, "S1")
    log_id = add_proposal(database, dealership, "S2", "S3")
    add_run(database, dealership, status="Failed")
    add_run(database, dealership, sync_type="Lead")

    shown = admin("GET", f"{EASYCARS}/sync/logs/{log_id}", claims=staff(dealership)).body
    earlier = admin("GET", f"{EASYCARS}/sync/logs/{first}").body

    proposed = shown["proposedRemovals"]
    assert (proposed["total"], proposed["canBeAccepted"]) == (2, True)
    assert [(v["stockNumber"], v["title"], v["status"]) for v in proposed["vehicles"]] == [
        ("S2", "Hilux", "active"),
        ("S3", None, None),
    ]
    assert earlier["proposedRemovals"]["canBeAccepted"] is False
    plain = add_run(database, dealership)
    assert admin("GET", f"{EASYCARS}/sync/logs/{plain}").body["proposedRemovals"] == {
        "total": 0,
        "canBeAccepted": False,
        "vehicles": [],
    }


def test_an_accepted_proposal_starts_a_run_that_says_so_and_is_written_down(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    log_id = add_proposal(database, connected, "S1", "S2")

    started = admin("POST", STOCK, {"acceptRemovals": True}, claims=owner(connected))

    assert started.status == 202
    assert "2 vehicles" in started.body["message"]
    job_id = started.body["jobId"]
    assert executions(account)[job_id]["acceptRemovals"] is True
    assert acceptances(database) == [
        (
            "owner-1",
            connected,
            "sync_log",
            str(log_id),
            {"jobId": job_id, "stockNumbers": ["S1", "S2"]},
        )
    ]


@pytest.mark.parametrize("runs", ["none", "a clean one since", "another dealership's"])
def test_without_a_proposal_there_is_nothing_to_accept(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database, runs: str
) -> None:
    if runs == "a clean one since":
        add_proposal(database, connected, "S1")
        add_run(database, connected)
    if runs == "another dealership's":
        other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
        add_proposal(database, other, "S1")

    refused = admin("POST", STOCK, {"acceptRemovals": True}, claims=owner(connected))

    assert (refused.status, refused.body["type"]) == (
        409,
        "urn:forecourt:problem:nothing-proposed",
    )
    assert executions(account) == {}
    assert acceptances(database) == []


def test_only_a_manager_accepts_and_only_with_a_body_that_is_understood(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    add_proposal(database, connected, "S1")

    assert admin("POST", STOCK, {"acceptRemovals": True}, claims=staff(connected)).status == 403
    for body, field in (({"acceptRemovals": "yes"}, "acceptRemovals"), ({"force": True}, "force")):
        refused = admin("POST", STOCK, body, claims=owner(connected))
        assert (refused.status, refused.bad_fields) == (422, {field})

    assert executions(account) == {}
    assert acceptances(database) == []
