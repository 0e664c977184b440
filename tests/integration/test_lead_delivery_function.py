"""The delivery function on its events: real database, AWS in memory, a strict vendor."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import psycopg.conninfo
import pytest
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.aws.kms import KmsDataKeys
from forecourt.errors import PermanentError
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.postgres import Database
from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.aws_account import REGION, AwsAccount, aws_account
from tests.support.handlers import ROOT, new_sandbox, read_event

CASES = {"one_lead", "duplicates_and_poison", "spam", "wake_up"}


class Context:
    """The part of a Lambda context the function reads."""

    aws_request_id = "b2f1c6de-4f5a-4d53-8f0e-1a2b3c4d5e6f"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


@pytest.fixture
def vendor() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(1, vehicles=5)) as running:
        yield running


@pytest.fixture
def account(
    database_url: str, vendor: EasyCarsSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsAccount]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as opened:
        environment = {
            **opened.environment,
            "LEADS_DLQ_URL": boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"],
            "ALERT_TOPIC_ARN": boto3.client("sns").create_topic(Name="alerts")["TopicArn"],
            "LEAD_EVENTS_TOPIC_ARN": boto3.client("sns").create_topic(Name="leads")["TopicArn"],
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
            "EASYCARS_TEST_URL": vendor.url,
            "EASYCARS_PRODUCTION_URL": vendor.url,
            "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
            "POWERTOOLS_SERVICE_NAME": "lead_delivery",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened


@pytest.fixture
def sandbox(account: AwsAccount) -> Iterator[ModuleType]:
    module = new_sandbox("lead_delivery")
    yield module
    module.delivery().close()
    module.easycars().close()
    module.database().close()


@pytest.fixture
def dealership(account: AwsAccount, database: Database, vendor: EasyCarsSimulator) -> int:
    """The dealership the events are for, connected to the vendor's account."""
    row = database.connection().execute("INSERT INTO dealership (name) VALUES ('O') RETURNING id")
    dealership_id = int(row.fetchall()[0][0])
    [dealer] = vendor.accounts()
    CredentialVault(database, KmsDataKeys(account.key_arn)).save(
        dealership_id,
        CredentialSecrets(
            client_id=SecretStr(dealer.client_id),
            client_secret=SecretStr(dealer.client_secret),
            account_number=SecretStr(dealer.account_number),
            account_secret=SecretStr(dealer.account_secret),
        ),
        Environment.TEST,
        None,
        actor=Actor(name="test", kind="Admin"),
    )
    return dealership_id


def dead_letters() -> list[str]:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [message["Body"] for message in messages]


def bodies(event: dict[str, Any]) -> list[str]:
    return [record["body"] for record in event["Records"]]


def test_every_event_has_its_test() -> None:
    assert {path.stem for path in (ROOT / "events/lead_delivery").glob("*.json")} == CASES


def test_a_lead_becomes_one_lead_of_the_vendor(
    sandbox: ModuleType, dealership: int, vendor: EasyCarsSimulator, database: Database
) -> None:
    event = read_event("lead_delivery", "one_lead")
    sent = json.loads(bodies(event)[0])
    assert sent["dealershipId"] == dealership

    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    [lead] = vendor.leads()
    assert lead["fields"]["ExternalID"] == sent["leadId"]
    assert vendor.invalid_requests() == []
    row = database.connection().execute(
        "SELECT l.easycars_lead_number, d.state FROM lead l"
        " JOIN lead_delivery d ON d.lead_id = l.id WHERE l.external_id = %s",
        (sent["leadId"],),
    )
    assert row.fetchall() == [(lead["leadNumber"], "delivered")]


def test_duplicates_make_one_lead_and_poison_is_parked(
    sandbox: ModuleType, dealership: int, vendor: EasyCarsSimulator
) -> None:
    event = read_event("lead_delivery", "duplicates_and_poison")
    first, again, other, *poison = bodies(event)
    assert first == again

    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    wanted = {json.loads(body)["leadId"] for body in (first, other)}
    assert sorted(lead["fields"]["ExternalID"] for lead in vendor.leads()) == sorted(wanted)
    assert sorted(dead_letters()) == sorted(poison)


def test_the_same_batch_again_adds_nothing(
    sandbox: ModuleType, dealership: int, vendor: EasyCarsSimulator
) -> None:
    event = read_event("lead_delivery", "one_lead")
    sandbox.handler(event, Context())

    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    assert vendor.counts()["CreateLead"] == 1


def test_spam_is_kept_and_not_sent(
    sandbox: ModuleType, dealership: int, vendor: EasyCarsSimulator, database: Database
) -> None:
    event = read_event("lead_delivery", "spam")

    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    assert vendor.requests() == []
    assert database.connection().execute("SELECT spam FROM lead").fetchall() == [(True,)]


def test_a_wake_up_delivers_what_the_ledger_holds(
    sandbox: ModuleType, dealership: int, vendor: EasyCarsSimulator, database: Database
) -> None:
    vendor.add_fault("http_429", operation="CreateLead", times=None)
    sandbox.handler(read_event("lead_delivery", "one_lead"), Context())
    assert vendor.leads() == []
    vendor.clear_faults()
    database.connection().execute("UPDATE lead_delivery SET next_attempt_at = now()")

    event = read_event("lead_delivery", "wake_up")
    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    assert len(vendor.leads()) == 1


def test_with_the_database_away_every_lead_comes_back(
    sandbox: ModuleType, vendor: EasyCarsSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PORT", "9")
    event = read_event("lead_delivery", "one_lead")

    answer = new_sandbox("lead_delivery").handler(event, Context())

    expected = [{"itemIdentifier": record["messageId"]} for record in event["Records"]]
    assert answer == {"batchItemFailures": expected}
    assert vendor.requests() == []


def test_a_defect_shows_nobodys_data_to_the_runtime_or_the_log(
    sandbox: ModuleType,
    dealership: int,
    database: Database,
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = read_event("lead_delivery", "one_lead")
    name = json.loads(bodies(event)[0])["lead"]["name"]
    database.connection().execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'refused' USING DETAIL = E'Failing row:\\n' || NEW.name; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON lead FOR EACH ROW EXECUTE FUNCTION refuse()"
    )

    with pytest.raises(PermanentError, match="unexpected RaiseException") as raised:
        sandbox.handler(event, Context())

    logged = capsys.readouterr().out
    assert "The function met a defect" in logged
    assert "RaiseException" in logged
    assert name not in f"{raised.value} {logged}"


def test_a_poison_message_s_reason_is_fit_for_the_queue(
    sandbox: ModuleType, dealership: int
) -> None:
    event = read_event("lead_delivery", "one_lead")
    body = json.loads(bodies(event)[0])
    body["lead"]["planted\0\x01name"] = 1
    event["Records"] = [event["Records"][0] | {"body": json.dumps(body)}]

    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    sqs = boto3.client("sqs")
    [message] = sqs.receive_message(
        QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"], MessageAttributeNames=["All"]
    )["Messages"]
    assert message["MessageAttributes"]["detail"]["StringValue"].isprintable()
