"""The queues as deliveries see them: wake-ups, dead letters, later returns."""

import json
from collections.abc import Collection, Sequence
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Any

from forecourt.aws.clients import AwsError, create_client, error_code, translate
from forecourt.leads.message import QueuedMessage
from forecourt.leads.wake_ups import DYNAMICS, EASYCARS, WakeUp
from forecourt.logs import get_logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = get_logger("lead_delivery")

_ENTRIES = 10
_ATTRIBUTE_LENGTH = 1000


class SqsWakeUps:
    """Sends wake-ups to one queue, a standard one.

    ``MessageGroupId`` is the dealership, so that the queue shares fairly (decision 2).
    """

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = create_client("sqs")
        return client

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Send wake-ups, ten per request; gives back those the queue did not take."""
        unsent: list[WakeUp] = []
        for chunk in batched(wake_ups, _ENTRIES, strict=False):
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": str(index),
                            "MessageBody": _wake_up_body(wake_up),
                            "DelaySeconds": wake_up.delay,
                            "MessageGroupId": str(wake_up.dealership_id),
                        }
                        for index, wake_up in enumerate(chunk)
                    ],
                )
            except AwsError as error:
                _log.error("Wake-ups could not be sent", code=error_code(error), count=len(chunk))
                unsent.extend(chunk)
                continue
            unsent.extend(chunk[int(entry["Id"])] for entry in answer.get("Failed", []))
        return unsent


class RoutedWakeUps:
    """Sends each wake-up to the queue of the CRM its delivery is for."""

    def __init__(self, *, leads_queue_url: str, dynamics_queue_url: str) -> None:
        self._queues = {
            EASYCARS: SqsWakeUps(leads_queue_url),
            DYNAMICS: SqsWakeUps(dynamics_queue_url),
        }

    def send_wake_ups(self, wake_ups: Sequence[WakeUp]) -> Collection[WakeUp]:
        """Send wake-ups; gives back those their queue did not take."""
        return [
            unsent
            for target, queue in self._queues.items()
            if (own := [wake_up for wake_up in wake_ups if wake_up.target == target])
            for unsent in queue.send_wake_ups(own)
        ]


class SqsLeadQueue(SqsWakeUps):
    """Adapter of :class:`forecourt.leads.wake_ups.LeadQueue`."""

    def __init__(self, queue_url: str, dead_letter_url: str) -> None:
        super().__init__(queue_url)
        self._dead_letter_url = dead_letter_url

    def bury(self, message: QueuedMessage, code: str, detail: str) -> None:
        """Copy a message to the dead-letter queue, with ``reason`` and ``detail`` as attributes."""
        try:
            self._client.send_message(
                QueueUrl=self._dead_letter_url,
                MessageBody=message.body,
                MessageAttributes={
                    "reason": _text(code),
                    "detail": _text(detail),
                    "originalMessageId": _text(message.message_id),
                },
            )
        except AwsError as error:
            raise translate(error, "SQS") from None

    def hide(self, message: QueuedMessage, seconds: int) -> None:
        """Set how long a message stays hidden; without it the queue's own time-out applies."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=seconds,
            )
        except AwsError as error:
            _log.warning(
                "Visibility could not be set, the message comes back by the queue's own time",
                message_id=message.message_id,
                code=error_code(error),
            )


def _wake_up_body(wake_up: WakeUp) -> str:
    return json.dumps(
        {
            "schema": 1,
            "leadId": str(wake_up.external_id),
            "dealershipId": wake_up.dealership_id,
            "deliveryId": wake_up.delivery_id,
        }
    )


def _text(value: str) -> Any:  # noqa: ANN401 - a TypedDict of the stubs
    # SQS refuses control characters, and a letter that cannot be buried would come back for days.
    printable = "".join(c if c.isprintable() else "?" for c in value[:_ATTRIBUTE_LENGTH])
    return {"DataType": "String", "StringValue": printable or "-"}
