import json
import time
import uuid
from typing import Any

from tests.integration.stack.running_sample import RunningSample, wait_until


def dead_letters(sample: RunningSample, name: str) -> Any:
    sqs, url = sample.client("sqs"), sample.resource("WorkDeadLetterQueue")
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageSystemAttributeNames=["All"],
    )
    found = answer.get("Messages", [])
    return [message for message in found if json.loads(message["Body"])["name"] == name]


def test_a_message_reaches_the_function_once_and_is_deleted(sample: RunningSample) -> None:
    name = uuid.uuid4().hex
    message_id = sample.send(
        {"name": name},
        MessageGroupId="7",
        MessageAttributes={"reason": {"DataType": "String", "StringValue": "test"}},
    )

    (record,) = wait_until(lambda: sample.seen(name))

    assert record["messageId"] == message_id
    assert record["attributes"]["MessageGroupId"] == "7"
    assert record["messageAttributes"]["reason"]["stringValue"] == "test"
    assert record["eventSourceARN"].endswith("forecourt-local-WorkQueue")
    time.sleep(2.5)  # longer than the visibility time-out
    assert len(sample.seen(name)) == 1


def test_only_the_reported_message_of_a_batch_comes_back_and_ends_in_the_dead_letters(
    sample: RunningSample,
) -> None:
    good, bad = uuid.uuid4().hex, uuid.uuid4().hex
    sample.client("sqs").send_message_batch(
        QueueUrl=sample.resource("WorkQueue"),
        Entries=[
            {"Id": "1", "MessageBody": json.dumps({"name": good})},
            {"Id": "2", "MessageBody": json.dumps({"name": bad, "fails": True})},
        ],
    )

    (letter,) = wait_until(lambda: dead_letters(sample, bad))

    counts = [record["attributes"]["ApproximateReceiveCount"] for record in sample.seen(bad)]
    assert counts == ["1", "2"]
    assert len(sample.seen(good)) == 1
    assert int(letter["Attributes"]["ApproximateReceiveCount"]) >= 3


def test_a_failed_message_is_invisible_until_its_time_out(sample: RunningSample) -> None:
    name = uuid.uuid4().hex
    sample.send({"name": name, "fails": True})
    wait_until(lambda: len(sample.seen(name)) == 2, seconds=20)
    again = sample.seen(name)[1]
    received = int(again["attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000

    assert again["seenAt"] - received >= 1.9  # of the 2 s its queue hides it


def test_a_delayed_message_comes_when_its_delay_is_over(sample: RunningSample) -> None:
    name = uuid.uuid4().hex
    started = time.monotonic()
    sample.send({"name": name}, DelaySeconds=2)

    wait_until(lambda: sample.seen(name))

    assert time.monotonic() - started >= 1.9


def test_a_waiting_receiver_gets_a_message_at_once_and_holds_nobody_up(
    sample: RunningSample,
) -> None:
    sqs = sample.client("sqs")
    url = sqs.create_queue(QueueName="waiting")["QueueUrl"]
    started = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - started < 2

    sqs.send_message(QueueUrl=url, MessageBody="hello", DelaySeconds=1)
    started = time.monotonic()
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]

    assert message["Body"] == "hello"
    assert time.monotonic() - started < 3


def test_a_queues_own_waiting_time_counts_when_the_request_names_none(
    sample: RunningSample,
) -> None:
    sqs = sample.client("sqs")
    url = sqs.create_queue(QueueName="patient", Attributes={"ReceiveMessageWaitTimeSeconds": "1"})[
        "QueueUrl"
    ]
    started = time.monotonic()

    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    assert time.monotonic() - started > 0.9
