"""A night of 20,000 dealerships: the list goes through S3, and whoever never started is found."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from forecourt.aws.sync_metrics import EmfSyncMetrics
from forecourt.aws.sync_plans import S3SyncPlans
from forecourt.stock.plan import PlannedRun, SyncPlanner
from forecourt.stock.plan_request import PlanRequest
from forecourt.stock.run import SyncType
from forecourt.stock.summary import SyncSummary
from forecourt.storage.postgres import Database
from forecourt.storage.stock_store import PostgresPlanStore, PostgresSummaryStore
from tests.support.aws_account import REGION

MANY = 20_000
BUCKET = "runs"
STATE_BYTES = 256 * 1024
"""What a state machine's state, and an SNS message, may hold."""


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3SyncPlans]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Forecourt")
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield S3SyncPlans(BUCKET)


class Mailbox:
    """Port ``AlertPublisher``."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def publish(self, subject: str, text: str) -> None:
        self.texts.append(text)


def enrol_many(database: Database) -> list[int]:
    """Dealerships with credentials nobody will open, and last night's runs."""
    with database.transaction() as connection:
        rows = connection.execute(
            "INSERT INTO dealership (name) SELECT 'Dealer ' || n FROM generate_series(1, %s) n"
            " RETURNING id",
            (MANY,),
        ).fetchall()
        connection.execute(
            "INSERT INTO dealership_easycars_credentials (dealership_id, environment,"
            " client_id_encrypted, client_secret_encrypted, account_number_encrypted,"
            " account_secret_encrypted, encryption_iv, data_key_encrypted)"
            " SELECT id, 'Test', '-', '-', '-', '-', '-', '-' FROM dealership"
        )
        connection.execute(
            "INSERT INTO easycars_sync_logs (dealership_id, sync_type, sync_direction, status,"
            " started_at, completed_at, job_id, records_processed)"
            " SELECT id, 'Stock', 'Inbound', 'Success', now() - interval '1 day',"
            " now() - interval '1 day', gen_random_uuid(), 30 FROM dealership"
        )
    database.connection().execute("ANALYZE")  # as autovacuum does between two nights
    return sorted(row[0] for row in rows)


def plan(database: Database, files: S3SyncPlans) -> PlannedRun:
    request = PlanRequest.from_event(
        {
            "input": {
                "syncType": "stock",
                "trigger": "schedule",
                "scheduleName": "nightly-stock",
                "scheduledTime": "2026-03-02T02:00:00Z",
            },
            "executionName": "one-night",
            "startedAt": "2026-03-02T02:00:03.412Z",
        }
    )
    return SyncPlanner(store=PostgresPlanStore(database), files=files).plan(request)


def test_the_list_travels_by_s3_and_all_of_it_is_accounted_for(
    database: Database, files: S3SyncPlans
) -> None:
    ids = enrol_many(database)

    planned = plan(database, files)

    assert planned.job.planned == MANY
    assert len(json.dumps(planned.to_payload())) < 1024
    where = planned.job.plan
    body = boto3.client("s3").get_object(Bucket=where.bucket, Key=where.key)["Body"].read()
    assert len(body) > STATE_BYTES
    assert json.loads(body) == [{"dealershipId": one} for one in ids]
    assert files.read(where) == ids

    began = ids[::1000]
    for one in began:
        database.connection().execute(
            "INSERT INTO easycars_sync_logs (dealership_id, sync_type, sync_direction, status,"
            " started_at, completed_at, job_id) VALUES"
            " (%s, 'Stock', 'Inbound', 'Success', now(), now(), %s)",
            (one, planned.job.job_id),
        )
    mailbox = Mailbox()
    summary = SyncSummary(
        store=PostgresSummaryStore(database),
        files=files,
        alerts=mailbox,
        metrics=EmfSyncMetrics(),
    ).summarise(planned.job.job_id, SyncType.STOCK, where)

    assert (summary.planned, summary.succeeded) == (MANY, len(began))
    assert summary.failed == MANY - len(began)
    [(count,)] = (
        database.connection()
        .execute("SELECT count(*) FROM easycars_sync_logs WHERE error_message = 'did not start'")
        .fetchall()
    )
    assert count == summary.failed
    [text] = mailbox.texts
    assert len(text.encode()) < STATE_BYTES
    assert "did not start" in text
