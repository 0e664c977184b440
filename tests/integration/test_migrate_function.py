"""The migrate function, fed with its events, against a real PostgreSQL and moto."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws

from tests.support.postgres import PostgresForTests

ROOT = Path(__file__).parents[2]
NEWEST = "0008"
type Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def event(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / f"events/migrate/{name}.json").read_text())
    return content


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
    assert one_step == {"from": NEWEST, "to": "0007", "applied": [NEWEST]}

    down = handler(event("downgrade"), None)
    assert (down["from"], down["to"], down["applied"][-1]) == ("0007", None, "0001")


def test_an_empty_event_goes_up(handler: Handler) -> None:
    assert handler({}, None)["to"] == NEWEST


def test_an_unknown_action_is_refused(handler: Handler) -> None:
    with pytest.raises(ValueError, match="'sideways' is not a valid SchemaAction"):
        handler({"action": "sideways"}, None)
