"""Runs that a person starts through the admin API."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import AwsAccount
from tests.support.clock import let_pass
from tests.support.started_runs import (
    CREDENTIALS,
    EASYCARS,
    STOCK,
    add_run,
    executions,
    kind_of,
)


@pytest.mark.parametrize(("path", "sync_type"), [("stock", "stock"), ("leads", "lead")])
def test_who_asked_for_a_run_is_written_down(
    admin: AdminClient, connected: int, database: Database, path: str, sync_type: str
) -> None:
    started = admin("POST", f"{EASYCARS}/sync/{path}", claims=owner(connected))

    assert started.status == 202
    written = database.connection().execute(
        "SELECT actor, actor_type, dealership_id, subject_type, subject_id, detail FROM audit_log"
        " WHERE action = 'sync.start_asked'"
    )
    assert written.fetchall() == [
        (
            "owner-1", "DealershipOwner", connected, "sync_job", started.body["jobId"],
            {"syncType": sync_type, "dealerships": 1},
        )
    ]  # fmt: skip


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


@pytest.mark.parametrize("path", ["stock", "leads"])
def test_nothing_starts_while_syncs_are_switched_off(
    admin: AdminClient, connected: int, account: AwsAccount, path: str
) -> None:
    admin("PUT", "/api/admin/settings", {"syncEnabled": False})
    refused = admin("POST", f"{EASYCARS}/sync/{path}", claims=owner(connected))
    assert kind_of(refused) == (409, "switched-off")
    assert executions(account) == {}
    admin("PUT", "/api/admin/settings", {"syncEnabled": True})
    assert admin("POST", f"{EASYCARS}/sync/{path}", claims=owner(connected)).status == 202


def add_job(database: Database, *, sync_type: str = "stock", concurrency: int = 2) -> UUID:
    """A job that has ended."""
    job_id = uuid4()
    database.connection().execute(
        "INSERT INTO sync_job (id, sync_type, trigger, planned, concurrency, completed_at, status)"
        " VALUES (%s, %s, 'schedule', 3, %s, now(), 'Failed')",
        (job_id, sync_type, concurrency),
    )
    return job_id


def add_dealership(admin: AdminClient, name: str) -> int:
    return int(admin("POST", "/api/admin/dealerships", {"name": name}).body["id"])


@pytest.fixture
def night(admin: AdminClient, dealership: int, database: Database) -> tuple[UUID, list[int]]:
    """A job in which the first two of three dealerships failed."""
    ids = [dealership, add_dealership(admin, "Second"), add_dealership(admin, "Third")]
    job_id = add_job(database)
    for one, status in zip(ids, ("Failed", "Failed", "Warning"), strict=True):
        add_run(database, one, job_id=job_id, status=status)
    add_run(database, ids[2], status="Failed")
    return job_id, ids


def test_only_those_that_failed_in_a_job_run_again(
    admin: AdminClient, account: AwsAccount, night: tuple[UUID, list[int]]
) -> None:
    job_id, ids = night

    started = admin("POST", STOCK, {"failedOf": str(job_id)})

    assert started.status == 202
    assert "2 dealerships" in started.body["message"]
    assert started.body["estimatedDurationSeconds"] == 5 + 55
    assert executions(account)[started.body["jobId"]]["dealershipIds"] == ids[:2]


def test_an_owner_starts_of_a_job_only_what_is_the_owners(
    admin: AdminClient, account: AwsAccount, night: tuple[UUID, list[int]]
) -> None:
    job_id, ids = night
    body = {"failedOf": str(job_id)}

    started = admin("POST", STOCK, body, claims=owner(ids[1]))

    assert executions(account)[started.body["jobId"]]["dealershipIds"] == [ids[1]]
    assert kind_of(admin("POST", STOCK, body, claims=owner(ids[2]))) == (409, "nothing-failed")
    assert admin("POST", STOCK, body, claims=owner(999)).status == 404
    assert admin("POST", STOCK, body, claims=staff(ids[0])).status == 403
    assert admin("POST", STOCK, {"failedOf": str(uuid4())}).status == 404
    assert len(executions(account)) == 1


def test_a_job_of_the_other_kind_or_one_that_goes_on_is_not_repeated(
    admin: AdminClient, account: AwsAccount, database: Database, night: tuple[UUID, list[int]]
) -> None:
    job_id, _ = night
    body = {"failedOf": str(job_id)}
    assert kind_of(admin("POST", f"{EASYCARS}/sync/leads", body)) == (409, "other-kind")

    database.connection().execute(
        "UPDATE sync_job SET completed_at = NULL, status = 'Running' WHERE id = %s", (job_id,)
    )
    assert kind_of(admin("POST", STOCK, body)) == (409, "still-running")
    assert executions(account) == {}

    # Aborted: nothing of it moves any more.
    add_run(
        database, add_dealership(admin, "Stuck"), job_id=job_id, status="InProgress",
        lease_until=datetime.now(UTC),
    )  # fmt: skip
    let_pass(database, 660)
    started = admin("POST", STOCK, body)
    assert len(executions(account)[started.body["jobId"]]["dealershipIds"]) == 3


def test_leads_that_failed_are_refreshed_again(
    admin: AdminClient, dealership: int, account: AwsAccount, database: Database
) -> None:
    job_id = add_job(database, sync_type="lead")
    add_run(database, dealership, job_id=job_id, sync_type="Lead", status="Failed")

    started = admin("POST", f"{EASYCARS}/sync/leads", {"failedOf": str(job_id)})

    run = executions(account)[started.body["jobId"]]
    assert (run["syncType"], run["dealershipIds"]) == ("lead", [dealership])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"failedOf": "last night"}, "failedOf"),
        ({"failedOf": 7}, "failedOf"),
        ({"failedOf": str(uuid4()), "acceptRemovals": True}, "acceptRemovals"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_field(
    admin: AdminClient, connected: int, body: dict[str, Any], field: str
) -> None:
    assert admin("POST", STOCK, body, dealershipId=connected).bad_fields == {field}


def test_a_run_is_started_by_hand_once_a_minute(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    assert admin("POST", STOCK, claims=owner(connected)).status == 202
    again = admin("POST", STOCK, claims=owner(connected))

    assert kind_of(again) == (429, "started-just-now")
    assert 50 < int(again.headers["Retry-After"]) <= 60
    assert admin("POST", f"{EASYCARS}/sync/leads", claims=owner(connected)).status == 202
    let_pass(database, 40)
    assert 10 < int(admin("POST", STOCK, claims=owner(connected)).headers["Retry-After"]) <= 20
    let_pass(database, 20)
    assert admin("POST", STOCK, claims=owner(connected)).status == 202
    assert len(executions(account)) == 3


def test_one_dealership_that_ran_just_now_holds_back_the_repeat_of_all_and_no_other(
    admin: AdminClient, database: Database, account: AwsAccount, night: tuple[UUID, list[int]]
) -> None:
    job_id, ids = night
    body = {"failedOf": str(job_id)}
    assert admin("POST", STOCK, body, claims=owner(ids[1])).status == 202

    assert admin("POST", STOCK, body).status == 429
    assert admin("POST", STOCK, body, claims=owner(ids[0])).status == 202


def test_a_start_that_failed_takes_no_turn(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    machine = boto3.client("stepfunctions")
    arn = account.environment["STATE_MACHINE_ARN"]
    definition = machine.describe_state_machine(stateMachineArn=arn)
    machine.delete_state_machine(stateMachineArn=arn)
    assert admin("POST", STOCK, claims=owner(connected)).status == 500

    machine.create_state_machine(
        name=definition["name"],
        definition=definition["definition"],
        roleArn=definition["roleArn"],
    )
    assert admin("POST", STOCK, claims=owner(connected)).status == 202


def test_a_command_is_held_back_by_the_lock_alone(
    admin: AdminClient, connected: int, database: Database
) -> None:
    for _ in range(2):
        assert admin("POST", STOCK, api_id="command-line", dealershipId=connected).status == 202
    assert admin("POST", STOCK, dealershipId=connected).status == 202

    add_run(
        database, connected, status="InProgress",
        lease_until=datetime.now(UTC) + timedelta(minutes=5),
    )  # fmt: skip
    refused = admin("POST", STOCK, api_id="command-line", dealershipId=connected)
    assert kind_of(refused) == (409, "already-running")


def test_a_run_beside_a_running_one_is_refused_and_since_when(
    admin: AdminClient, connected: int, database: Database, account: AwsAccount
) -> None:
    log_id = add_run(
        database, connected, status="InProgress", started_at=datetime(2026, 3, 2, 2, tzinfo=UTC),
        lease_until=datetime.now(UTC) + timedelta(minutes=5),
    )  # fmt: skip

    refused = admin("POST", STOCK, claims=owner(connected))

    assert kind_of(refused) == (409, "already-running")
    assert "already running since 2026-03-02 02:00:00 UTC" in refused.body["detail"]
    assert executions(account) == {}
    assert admin("POST", f"{EASYCARS}/sync/leads", claims=owner(connected)).status == 202
    database.connection().execute(
        "UPDATE easycars_sync_logs SET lease_until = now() WHERE id = %s", (log_id,)
    )
    assert admin("POST", STOCK, claims=owner(connected)).status == 202


def test_the_estimate_is_what_the_last_runs_took(
    admin: AdminClient, connected: int, database: Database
) -> None:
    took = [900, 10, 20, 30, 1000, 40]
    for age, seconds in enumerate(took):
        start = datetime.now(UTC) - timedelta(days=len(took) - age)
        end = start + timedelta(seconds=seconds)
        add_run(database, connected, started_at=start, completed_at=end)
    for other in ({"status": "Failed"}, {"sync_type": "Lead"}):
        end = datetime.now(UTC)
        start = end - timedelta(seconds=7000)
        add_run(database, connected, started_at=start, completed_at=end, **other)

    started = admin("POST", STOCK, claims=owner(connected))

    assert started.body["estimatedDurationSeconds"] == 5 + 30
