"""All a delivery has around it, real or nearly so: PostgreSQL, AWS by moto, EasyCars simulated."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from forecourt.aws.kms import KmsDataKeys
from forecourt.leads.steps import Step
from forecourt.security.credentials import Environment
from forecourt.security.envelope import CredentialSecrets
from forecourt.storage.credentials import CredentialVault
from local.easycars_simulator import Account, EasyCarsSimulator
from tests.support.handlers import ROOT
from tests.support.lead_delivery import ACTOR, Scene

REGION = "ap-southeast-2"


class DeliveryWorld:
    """Runs the real handler in processes of its own; ``scene`` looks at the ledger."""

    def __init__(
        self, scene: Scene, simulator: EasyCarsSimulator, environment: Mapping[str, str], tmp: Path
    ) -> None:
        self.scene = scene
        self.simulator = simulator
        self.environment = environment
        self._tmp = tmp

    def add_dealership(self, account: Account) -> int:
        dealership_id = self.scene.add_dealership(connected=False)
        vault = CredentialVault(
            self.scene.database, KmsDataKeys(self.environment["CREDENTIALS_KEY_ARN"])
        )
        vault.save(
            dealership_id,
            CredentialSecrets(
                client_id=SecretStr(account.client_id),
                client_secret=SecretStr(account.client_secret),
                account_number=SecretStr(account.account_number),
                account_secret=SecretStr(account.account_secret),
            ),
            Environment.TEST,
            None,
            actor=ACTOR,
        )
        return dealership_id

    def start_worker(
        self, bodies: Sequence[str], step: Step | None = None, nth: int = 1
    ) -> subprocess.Popen[str]:
        """Start a worker on a batch; with a step it kills itself there."""
        event = self._tmp / "event.json"
        event.write_text(json.dumps(sqs_event(bodies)))
        where = [] if step is None else [step.value, str(nth)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal_worker", str(event), *where],
            cwd=ROOT,
            env={**self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def messages(self, url_variable: str) -> list[dict[str, Any]]:
        """Read what is on a queue."""
        answer = boto3.client("sqs").receive_message(
            QueueUrl=self.environment[url_variable],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = list(answer.get("Messages", []))  # type: ignore[arg-type]
        return messages


@contextmanager
def delivery_world(
    database_url: str, simulator: EasyCarsSimulator, tmp: Path
) -> Iterator[DeliveryWorld]:
    """Lend a world; the environment of this process must already name region and dummy keys."""
    parts = conninfo_to_dict(database_url)
    sqs, secrets = boto3.client("sqs"), boto3.client("secretsmanager")
    place = str(parts["dbname"]) + "-" + uuid4().hex[:8]
    login = {"username": str(parts["user"]), "password": str(parts["password"])}
    dead = sqs.create_queue(QueueName=f"{place}-dlq")["QueueUrl"]
    queue = sqs.create_queue(QueueName=f"{place}-leads")["QueueUrl"]
    secret = secrets.create_secret(Name=place, SecretString=json.dumps(login))["ARN"]
    key = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    topic = boto3.client("sns").create_topic(Name=place)["TopicArn"]
    events = boto3.client("sns").create_topic(Name=f"{place}-events")["TopicArn"]
    scene = Scene(database_url)
    yield DeliveryWorld(
        scene,
        simulator,
        {
            "DATABASE_HOST": str(parts["host"]),
            "DATABASE_PORT": str(parts["port"]),
            "DATABASE_NAME": str(parts["dbname"]),
            "DATABASE_SECRET_ARN": secret,
            "DATABASE_SSLMODE": "disable",
            "LEADS_QUEUE_URL": queue,
            "LEADS_DLQ_URL": dead,
            "CREDENTIALS_KEY_ARN": key,
            "EASYCARS_TEST_URL": simulator.url,
            "EASYCARS_PRODUCTION_URL": simulator.url,
            "ALERT_TOPIC_ARN": topic,
            "LEAD_EVENTS_TOPIC_ARN": events,
            "POWERTOOLS_SERVICE_NAME": "lead_delivery",
            "POWERTOOLS_METRICS_NAMESPACE": "Forecourt",
        },
        tmp,
    )
    scene.close()


def aws_variables(endpoint: str) -> dict[str, str]:
    """What points boto3 to an endpoint of ours."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


@contextmanager
def moto_server() -> Iterator[str]:
    """Run AWS in memory; yields its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def sqs_event(bodies: Sequence[str], receive_count: int = 1) -> dict[str, Any]:
    """Build the batch event Lambda makes of messages; message ids are m0, m1 …"""
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": f"handle-{index}",
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:leads",
                "awsRegion": REGION,
            }
            for index, body in enumerate(bodies)
        ]
    }
