"""catch_up with its settings, a real PostgreSQL, and Scheduler and Step Functions in memory."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import psycopg.conninfo
import pytest

from forecourt.stock.plan_request import PlanRequest, scheduled_job_id
from forecourt.storage.postgres import Database
from forecourt.storage.schedules import PostgresRunHistory
from tests.support.aws_account import GROUP, REGION, aws_account
from tests.support.handlers import Handler, new_sandbox, read_event


@pytest.fixture
def look(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as account:
        environment = {
            **account.environment,
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sandbox = new_sandbox("catch_up")
        yield sandbox.handler
        sandbox.database().close()


def due(minutes_ago: int) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes_ago)


def schedule_for(database: Database, moment: datetime) -> None:
    """Let the nightly run be due at a moment, the leads on New Year's Day, and both of old."""
    for key, cron in (
        ("easycar_sync_cron", f"{moment:%M} {moment:%H} * * *"),
        ("easycar_lead_sync_cron", "0 0 1 1 *"),
    ):
        database.connection().execute(
            "UPDATE system_settings SET value = %s WHERE key = %s", [cron, key]
        )
    database.connection().execute(
        "UPDATE system_settings SET updated_at = now() - '1 day'::interval"
    )


def executions() -> list[dict[str, Any]]:
    sfn = boto3.client("stepfunctions")
    machine = sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    return [
        dict(sfn.describe_execution(executionArn=one["executionArn"]))
        for one in sfn.list_executions(stateMachineArn=machine)["executions"]
    ]


def test_a_missed_run_is_started_once_as_the_job_its_schedule_would_have_made(
    look: Handler, database: Database
) -> None:
    moment = due(30)
    schedule_for(database, moment)

    assert look(read_event("catch_up", "look"), None) == {"started": ["nightly-stock"]}
    look({}, None)

    (execution,) = executions()
    job_id = scheduled_job_id("nightly-stock", moment)
    assert execution["name"] == str(job_id)
    assert json.loads(execution["input"]) == {
        "syncType": "stock",
        "trigger": "catch_up",
        "scheduleName": "nightly-stock",
        "scheduledTime": f"{moment:%Y-%m-%dT%H:%M:00Z}",
    }
    planned = PlanRequest.from_event(
        {
            "input": json.loads(execution["input"]),
            "executionName": execution["name"],
            "startedAt": "2026-03-02T02:00:03.412Z",
        }
    )
    assert planned.job_id == job_id


def test_a_run_that_was_caught_up_in_vain_is_not_caught_up_again(
    look: Handler, database: Database
) -> None:
    moment = due(30)
    schedule_for(database, moment)
    sfn = boto3.client("stepfunctions")
    sfn.start_execution(
        stateMachineArn=sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"],
        name=str(scheduled_job_id("nightly-stock", moment)),
        input='{"it": "failed before it could plan"}',
    )

    assert look({}, None) == {"started": []}
    assert len(executions()) == 1


def test_a_dealerships_own_schedule_is_caught_up_for_it_alone(
    look: Handler, database: Database
) -> None:
    moment = due(45)
    schedule_for(database, due(5))
    connection = database.connection()
    (dealership,) = connection.execute(
        "INSERT INTO dealership (name) VALUES ('Own') RETURNING id"
    ).fetchone() or (0,)
    connection.execute(
        "INSERT INTO dealership_settings"
        " (dealership_id, easycar_sync_cron, easycar_sync_timezone, updated_at)"
        " VALUES (%s, %s, 'UTC', now() - '1 day'::interval)",
        [dealership, f"{moment:%M} {moment:%H} * * *"],
    )

    assert look({}, None) == {"started": [f"stock-dealership-{dealership}"]}

    (execution,) = executions()
    assert json.loads(execution["input"])["dealershipIds"] == [dealership]


def test_a_run_that_has_its_row_is_left_alone(look: Handler, database: Database) -> None:
    moment = due(30)
    schedule_for(database, moment)
    database.connection().execute(
        "INSERT INTO sync_job (id, sync_type, trigger, schedule_name, scheduled_time)"
        " VALUES (%s, 'stock', 'catch_up', 'nightly-stock', %s)",
        [scheduled_job_id("nightly-stock", moment), moment],
    )

    assert look({}, None) == {"started": []}
    assert executions() == []
    history = PostgresRunHistory(database)
    assert history.last_scheduled(moment) == {"nightly-stock": moment}
    assert history.last_scheduled(moment + timedelta(minutes=1)) == {}


def test_a_schedule_the_deployment_turned_off_misses_nothing(
    look: Handler, database: Database
) -> None:
    schedule_for(database, due(30))
    scheduler = boto3.client("scheduler")
    nightly = scheduler.get_schedule(GroupName=GROUP, Name="nightly-stock")
    scheduler.update_schedule(
        Name="nightly-stock",
        GroupName=GROUP,
        ScheduleExpression=nightly["ScheduleExpression"],
        FlexibleTimeWindow=nightly["FlexibleTimeWindow"],
        Target=nightly["Target"],
        State="DISABLED",
    )

    assert look({}, None) == {"started": []}
