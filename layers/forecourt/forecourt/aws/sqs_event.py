"""SQS batch events of Lambda, and the answer that names the messages to bring back."""

from collections.abc import Mapping, Sequence
from typing import Any

from forecourt.leads.message import QueuedMessage


def messages_of(event: Mapping[str, Any]) -> Sequence[QueuedMessage]:
    """Read the records of a batch event."""
    return [
        QueuedMessage(
            message_id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receive_count=int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for record in event["Records"]
    ]


def failures_of(message_ids: Sequence[str]) -> dict[str, Any]:
    """Answer with the messages that are not done with (ReportBatchItemFailures)."""
    return {"batchItemFailures": [{"itemIdentifier": name} for name in message_ids]}
