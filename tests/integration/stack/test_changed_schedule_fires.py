"""A time changed through the admin API is the time at which the running stack fires."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import psycopg.conninfo
import pytest

from forecourt.storage.postgres import Database
from local.aws_endpoint import AwsEndpoint
from local.clients import local_clients
from local.http_server import HttpServer
from local.scheduler import Scheduler
from tests.support.admin_api import AdminClient
from tests.support.aws_account import REGION, AwsAccount, make_resources
from tests.support.handlers import new_sandbox


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(hour=12, minute=0, second=30, microsecond=0)
        self.now += timedelta(days=1)

    def __call__(self) -> datetime:
        return self.now


class Stack:
    """moto behind a port, and the scheduler that watches it; nothing of it is started anew."""

    def __init__(self, server: HttpServer) -> None:
        self.clock = Clock()
        self.scheduler = Scheduler(local_clients(server.url, REGION), clock=self.clock)
        server.serve(AwsEndpoint(account="123456789012", region=REGION, effects=self))

    def objects_changed(self, bucket: str, key: str) -> None:
        pass

    def secrets_changed(self) -> None:
        pass

    def schedules_changed(self) -> None:
        self.scheduler.schedules_changed()

    def started_until(self, hour: int, minute: int) -> list[dict[str, Any]]:
        """Let the clock come to a time of its day; return what had been started by then."""
        self.clock.now = self.clock.now.replace(hour=hour, minute=minute)
        self.scheduler.fire_due()
        sfn = boto3.client("stepfunctions")
        machine = sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"]
        executions = sfn.list_executions(stateMachineArn=machine)["executions"]
        inputs = (
            json.loads(sfn.describe_execution(executionArn=one["executionArn"])["input"])
            for one in executions
        )
        return [found for found in inputs if found["scheduleName"] != "hourly-leads"]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    server = HttpServer(0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    try:
        yield Stack(server)
    finally:
        server.stop()


@pytest.fixture
def admin(
    stack: Stack, database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AdminClient]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    account: AwsAccount = make_resources(
        {"username": str(parts["user"]), "password": str(parts["password"])}
    )
    environment = {
        **account.environment,
        "DATABASE_HOST": str(parts["host"]),
        "DATABASE_PORT": str(parts["port"]),
        "DATABASE_NAME": str(parts["dbname"]),
        "DATABASE_SSLMODE": "disable",
        "EASYCARS_TEST_URL": "http://127.0.0.1:9/test",
        "EASYCARS_PRODUCTION_URL": "http://127.0.0.1:9/production",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sandbox = new_sandbox("admin_api")
    yield AdminClient(sandbox.handler)
    for connection in sandbox.connections():
        connection.close()


def test_the_changed_cron_is_when_the_nightly_run_starts(stack: Stack, admin: AdminClient) -> None:
    changed = admin("PUT", "/api/admin/settings", {"syncCron": "30 2 * * *", "syncTimezone": "UTC"})
    assert changed.status == 200
    assert stack.started_until(13, 0) == []

    # 23:10 in Tokyo is 14:10 UTC.
    admin("PUT", "/api/admin/settings", {"syncCron": "10 23 * * *", "syncTimezone": "Asia/Tokyo"})

    assert stack.started_until(14, 9) == []
    (started,) = stack.started_until(14, 11)
    assert started["scheduleName"] == "nightly-stock"
    assert started["scheduledTime"] == f"{stack.clock.now:%Y-%m-%d}T14:10:00Z"
    assert stack.started_until(23, 50) == [started]
