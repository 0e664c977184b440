"""An AWS account in memory (moto) with what intake and the admin API use."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from moto import mock_aws

REGION: Final = "ap-southeast-2"
EDGE_VALUE = "edge-secret-0123456789abcdef"
SITE_KEY_SECRET = "site-key-secret-0123456789abcdef"
BUCKET = "runs"
GROUP = "forecourt"
ROLE = "arn:aws:iam::123456789012:role/sync"


@dataclass(frozen=True)
class AwsAccount:
    """The resources' names; ``environment`` is what the functions' variables say of them."""

    queue_url: str
    dead_letter_url: str
    key_arn: str
    environment: Mapping[str, str]

    def store_edge_secret(self) -> str:
        """Make the secret CloudFront sends; returns its ARN."""
        secret = json.dumps({"1": EDGE_VALUE})
        made = boto3.client("secretsmanager").create_secret(Name="edge", SecretString=secret)
        return str(made["ARN"])

    def messages(self) -> list[dict[str, Any]]:
        """Take every message off the leads queue."""
        sqs = boto3.client("sqs")
        taken: list[dict[str, Any]] = []
        while batch := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            taken.extend(json.loads(message["Body"]) for message in batch)
            for message in batch:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def put_site(self, dealership_id: int, *key_ids: str, origins: tuple[str, ...] = ()) -> None:
        """Write a site file."""
        keys = [{"keyId": key_id, "ratePerSecond": 20, "burst": 200} for key_id in key_ids]
        document = {"dealershipId": dealership_id, "keys": keys, "origins": list(origins)}
        boto3.client("s3").put_object(
            Bucket=BUCKET, Key=f"sites/{dealership_id}.json", Body=json.dumps(document)
        )

    def site(self, dealership_id: int) -> dict[str, Any]:
        """Read a site file."""
        answer = boto3.client("s3").get_object(Bucket=BUCKET, Key=f"sites/{dealership_id}.json")
        site: dict[str, Any] = json.loads(answer["Body"].read())
        return site


@contextmanager
def aws_account(database_login: Mapping[str, str] | None = None) -> Iterator[AwsAccount]:
    """Lend a new account; ``AWS_DEFAULT_REGION`` must be set."""
    with mock_aws():
        yield make_resources(database_login)


def make_resources(database_login: Mapping[str, str] | None = None) -> AwsAccount:
    """Make them in the account that boto3 reaches."""
    queue_url = boto3.client("sqs").create_queue(QueueName="leads")["QueueUrl"]
    dead_letter_url = boto3.client("sqs").create_queue(QueueName="leads-dlq")["QueueUrl"]
    dynamics_url = boto3.client("sqs").create_queue(QueueName="dynamics")["QueueUrl"]
    dynamics_dead_letter_url = boto3.client("sqs").create_queue(QueueName="dynamics-dlq")[
        "QueueUrl"
    ]
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    secrets = boto3.client("secretsmanager")
    site_key = secrets.create_secret(
        Name="site-key", SecretString=json.dumps({"1": SITE_KEY_SECRET})
    )
    login = secrets.create_secret(
        Name="database", SecretString=json.dumps(dict(database_login or {}))
    )
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    machine = boto3.client("stepfunctions").create_state_machine(
        name="sync",
        roleArn=ROLE,
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}),
    )["stateMachineArn"]
    make_schedules(machine)
    return AwsAccount(
        queue_url=queue_url,
        dead_letter_url=dead_letter_url,
        key_arn=key,
        environment={
            "LEADS_QUEUE_URL": queue_url,
            "LEADS_DLQ_URL": dead_letter_url,
            "DYNAMICS_QUEUE_URL": dynamics_url,
            "DYNAMICS_DLQ_URL": dynamics_dead_letter_url,
            "RUN_BUCKET": BUCKET,
            "SITE_KEY_SECRET_ARN": site_key["ARN"],
            "DATABASE_SECRET_ARN": login["ARN"],
            "CREDENTIALS_KEY_ARN": key,
            "STATE_MACHINE_ARN": machine,
            "SCHEDULE_GROUP": GROUP,
            "STOCK_SYNC_RESERVED_CONCURRENCY": "40",
        },
    )


def make_schedules(machine: str) -> None:
    """Make the group and the two schedules that the template has."""
    scheduler = boto3.client("scheduler")
    scheduler.create_schedule_group(Name=GROUP)
    for name, sync_type, expression in (
        ("nightly-stock", "stock", "cron(0 2 * * ? *)"),
        ("hourly-leads", "lead", "cron(0 * * * ? *)"),
    ):
        scheduler.create_schedule(
            Name=name,
            GroupName=GROUP,
            Description=f"Starts {name}",
            State="ENABLED",
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": machine,
                "RoleArn": ROLE,
                "Input": json.dumps(
                    {
                        "syncType": sync_type,
                        "trigger": "schedule",
                        "scheduleName": name,
                        "scheduledTime": "<aws.scheduler.scheduled-time>",
                    }
                ),
                "RetryPolicy": {"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 5400},
            },
        )
