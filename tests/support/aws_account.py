"""An AWS account in memory (moto) with what intake and the admin API use."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import boto3
from moto import mock_aws

REGION: Final = "ap-southeast-2"
SITE_KEY_SECRET = "site-key-secret-0123456789abcdef"
BUCKET = "runs"


@dataclass(frozen=True)
class AwsAccount:
    """The resources' names; ``environment`` is what the functions' variables say of them."""

    queue_url: str
    dead_letter_url: str
    key_arn: str
    environment: Mapping[str, str]

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
        queue_url = boto3.client("sqs").create_queue(QueueName="leads")["QueueUrl"]
        dead_letter_url = boto3.client("sqs").create_queue(QueueName="leads-dlq")["QueueUrl"]
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
        role = "arn:aws:iam::123456789012:role/sync"
        machine = boto3.client("stepfunctions").create_state_machine(
            name="sync",
            roleArn=role,
            definition=json.dumps(
                {"StartAt": "End", "States": {"End": {"Type": "Pass", "End": True}}}
            ),
        )
        yield AwsAccount(
            queue_url=queue_url,
            dead_letter_url=dead_letter_url,
            key_arn=key,
            environment={
                "LEADS_QUEUE_URL": queue_url,
                "LEADS_DLQ_URL": dead_letter_url,
                "RUN_BUCKET": BUCKET,
                "SITE_KEY_SECRET_ARN": site_key["ARN"],
                "DATABASE_SECRET_ARN": login["ARN"],
                "CREDENTIALS_KEY_ARN": key,
                "STATE_MACHINE_ARN": machine["stateMachineArn"],
            },
        )
