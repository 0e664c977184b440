"""The four functions on their events, with moto for AWS and a real database."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from uuid import uuid4

import boto3
import psycopg.conninfo
import pytest
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.aws.kms import KmsDataKeys
from forecourt.easycars.client import EasyCarsClient
from forecourt.easycars.lead_messages import CreateLeadRequest
from forecourt.errors import PermanentError, RetryableError
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.credentials import CredentialVault
from forecourt.storage.postgres import Database
from local.easycars_simulator import EasyCarsSimulator
from local.easycars_simulator.accounts import Account, default_accounts
from tests.support.aws_account import BUCKET, REGION, AwsAccount, aws_account
from tests.support.handlers import ROOT, new_sandbox, read_event
from tests.support.stock import StockBench
from tests.support.vendor_caller import SMALL_LEAD


class Context:
    """The part of a Lambda context the functions read."""

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


@pytest.fixture(scope="module")
def vendor() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(3, vehicles=30)) as running:
        yield running


@pytest.fixture
def account(
    database_url: str, vendor: EasyCarsSimulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AwsAccount]:
    """AWS in memory, with the functions' environment pointing at it, PostgreSQL and the vendor."""
    parts = psycopg.conninfo.conninfo_to_dict(database_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    with aws_account(login) as opened:
        topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
        inbox = boto3.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
        boto3.client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=boto3.client("sqs").get_queue_attributes(
                QueueUrl=inbox, AttributeNames=["QueueArn"]
            )["Attributes"]["QueueArn"],
        )
        images = boto3.client("sqs").create_queue(QueueName="images")["QueueUrl"]
        environment = {
            **opened.environment,
            "ALERT_TOPIC_ARN": topic,
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SSLMODE": "disable",
            "EASYCARS_TEST_URL": vendor.url,
            "EASYCARS_PRODUCTION_URL": vendor.url,
            "IMAGES_QUEUE_URL": images,
            "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
            "POWERTOOLS_SERVICE_NAME": "sync_summary",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield opened
    vendor.reset()


@pytest.fixture
def sandboxes(account: AwsAccount) -> Iterator[dict[str, ModuleType]]:
    names = ("sync_planner", "stock_sync", "lead_refresh", "sync_summary")
    modules = {name: new_sandbox(name) for name in names}
    yield modules
    for held in (
        modules["sync_planner"].database(),
        *modules["stock_sync"].connections(),
        *modules["lead_refresh"].connections(),
        modules["sync_summary"].database(),
    ):
        held.close()


@pytest.fixture
def bench(database: Database) -> StockBench:
    return StockBench(database)


def inbox() -> list[dict[str, Any]]:
    """Take the alerts that were published."""
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def enrol(
    bench: StockBench, account: AwsAccount, dealer: Account, *, secret: str | None = None
) -> int:
    """Add a dealership with a vendor account, or with a wrong secret for it."""
    dealership = bench.add_dealership(dealer.name)
    vault = CredentialVault(bench.database, KmsDataKeys(account.key_arn))
    vault.save(
        dealership,
        CredentialSecrets(
            client_id=SecretStr(dealer.client_id),
            client_secret=SecretStr(secret or dealer.client_secret),
            account_number=SecretStr(dealer.account_number),
            account_secret=SecretStr(dealer.account_secret),
        ),
        Environment.TEST,
        None,
        actor=Actor(name="test", kind="Admin"),
    )
    return dealership


def plan_of(answer: dict[str, Any]) -> Any:
    body = boto3.client("s3").get_object(Bucket=answer["plan"]["bucket"], Key=answer["plan"]["key"])
    return json.loads(body["Body"].read())


def test_a_scheduled_event_becomes_a_plan(
    sandboxes: dict[str, ModuleType],
    account: AwsAccount,
    bench: StockBench,
    vendor: EasyCarsSimulator,
) -> None:
    dealership = enrol(bench, account, vendor.accounts()[0])
    bench.add_dealership("without credentials")
    answer = sandboxes["sync_planner"].handler(read_event("sync_planner", "scheduled"), Context())
    assert plan_of(answer) == [{"dealershipId": dealership}]
    assert (answer["planned"], answer["concurrency"], answer["syncType"]) == (1, 1, "stock")
    assert answer["plan"] == {"bucket": BUCKET, "key": f"runs/{answer['jobId']}/plan.json"}


def test_a_manual_event_names_its_dealerships(sandboxes: dict[str, ModuleType]) -> None:
    event = read_event("sync_planner", "manual")
    answer = sandboxes["sync_planner"].handler(event, Context())
    assert answer["jobId"] == event["input"]["jobId"]
    assert plan_of(answer) == [{"dealershipId": 1}, {"dealershipId": 2}]


def test_an_invalid_event_is_refused_by_field(sandboxes: dict[str, ModuleType]) -> None:
    with pytest.raises(PermanentError) as caught:
        sandboxes["sync_planner"].handler(read_event("sync_planner", "invalid"), Context())
    assert "input.syncType" in caught.value.detail
    assert "input.dealershipIds" in caught.value.detail


def test_a_dealership_is_synced_from_the_vendor(
    sandboxes: dict[str, ModuleType],
    account: AwsAccount,
    bench: StockBench,
    vendor: EasyCarsSimulator,
) -> None:
    dealership = enrol(bench, account, vendor.accounts()[0])
    event = {**read_event("stock_sync", "dealership"), "dealershipId": dealership}
    first = sandboxes["stock_sync"].handler(event, Context())
    second = sandboxes["stock_sync"].handler({**event, "jobId": str(uuid4())}, Context())
    assert first["received"] == second["received"] == 30
    assert first["created"] + first["failed"] == 30
    assert second["unchanged"] == first["created"]
    assert len(bench.vehicles(dealership)) == first["created"]
    assert [log["status"] for log in bench.logs(dealership)] == [first["status"]] * 2
    [credentials] = bench.execute("SELECT id, last_synced_at FROM dealership_easycars_credentials")
    assert credentials["last_synced_at"] is not None
    assert bench.logs(dealership)[0]["credential_id"] == credentials["id"]
    assert inbox() == []


def test_removals_go_only_when_the_event_says_that_a_person_agreed(
    sandboxes: dict[str, ModuleType],
    account: AwsAccount,
    bench: StockBench,
    vendor: EasyCarsSimulator,
) -> None:
    dealership = enrol(bench, account, vendor.accounts()[0])
    handler = sandboxes["stock_sync"].handler
    agreed = {**read_event("stock_sync", "accept_removals"), "dealershipId": dealership}
    not_agreed = {**read_event("stock_sync", "dealership"), "dealershipId": dealership}
    handler({**not_agreed, "jobId": str(uuid4())}, Context())
    bench.execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, title,"
        " easycars_stock_number, data_source, source_scope, content_hash)"
        " SELECT v.dealership_id, make, model, year, price, mileage, condition, title, 'GONE' || n,"
        " data_source, source_scope, content_hash FROM (SELECT * FROM vehicle WHERE"
        " dealership_id = %s ORDER BY id LIMIT 1) v, generate_series(1, 40) n",
        dealership,
    )

    held = handler({**not_agreed, "jobId": str(uuid4())}, Context())
    seen = bench.logs(dealership)[-1]["id"]
    accepted = handler({**agreed, "acceptRemovals": seen}, Context())

    assert (held["status"], held["removed"]) == ("Warning", 0)
    assert accepted["removed"] == 40
    gone = [row for number, row in bench.vehicles(dealership).items() if number.startswith("GONE")]
    assert {row["status"] for row in gone} == {"sold"}


def test_an_unknown_dealership_fails_with_the_class_the_state_machine_knows(
    sandboxes: dict[str, ModuleType],
) -> None:
    with pytest.raises(PermanentError) as caught:
        sandboxes["stock_sync"].handler(read_event("stock_sync", "unknown_dealership"), Context())
    assert type(caught.value).__name__ == "PermanentError"
    assert caught.value.code == "UNKNOWN_DEALERSHIP"


def test_a_wrong_secret_fails_alone_and_is_told(
    sandboxes: dict[str, ModuleType],
    account: AwsAccount,
    bench: StockBench,
    vendor: EasyCarsSimulator,
    capfd: pytest.CaptureFixture[str],
) -> None:
    healthy = enrol(bench, account, vendor.accounts()[0])
    locked_out = enrol(bench, account, vendor.accounts()[1], secret="not-the-secret-7f3a")
    unreachable = enrol(bench, account, vendor.accounts()[2])
    vendor.add_fault("http_503", operation="GetAdvertisementStocks", account="EC104003", times=None)
    planned = sandboxes["sync_planner"].handler(read_event("sync_planner", "scheduled"), Context())
    ended = {}
    for one in plan_of(planned):
        event = {"jobId": planned["jobId"], "syncType": "stock", **one}
        try:
            sandboxes["stock_sync"].handler(event, Context())
            ended[one["dealershipId"]] = "ended"
        except (PermanentError, RetryableError) as error:
            ended[one["dealershipId"]] = type(error).__name__
    assert ended == {
        healthy: "ended",
        locked_out: "PermanentError",
        unreachable: "RetryableError",
    }
    summary = sandboxes["sync_summary"].handler(
        {key: planned[key] for key in ("jobId", "syncType", "plan")}, Context()
    )
    assert summary == {"jobId": planned["jobId"], "planned": 3, "succeeded": 1, "failed": 2}
    [alert] = inbox()
    assert vendor.accounts()[1].name in alert["Message"]
    assert vendor.accounts()[2].name in alert["Message"]
    assert vendor.accounts()[0].name not in alert["Message"]
    [job] = bench.execute("SELECT * FROM sync_job")
    assert (job["status"], job["planned"], job["succeeded"], job["failed"]) == ("Failed", 3, 1, 2)
    everything = capfd.readouterr().out + json.dumps(bench.logs(locked_out), default=str)
    assert "not-the-secret-7f3a" not in everything + alert["Message"]
    assert '"DealershipsFailed"' in everything


def test_whoever_fails_night_after_night_is_told_in_doses(
    sandboxes: dict[str, ModuleType], bench: StockBench
) -> None:
    first, second = bench.add_dealership("First"), bench.add_dealership("Second")
    subjects: list[list[str]] = []
    for night in range(4):
        event = read_event("sync_planner", "manual") | {"executionName": f"night-{night}"}
        event["input"] |= {"jobId": str(uuid4()), "dealershipIds": [first, second]}
        planned = sandboxes["sync_planner"].handler(event, Context())
        sandboxes["sync_summary"].handler(
            {key: planned[key] for key in ("jobId", "syncType", "plan")}, Context()
        )
        subjects.append(sorted(alert["Subject"] for alert in inbox()))

    assert subjects == [
        ["Forecourt: Stock sync failed for 2 of 2 dealerships (2 new)"],
        [],
        ["Forecourt: Stock sync has failed 3 times in a row for 2 dealerships"],
        [],
    ]


def test_a_summary_without_a_plan_is_permanent(sandboxes: dict[str, ModuleType]) -> None:
    event = read_event("sync_summary", "no_plan")
    event["plan"]["bucket"] = BUCKET
    with pytest.raises(PermanentError) as caught:
        sandboxes["sync_summary"].handler(event, Context())
    assert caught.value.code == "PLAN_MISSING"


def test_a_job_event_closes_its_job(sandboxes: dict[str, ModuleType], bench: StockBench) -> None:
    first, second = bench.add_dealership("First"), bench.add_dealership("Second")
    event = read_event("sync_planner", "manual")
    event["input"]["dealershipIds"] = [first, second]
    sandboxes["sync_planner"].handler(event, Context())
    summary_event = read_event("sync_summary", "job")
    summary_event["plan"]["bucket"] = BUCKET
    summary = sandboxes["sync_summary"].handler(summary_event, Context())
    assert summary == {"jobId": event["input"]["jobId"], "planned": 2, "succeeded": 0, "failed": 2}
    assert {log["error_message"] for log in bench.logs(first)} == {"did not start"}


def test_a_missing_variable_is_permanent_and_named(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_HOST")
    sandbox = new_sandbox("stock_sync")
    with pytest.raises(PermanentError) as caught:
        sandbox.handler(read_event("stock_sync", "dealership"), Context())
    assert "DATABASE_HOST" in caught.value.detail


def test_a_malformed_item_event_is_permanent(sandboxes: dict[str, ModuleType]) -> None:
    with pytest.raises(PermanentError) as caught:
        sandboxes["stock_sync"].handler({"jobId": "today"}, Context())
    assert caught.value.code == "UNEXPECTED"


def add_delivered_lead(
    bench: StockBench, account: AwsAccount, vendor: EasyCarsSimulator, dealership: int
) -> str:
    """Create a lead at the vendor and here, as a delivery leaves the two."""
    credentials = CredentialVault(bench.database, KmsDataKeys(account.key_arn)).load(dealership)
    assert credentials is not None
    with EasyCarsClient({Environment.TEST: vendor.url}) as client:
        receipt = client.create_lead(credentials, CreateLeadRequest.from_fields(SMALL_LEAD))
    [lead] = bench.execute(
        "INSERT INTO lead (dealership_id, name, email, phone, message, easycars_lead_number,"
        " last_known_easycars_status) VALUES (%s, 'Ann Lee', 'ann@example.com', '', '', %s, 10)"
        " RETURNING id",
        dealership,
        receipt.lead_number,
    )
    bench.execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, remote_scope,"
        " delivered_version, delivered_fields) VALUES (%s, %s, 'EasyCars', 'delivered', %s, 1,"
        " '{\"VehicleInterest\": 1}')",
        lead["id"],
        dealership,
        credentials.account_scope,
    )
    assert receipt.lead_number is not None
    return receipt.lead_number


def test_a_run_of_leads_is_planned_done_and_closed(
    sandboxes: dict[str, ModuleType],
    account: AwsAccount,
    bench: StockBench,
    vendor: EasyCarsSimulator,
) -> None:
    dealer = vendor.accounts()[0]
    healthy = enrol(bench, account, dealer)
    locked_out = enrol(bench, account, vendor.accounts()[1])
    number = add_delivered_lead(bench, account, vendor, healthy)
    add_delivered_lead(bench, account, vendor, locked_out)
    vendor.edit_lead(dealer.account_number, number, fields={"Rating": 3})
    vendor.add_fault("code", operation="GetLeadDetail", account="EC104002", code=1, times=None)
    started_with = json.loads(
        (ROOT / "events/sync_state_machine/hourly_leads.json").read_text("utf-8")
    )
    event = read_event("sync_planner", "scheduled") | {"input": started_with}
    planned = sandboxes["sync_planner"].handler(event, Context())

    template = read_event("lead_refresh", "dealership")
    ended: dict[int, Any] = {}
    for one in plan_of(planned):
        item = template | {"jobId": planned["jobId"], **one}
        try:
            ended[one["dealershipId"]] = sandboxes["lead_refresh"].handler(item, Context())
        except PermanentError as error:
            ended[one["dealershipId"]] = error.code
    summary = sandboxes["sync_summary"].handler(
        {key: planned[key] for key in ("jobId", "syncType", "plan")}, Context()
    )

    assert ended[locked_out] == "AUTHENTICATION_FAILED"
    assert ended[healthy] == {
        "dealershipId": healthy, "status": "Success", "received": 1, "created": 0,
        "updated": 1, "unchanged": 0, "failed": 0, "removed": 0,
    }  # fmt: skip
    assert summary == {"jobId": planned["jobId"], "planned": 2, "succeeded": 1, "failed": 1}
    assert [lead["rating"] for lead in bench.execute("SELECT rating FROM lead ORDER BY id")] == [
        "Hot", None,
    ]  # fmt: skip
    assert {log["sync_type"] for log in bench.logs(healthy)} == {"Lead"}
    [job] = bench.execute("SELECT sync_type, status FROM sync_job")
    assert (job["sync_type"], job["status"]) == ("lead", "Failed")
    [alert] = inbox()
    assert "Lead sync failed for 1 of 2 dealerships" in alert["Subject"]


def test_an_unknown_dealership_has_no_leads_to_refresh(
    sandboxes: dict[str, ModuleType],
) -> None:
    with pytest.raises(PermanentError) as caught:
        sandboxes["lead_refresh"].handler(
            read_event("lead_refresh", "unknown_dealership"), Context()
        )
    assert type(caught.value) is PermanentError
    assert caught.value.code == "UNKNOWN_DEALERSHIP"
