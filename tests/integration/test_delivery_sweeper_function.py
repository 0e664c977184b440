"""The sweeper's function on its events: real database, AWS in memory."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import psycopg
import pytest

from forecourt.errors import PermanentError
from forecourt.storage.postgres import Database
from tests.support.aws_account import REGION, AwsAccount, aws_account
from tests.support.handlers import ROOT, new_sandbox, read_event

NOTHING = {
    "freed": 0, "returned": 0, "woken": 0, "probes": 0, "announced": 0, "interrupted": False,
}  # fmt: skip


class Context:
    """The part of a Lambda context the function reads; too short for a second look."""

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@pytest.fixture
def account(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as opened:
        environment = {
            **opened.environment,
            "LEAD_EVENTS_TOPIC_ARN": boto3.client("sns").create_topic(Name="leads")["TopicArn"],
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
            "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
            "POWERTOOLS_SERVICE_NAME": "delivery_sweeper",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def sandbox(account: AwsAccount) -> Iterator[ModuleType]:
    module = new_sandbox("delivery_sweeper")
    yield module
    module.database().close()


@pytest.fixture
def due_lead(database: Database) -> dict[str, Any]:
    """A lead that was stored long ago and neither delivered nor announced."""
    row = database.connection().execute(
        "WITH d AS (INSERT INTO dealership (name) VALUES ('Bayside Autos') RETURNING id),"
        " l AS (INSERT INTO lead (dealership_id, name, email, phone, message, data_source,"
        "   created_at, received_at) SELECT id, 'Zoë', 'zoe@mail.example', '', '', 'WebForm',"
        "   now() - interval '1 hour', '2026-11-20T22:15:00Z' FROM d"
        "   RETURNING id, external_id, dealership_id)"
        " INSERT INTO lead_delivery (lead_id, dealership_id, target)"
        " SELECT id, dealership_id, 'EasyCars' FROM l"
        " RETURNING id, (SELECT external_id::text FROM l), dealership_id"
    )
    delivery_id, lead_id, dealership_id = row.fetchall()[0]
    return {"leadId": lead_id, "dealershipId": dealership_id, "deliveryId": delivery_id}


def gauges_in(output: str) -> dict[str, Any]:
    [line] = [json.loads(line) for line in output.splitlines() if "CloudWatchMetrics" in line]
    [directive] = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], line["service"]) == ("Forecourt", "delivery_sweeper")
    return {
        metric["Name"]: (line[metric["Name"]], metric["Unit"]) for metric in directive["Metrics"]
    }


def test_every_event_has_its_test() -> None:
    cases = {path.stem for path in (ROOT / "events/delivery_sweeper").glob("*.json")}

    assert cases == {"sweep", "by_hand", "unknown_task", "archive"}


@pytest.mark.parametrize("case", ["sweep", "by_hand"])
def test_it_wakes_what_is_due(
    sandbox: ModuleType, account: AwsAccount, due_lead: dict[str, Any], case: str
) -> None:
    swept = sandbox.handler(read_event("delivery_sweeper", case), Context())

    assert swept == NOTHING | {"woken": 1, "announced": 1}
    assert account.messages() == [{"schema": 1, **due_lead}]


def test_it_announces_a_lead_without_saying_who_it_is_of(
    sandbox: ModuleType, due_lead: dict[str, Any]
) -> None:
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    sns.subscribe(
        TopicArn=sandbox.settings().lead_events_topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={
            "RawMessageDelivery": "true",
            "FilterPolicy": json.dumps({"event": ["lead.accepted"]}),
        },
    )

    sandbox.handler({}, Context())

    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {
        "event": "lead.accepted",
        "leadId": due_lead["leadId"],
        "dealershipId": due_lead["dealershipId"],
        "receivedAt": "2026-11-20T22:15:00Z",
    }


def test_a_topic_that_is_gone_stops_no_waking(
    sandbox: ModuleType,
    account: AwsAccount,
    due_lead: dict[str, Any],
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    boto3.client("sns").delete_topic(TopicArn=sandbox.settings().lead_events_topic_arn)

    assert sandbox.handler({}, Context()) == NOTHING | {"woken": 1}

    assert len(account.messages()) == 1
    assert "Leads could not be announced" in capsys.readouterr().out
    rows = database.connection().execute("SELECT announced_at FROM lead").fetchall()
    assert rows == [(None,)]


def test_the_gauges_are_there_when_all_is_well(
    sandbox: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sandbox.handler({}, Context()) == NOTHING

    assert gauges_in(capsys.readouterr().out) == {
        "BreakersOpen": ([0], "Count"),
        "DeliveriesDue": ([0], "Count"),
        "DeliveriesParked": ([0], "Count"),
        "DeliveriesUnconfirmedOverAnHour": ([0], "Count"),
        "OldestDueSeconds": ([0], "Seconds"),
        "SitesOnlyFailing": ([0], "Count"),
    }


def test_without_the_database_it_says_so_and_ends(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "9")

    swept = new_sandbox("delivery_sweeper").handler({}, Context())

    assert swept == NOTHING | {"interrupted": True}


def test_a_task_nobody_knows_is_refused(sandbox: ModuleType) -> None:
    with pytest.raises(PermanentError, match="UNKNOWN_TASK"):
        sandbox.handler(read_event("delivery_sweeper", "unknown_task"), Context())
