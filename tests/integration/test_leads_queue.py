"""The leads queue's adapter against SQS (moto)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto import mock_aws

from forecourt.aws.sqs import RoutedWakeUps, SqsLeadQueue
from forecourt.errors import ForecourtError
from forecourt.leads.message import WakeUpMessage, parse_message
from forecourt.leads.wake_ups import WakeUp
from tests.support.lead_delivery import queued

LEAD = UUID("0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def queue_url() -> str:
    return boto3.client("sqs").create_queue(QueueName="leads")["QueueUrl"]


@pytest.fixture
def dead_letter_url() -> str:
    return boto3.client("sqs").create_queue(QueueName="leads-dlq")["QueueUrl"]


@pytest.fixture
def queue(queue_url: str, dead_letter_url: str) -> SqsLeadQueue:
    return SqsLeadQueue(queue_url, dead_letter_url)


def take(url: str) -> list[Any]:
    sqs = boto3.client("sqs")
    taken: list[Any] = []
    while messages := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages"):
        taken.extend(messages)
    return taken


def wake_up(delivery_id: int, delay: int = 0) -> WakeUp:
    return WakeUp(delivery_id=delivery_id, external_id=LEAD, dealership_id=7, delay=delay)


def test_wake_ups_can_be_read_and_share_fairly(queue: SqsLeadQueue, queue_url: str) -> None:
    assert list(queue.send_wake_ups([wake_up(n) for n in range(1, 24)])) == []

    messages = take(queue_url)
    parsed = [parse_message(message["Body"]) for message in messages]
    read = [message for message in parsed if isinstance(message, WakeUpMessage)]
    assert {m.delivery_id for m in read} == set(range(1, 24))
    assert len(read) == len(parsed)
    assert {(m.lead_id, m.dealership_id) for m in read} == {(LEAD, 7)}
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"7"}


def test_a_delayed_wake_up_is_not_there_yet(queue: SqsLeadQueue, queue_url: str) -> None:
    assert list(queue.send_wake_ups([wake_up(1, delay=900)])) == []

    assert take(queue_url) == []
    attributes = boto3.client("sqs").get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"


def test_wake_ups_a_missing_queue_does_not_take_are_given_back(dead_letter_url: str) -> None:
    gone = SqsLeadQueue(dead_letter_url + "-gone", dead_letter_url)

    assert list(gone.send_wake_ups([wake_up(1), wake_up(2)])) == [wake_up(1), wake_up(2)]


def test_a_delay_sqs_refuses_is_given_back_alone(queue: SqsLeadQueue, queue_url: str) -> None:
    refused = wake_up(2, delay=901)

    given_back = list(queue.send_wake_ups([refused]))

    assert given_back == [refused]
    assert take(queue_url) == []


def test_a_dead_letter_keeps_its_body_and_names_its_reason(
    queue: SqsLeadQueue, dead_letter_url: str
) -> None:
    queue.bury(queued("{broken", "m7"), "MALFORMED_MESSAGE", "The message cannot be read.")

    (message,) = take(dead_letter_url)
    assert message["Body"] == "{broken"
    attributes = {
        name: value["StringValue"] for name, value in message["MessageAttributes"].items()
    }
    assert attributes == {
        "reason": "MALFORMED_MESSAGE",
        "detail": "The message cannot be read.",
        "originalMessageId": "m7",
    }


def test_a_dead_letter_nobody_takes_is_an_error(queue_url: str) -> None:
    with pytest.raises(ForecourtError):
        SqsLeadQueue(queue_url, queue_url + "-gone").bury(queued("x"), "REASON", "detail")


def test_hiding_sets_when_a_message_comes_back(queue: SqsLeadQueue, queue_url: str) -> None:
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps({}))
    (message,) = sqs.receive_message(QueueUrl=queue_url, VisibilityTimeout=720)["Messages"]
    held = queued("{}")
    held = type(held)(
        message_id="m0", receipt_handle=message["ReceiptHandle"], body="{}", receive_count=1
    )

    queue.hide(held, 0)

    assert len(take(queue_url)) == 1


def test_hiding_what_is_no_longer_ours_harms_nobody(queue: SqsLeadQueue, queue_url: str) -> None:
    boto3.client("sqs").send_message(QueueUrl=queue_url, MessageBody="{}")

    queue.hide(queued("{}"), 30)

    assert len(take(queue_url)) == 1


def test_a_wake_up_goes_to_the_queue_of_its_crm(queue_url: str) -> None:
    dynamics_url = boto3.client("sqs").create_queue(QueueName="dynamics")["QueueUrl"]
    queues = RoutedWakeUps(leads_queue_url=queue_url, dynamics_queue_url=dynamics_url)

    assert queues.send_wake_ups([wake_up(1), replace(wake_up(2), target="Dynamics")]) == []

    found = {url: [json.loads(m["Body"]) for m in take(url)] for url in (queue_url, dynamics_url)}
    assert [body["deliveryId"] for body in found[queue_url]] == [1]
    assert [body["deliveryId"] for body in found[dynamics_url]] == [2]


def test_what_one_of_two_queues_does_not_take_is_given_back(queue_url: str) -> None:
    queues = RoutedWakeUps(
        leads_queue_url=queue_url, dynamics_queue_url=queue_url.replace("leads", "gone")
    )
    lost = replace(wake_up(2), target="Dynamics")

    assert queues.send_wake_ups([lost, wake_up(1)]) == [lost]

    assert len(take(queue_url)) == 1
