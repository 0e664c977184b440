"""Leads into Dynamics whole: both functions, a real database, AWS in memory, a strict Dataverse."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any
from uuid import uuid4

import boto3
import psycopg
import pytest
from pydantic import SecretStr

from forecourt.aws.kms import KmsDataKeys
from forecourt.leads.dynamics.connections import METADATA_REQUESTS
from forecourt.security.dynamics_records import DynamicsChanges
from forecourt.storage.dynamics_connections import DynamicsVault
from local.dataverse_simulator import DataverseSimulator
from tests.support.aws_account import REGION, AwsAccount, aws_account
from tests.support.dynamics_delivery import DynamicsScene
from tests.support.handlers import ROOT, new_sandbox, read_event
from tests.support.lead_delivery import ACTOR, lead_body, wake_up_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"
CASES = {"wake_up", "two_connections_and_poison"}


class Context:
    """The parts of a Lambda context the function reads."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


@pytest.fixture(scope="module")
def running() -> Iterator[DataverseSimulator]:
    with DataverseSimulator() as simulator:
        yield simulator


@pytest.fixture
def vendor(running: DataverseSimulator) -> Iterator[DataverseSimulator]:
    running.reset()
    yield running
    assert [(r.operation, r.reasons) for r in running.invalid_requests()] == []


@pytest.fixture
def account(
    database_url: str, vendor: DataverseSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsAccount]:
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as opened:
        topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
        environment = {
            **opened.environment,
            "ALERT_TOPIC_ARN": topic,
            "LEAD_EVENTS_TOPIC_ARN": topic,
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
            "DYNAMICS_URL": vendor.url,
            "EASYCARS_TEST_URL": "http://127.0.0.1:9",
            "EASYCARS_PRODUCTION_URL": "http://127.0.0.1:9",
            "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
            "POWERTOOLS_SERVICE_NAME": "dynamics_delivery",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened


def new_worker() -> ModuleType:
    return new_sandbox("dynamics_delivery")


def end(worker: ModuleType) -> None:
    worker.delivery().close()
    worker.dynamics().close()
    worker.database().close()


@pytest.fixture
def sandbox(account: AwsAccount) -> Iterator[ModuleType]:
    module = new_worker()
    yield module
    end(module)


@pytest.fixture
def scene(database_url: str) -> Iterator[DynamicsScene]:
    scene = DynamicsScene(database_url)
    yield scene
    scene.close()


@pytest.fixture
def dealership(scene: DynamicsScene, account: AwsAccount, vendor: DataverseSimulator) -> int:
    """Dealership 1, connected to the simulator's first organisation alone."""
    return connect(scene, account, vendor)


def connect(scene: DynamicsScene, account: AwsAccount, vendor: DataverseSimulator) -> int:
    dealership: int = scene.scene.add_dealership(connected=False)
    app = vendor.accounts()[0]
    values = {
        "environment_url": app.environment_url,
        "tenant_id": app.tenant_id,
        "client_id": app.client_id,
    }
    changes = DynamicsChanges(values=values, client_secret=SecretStr(app.client_secret))
    vault = DynamicsVault(scene.database, KmsDataKeys(account.key_arn))
    vault.save(dealership, changes, actor=ACTOR)
    return dealership


def woken(dealership: int) -> dict[str, Any]:
    event = read_event("dynamics_delivery", "wake_up")
    event["Records"][0]["body"] = wake_up_body(LEAD, dealership, 1)
    return event


def queued(url: str) -> list[str]:
    found = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def test_every_event_has_its_test() -> None:
    assert {path.stem for path in (ROOT / "events/dynamics_delivery").glob("*.json")} == CASES


def test_a_websites_lead_becomes_one_record(
    sandbox: ModuleType,
    dealership: int,
    account: AwsAccount,
    vendor: DataverseSimulator,
    scene: DynamicsScene,
) -> None:
    intake = new_sandbox("lead_delivery")
    event = read_event("lead_delivery", "one_lead")
    sent = json.loads(event["Records"][0]["body"])
    assert sent["dealershipId"] == dealership
    assert intake.handler(event, Context()) == {"batchItemFailures": []}
    intake.delivery().close()
    intake.easycars().close()
    intake.database().close()
    [body] = queued(account.environment["DYNAMICS_QUEUE_URL"])
    event = read_event("dynamics_delivery", "wake_up")
    event["Records"][0]["body"] = body

    for _ in range(2):
        assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    [record] = vendor.leads()
    assert record["values"]["hnt_forecourtid"] == sent["leadId"]
    assert record["values"]["emailaddress1"] == sent["lead"]["email"]
    assert record["writes"] == 1
    row = scene.row(sent["leadId"])
    assert (row["state"], row["remote_id"]) == ("delivered", record["leadId"])


def test_a_record_with_a_company_learns_its_own_id_at_once(
    sandbox: ModuleType, dealership: int, vendor: DataverseSimulator, scene: DynamicsScene
) -> None:
    scene.store(lead_body(dealership, LEAD, company={"domain": "bayside.example"}))

    sandbox.handler(woken(dealership), Context())

    [record] = vendor.leads()
    assert record["values"]["hnt_d365leadid"] == record["leadId"]
    assert record["writes"] == 2
    assert scene.row(LEAD)["state"] == "delivered"


def test_wake_ups_of_two_connections_go_by_turns_and_poison_is_parked(
    sandbox: ModuleType, dealership: int, account: AwsAccount, vendor: DataverseSimulator,
    scene: DynamicsScene,
) -> None:  # fmt: skip
    other = connect(scene, account, vendor)
    assert (dealership, other) == (1, 2)
    scene.store(lead_body(dealership, LEAD))
    scene.store(lead_body(other))

    event = read_event("dynamics_delivery", "two_connections_and_poison")
    assert sandbox.handler(event, Context()) == {"batchItemFailures": []}

    assert len(vendor.leads()) == 2
    assert queued(account.environment["DYNAMICS_DLQ_URL"]) == ['{"schema": 99}']


def test_an_edit_writes_only_the_columns_that_differ(
    sandbox: ModuleType, dealership: int, vendor: DataverseSimulator, scene: DynamicsScene
) -> None:
    scene.store(lead_body(dealership, LEAD))
    sandbox.handler(woken(dealership), Context())
    before = scene.row(LEAD)["delivered_fields"]

    scene.edit(LEAD, "phone = '0400 000 001'")
    sandbox.handler(woken(dealership), Context())

    [record] = vendor.leads()
    after = scene.row(LEAD)["delivered_fields"]
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"telephone1", "mobilephone"}
    assert record["values"]["telephone1"] == "0400 000 001"
    assert record["values"]["emailaddress1"] == "zoe@mail.example"
    assert scene.row(LEAD)["operation"] == "update"


@pytest.mark.parametrize("kind", ["cut_after", "cut_midway"])
def test_an_upsert_that_was_done_and_not_answered_makes_no_second_record(
    sandbox: ModuleType,
    dealership: int,
    vendor: DataverseSimulator,
    scene: DynamicsScene,
    kind: str,
) -> None:
    vendor.add_fault(kind, operation="WriteLead", times=1)
    scene.store(lead_body(dealership, LEAD))

    sandbox.handler(woken(dealership), Context())
    assert len(vendor.leads()) == 1
    assert scene.row(LEAD)["state"] == "pending"
    scene.pass_time("200 s")
    sandbox.handler(woken(dealership), Context())

    [record] = vendor.leads()
    row = scene.row(LEAD)
    assert (row["state"], row["remote_id"]) == ("delivered", record["leadId"])
    vendor.clear_faults()


def test_two_workers_at_once_make_one_record_of_each_lead(
    sandbox: ModuleType, dealership: int, vendor: DataverseSimulator, scene: DynamicsScene
) -> None:
    leads = [str(uuid4()) for _ in range(30)]
    for lead in leads:
        scene.store(lead_body(dealership, lead))
    other = new_worker()

    with ThreadPoolExecutor(2) as threads:
        answers = list(
            threads.map(
                lambda worker: worker.handler(woken(dealership), Context()), (sandbox, other)
            )
        )

    end(other)
    assert answers == [{"batchItemFailures": []}] * 2
    assert sorted(r["values"]["hnt_forecourtid"] for r in vendor.leads()) == sorted(leads)
    states = {row["state"] for row in scene.scene.rows("SELECT state FROM lead_delivery")}
    assert states == {"delivered"}


def test_a_real_limit_is_never_met(
    sandbox: ModuleType, dealership: int, vendor: DataverseSimulator, scene: DynamicsScene
) -> None:
    vendor.set_limits(requests=6_000, concurrent=52, execution_seconds=1_200)
    for _ in range(40):
        scene.store(lead_body(dealership))

    sandbox.handler(woken(dealership), Context())

    assert len(vendor.leads()) == 40
    assert [r for r in vendor.requests() if r.status == 429] == []
    spent = scene.scene.one("SELECT sum(requests) FROM dynamics_budget_grant")["sum"]
    called = [r for r in vendor.requests() if r.operation != "Token"]
    assert len(called) <= spent <= len(called) + METADATA_REQUESTS
