"""Dead letters of the Dynamics queue: listed, shown, copied and redriven with those of leads."""

import json
from typing import Any

import boto3
import pytest

from forecourt.aws.dead_letters import S3DeadLetterCopies, sqs_dead_letters
from forecourt.leads.dead_letters import CopyingRun, DeadLetterArchive, DeadLetterQueues
from tests.support.admin_api import AdminClient
from tests.support.aws_account import BUCKET, AwsAccount

PATH = "/api/admin/dead-letters"
BODY = json.dumps({"schema": 99, "leadId": "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"})


@pytest.fixture
def buried(account: AwsAccount) -> dict[str, str]:
    """One letter on each dead-letter queue: message id by queue."""
    sqs = boto3.client("sqs")
    return {
        name: sqs.send_message(
            QueueUrl=url,
            MessageBody=BODY,
            MessageAttributes={
                "reason": {"DataType": "String", "StringValue": "MALFORMED_MESSAGE"}
            },
        )["MessageId"]
        for name, url in (
            ("leads", account.dead_letter_url),
            ("dynamics", account.environment["DYNAMICS_DLQ_URL"]),
        )
    }


def joined(account: AwsAccount) -> DeadLetterQueues:
    return sqs_dead_letters(
        leads_queue_url=account.queue_url,
        leads_dlq_url=account.dead_letter_url,
        dynamics_queue_url=account.environment["DYNAMICS_QUEUE_URL"],
        dynamics_dlq_url=account.environment["DYNAMICS_DLQ_URL"],
    )


def on_queues(account: AwsAccount) -> dict[str, int]:
    urls = {
        "leads": account.queue_url,
        "dead leads": account.dead_letter_url,
        "dynamics": account.environment["DYNAMICS_QUEUE_URL"],
        "dead dynamics": account.environment["DYNAMICS_DLQ_URL"],
    }
    counts = {}
    for name, url in urls.items():
        answer = boto3.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        counts[name] = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return counts


class Runs:
    """Keeps the numbers of each run."""

    def __init__(self) -> None:
        self.finished: list[CopyingRun] = []

    def copying_finished(self, run: CopyingRun) -> None:
        self.finished.append(run)


def copy(account: AwsAccount) -> CopyingRun:
    runs = Runs()
    DeadLetterArchive(joined(account), S3DeadLetterCopies(BUCKET), runs).copy()
    return runs.finished[0]


def redrive(admin: AdminClient, message_id: str, **options: Any) -> Any:
    return admin(
        "POST", f"{PATH}/redrive", {"messageIds": [message_id], "dryRun": False, **options}
    )


def test_letters_of_both_queues_are_listed_and_shown(
    admin: AdminClient, account: AwsAccount, buried: dict[str, str]
) -> None:
    listed = admin("GET", PATH)
    shown = admin("GET", f"{PATH}/{buried['dynamics']}")

    assert {one["queue"]: one["messageId"] for one in listed.body["messages"]} == buried
    assert (shown.body["queue"], shown.body["body"]) == ("dynamics", BODY)
    assert on_queues(account) == {"leads": 0, "dead leads": 1, "dynamics": 0, "dead dynamics": 1}


@pytest.mark.parametrize("name", ["leads", "dynamics"])
def test_a_letter_goes_back_to_the_queue_it_was_for(
    admin: AdminClient, account: AwsAccount, buried: dict[str, str], name: str
) -> None:
    other = {"leads": "dynamics", "dynamics": "leads"}[name]

    assert redrive(admin, buried[name]).status == 200

    assert on_queues(account) == {
        name: 1,
        f"dead {name}": 0,
        other: 0,
        f"dead {other}": 1,
    }


def test_letters_of_both_queues_are_copied_and_a_copy_knows_its_queue(
    admin: AdminClient, account: AwsAccount, buried: dict[str, str]
) -> None:
    run = copy(account)

    assert (run.copied, run.uncopied) == (2, 0)
    assert on_queues(account)["dead dynamics"] == 1
    copies = {letter.message_id: letter.queue for letter in S3DeadLetterCopies(BUCKET).newest(9)}
    assert copies == {buried["leads"]: "leads", buried["dynamics"]: "dynamics"}
    assert redrive(admin, buried["dynamics"], archived=True).status == 200
    assert on_queues(account)["dynamics"] == 1


def test_a_copy_from_before_dynamics_is_a_leads(account: AwsAccount) -> None:
    document = {
        "schema": 1, "messageId": "m1", "sentAt": "2026-11-20T22:15:00+00:00", "receiveCount": 1,
        "reason": "X", "detail": "Y", "group": None, "attributes": {}, "body": BODY,
    }  # fmt: skip
    boto3.client("s3").put_object(
        Bucket=BUCKET, Key="dead-letters/2026-11-20/m1.json", Body=json.dumps(document)
    )

    [letter] = S3DeadLetterCopies(BUCKET).newest(9)

    assert letter.queue == "leads"
