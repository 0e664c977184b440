"""The migrate function, fed with its events, against a real PostgreSQL and moto."""

import importlib.util
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from tests.support.aws_account import GROUP, make_schedules
from tests.support.postgres import PostgresForTests

ROOT = Path(__file__).parents[2]
BEFORE, NEWEST = "0009", "0010"
type Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def event(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / f"events/migrate/{name}.json").read_text())
    return content


def address() -> str:
    """Where the handler's database is."""
    secret = boto3.client("secretsmanager").get_secret_value(
        SecretId=os.environ["DATABASE_SECRET_ARN"]
    )
    values: dict[str, str] = json.loads(secret["SecretString"])
    return psycopg.conninfo.make_conninfo(
        host=os.environ["DATABASE_HOST"],
        port=os.environ["DATABASE_PORT"],
        dbname=os.environ["DATABASE_NAME"],
        user=values["username"],
        password=values["password"],
    )


@pytest.fixture
def handler(postgres: PostgresForTests, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    with postgres.empty_database() as url, mock_aws():
        parts = psycopg.conninfo.conninfo_to_dict(url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
        secret = boto3.client("secretsmanager").create_secret(
            Name="database",
            SecretString=json.dumps({"username": parts["user"], "password": parts["password"]}),
        )
        monkeypatch.setenv("DATABASE_HOST", "127.0.0.1")
        monkeypatch.setenv("DATABASE_PORT", str(parts["port"]))
        monkeypatch.setenv("DATABASE_NAME", str(parts["dbname"]))
        monkeypatch.setenv("DATABASE_SECRET_ARN", secret["ARN"])
        monkeypatch.setenv("DATABASE_SSLMODE", "disable")
        monkeypatch.setenv("SCHEDULE_GROUP", GROUP)
        make_schedules("arn:aws:states:ap-southeast-2:123456789012:stateMachine:sync")
        spec = importlib.util.spec_from_file_location("app", ROOT / "functions/migrate/app.py")
        assert spec is not None
        assert spec.loader is not None
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        yield app.handler


def test_goes_up_tells_where_it_is_and_goes_down(handler: Handler) -> None:
    up = handler(event("upgrade"), None)
    assert (up["from"], up["to"], up["applied"][-1]) == (None, NEWEST, NEWEST)

    assert handler(event("current"), None) == {"from": NEWEST, "to": NEWEST, "applied": []}

    one_step = handler({"action": "downgrade", "revision": "-1"}, None)
    assert one_step == {"from": NEWEST, "to": BEFORE, "applied": [NEWEST]}

    down = handler(event("downgrade"), None)
    assert (down["from"], down["to"], down["applied"][-1]) == (BEFORE, None, "0001")


def test_a_deploy_leaves_schedules_as_the_settings_say(handler: Handler) -> None:
    first = handler({}, None)
    assert first["schedules"] == {"kept": 2, "removed": 0, "refused": {}}
    with psycopg.connect(address()) as connection:
        connection.execute(
            "UPDATE system_settings SET value = '30 3 * * *' WHERE key = 'easycar_sync_cron'"
        )
        (dealership,) = connection.execute(
            "INSERT INTO dealership (name) VALUES ('Own') RETURNING id"
        ).fetchone() or (0,)
        connection.execute(
            "INSERT INTO dealership_settings"
            " (dealership_id, easycar_sync_cron, easycar_sync_timezone)"
            " VALUES (%s, '0 5 * * *', 'Asia/Tokyo')",
            [dealership],
        )
    scheduler = boto3.client("scheduler")
    nightly = scheduler.get_schedule(GroupName=GROUP, Name="nightly-stock")
    scheduler.create_schedule(
        Name="stock-dealership-9999",
        GroupName=GROUP,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=nightly["Target"],
    )

    again = handler(event("upgrade"), None)

    assert again["applied"] == []
    assert again["schedules"] == {"kept": 3, "removed": 1, "refused": {}}
    kept = {
        one["Name"]: scheduler.get_schedule(GroupName=GROUP, Name=one["Name"])
        for one in scheduler.list_schedules(GroupName=GROUP)["Schedules"]
    }
    assert set(kept) == {"nightly-stock", "hourly-leads", f"stock-dealership-{dealership}"}
    assert kept["nightly-stock"]["ScheduleExpression"] == "cron(30 3 * * ? *)"
    own = kept[f"stock-dealership-{dealership}"]
    assert own["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert json.loads(own["Target"]["Input"])["dealershipIds"] == [dealership]


def test_only_the_newest_schema_touches_schedules(handler: Handler) -> None:
    assert "schedules" not in handler({"action": "upgrade", "revision": "0002"}, None)
    assert "schedules" not in handler(event("current"), None)
    assert "schedules" not in handler(event("downgrade"), None)


def test_an_empty_event_goes_up(handler: Handler) -> None:
    assert handler({}, None)["to"] == NEWEST


def test_an_unknown_action_is_refused(handler: Handler) -> None:
    with pytest.raises(ValueError, match="'sideways' is not a valid SchemaAction"):
        handler({"action": "sideways"}, None)
