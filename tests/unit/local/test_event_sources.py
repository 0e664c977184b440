import json
from typing import Any

import pytest

from local.event_sources import QueueSource, queue_record, succeeded
from local.sandbox import Answer

BATCH = [{"MessageId": "a"}, {"MessageId": "b"}]


def reported(*ids: str) -> Any:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": i} for i in ids]})


@pytest.mark.parametrize(
    ("payload", "done"),
    [
        ("null", ["a", "b"]),
        ("{}", ["a", "b"]),
        (reported(), ["a", "b"]),
        (reported("b"), ["a"]),
        (reported("a", "b"), []),
        (reported("unknown"), []),
        (reported(""), []),
        ('{"batchItemFailures": [{"id": "a"}]}', []),
        ('{"batchItemFailures": ["a"]}', []),
    ],
)
def test_messages_a_handler_does_not_report_are_done(payload: str, done: list[str]) -> None:
    found = succeeded(BATCH, Answer(payload), reports_failures=True)

    assert [message["MessageId"] for message in found] == done


def test_without_reporting_an_answer_is_not_looked_into() -> None:
    assert succeeded(BATCH, Answer(reported("a")), reports_failures=False) == BATCH


def test_no_message_is_done_when_the_function_failed() -> None:
    failed = Answer("{}", "Unhandled", "error")

    assert succeeded(BATCH, failed, reports_failures=True) == []


def test_a_mapping_is_read_with_lambdas_defaults() -> None:
    source = QueueSource.from_mapping(
        {"EventSourceArn": "arn:q", "FunctionName": "f"}, queue_url="http://q", region="r"
    )

    assert (source.batch_size, source.window, source.reports_failures) == (10, 0.0, False)


def test_a_record_is_shaped_as_lambda_shapes_it() -> None:
    source = QueueSource.from_mapping(
        {"EventSourceArn": "arn:q", "FunctionName": "f"}, queue_url="http://q", region="r"
    )
    message = {
        "MessageId": "m",
        "ReceiptHandle": "h",
        "Body": "{}",
        "MD5OfBody": "5",
        "Attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "7"},
        "MessageAttributes": {"reason": {"DataType": "String", "StringValue": "x"}},
    }

    record = queue_record(message, source)

    assert record["messageId"] == "m"
    assert record["attributes"]["MessageGroupId"] == "7"
    assert record["messageAttributes"]["reason"]["stringValue"] == "x"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:q"
