"""Runs as the admin API's tests need them: ended ones, their proposals, and what was started."""

import json
from typing import Any
from uuid import uuid4

import boto3
from psycopg.types.json import Jsonb

from forecourt.storage.postgres import Database
from tests.support.aws_account import AwsAccount

EASYCARS = "/api/admin/easycars"
STOCK = f"{EASYCARS}/sync/stock"
CREDENTIALS = {
    "clientId": "c", "clientSecret": "cs", "accountNumber": "EC1", "accountSecret": "as",
    "environment": "Test",
}  # fmt: skip


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


def kind_of(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:forecourt:problem:")
