"""The queues' dead-letter queues, and the copies of dead letters in S3."""

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import cached_property
from itertools import batched, islice
from typing import TYPE_CHECKING, Any

from forecourt.aws.clients import AwsError, create_client, error_code, translate
from forecourt.aws.s3 import JsonBucket
from forecourt.errors import PermanentError
from forecourt.leads.dead_letters import (
    DYNAMICS_QUEUE,
    LEADS_QUEUE,
    DeadLetter,
    DeadLetterQueues,
    MessageAttribute,
)
from forecourt.logs import get_logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = get_logger("dead_letters")

COPIES_PREFIX = "dead-letters/"

_ENTRIES = 10
_READERS = 8
_WAIT_SECONDS = 1
"""Long polling: only then does SQS ask all its servers, so that no answer means no message."""

_BECOMES_PAST = {"reason": "formerReason", "detail": "formerDetail"}
"""A message that comes back here by itself must not bear the reason of the time before."""


class SqsDeadLetters:
    """Adapter of :class:`forecourt.leads.dead_letters.DeadLetterQueue`."""

    def __init__(self, dead_letter_url: str, queue_url: str) -> None:
        self._url = dead_letter_url
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = create_client("sqs")
        return client

    def receive(self, *, hidden_seconds: int) -> Iterator[Sequence[DeadLetter]]:
        """Receive what is visible, ten at a time, each letter once, until SQS has no more.

        Raises
        ------
        RetryableError, PermanentError
            As :func:`forecourt.aws.clients.translate` says.
        """
        seen: set[str] = set()
        while True:
            try:
                messages = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=_ENTRIES,
                    VisibilityTimeout=hidden_seconds,
                    WaitTimeSeconds=_WAIT_SECONDS,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                ).get("Messages", [])
            except AwsError as error:
                raise translate(error, "SQS") from None
            new = [message for message in messages if message["MessageId"] not in seen]
            if not new:
                return
            seen.update(message["MessageId"] for message in new)
            yield [_letter_of_message(message) for message in new]

    def give_back(self, receipt_handles: Sequence[str]) -> None:
        """Make received letters visible at once; the others come back by their time."""
        for chunk in batched(receipt_handles, _ENTRIES, strict=False):
            try:
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                        for index, handle in enumerate(chunk)
                    ],
                )
            except AwsError as error:
                _log.warning("Dead letters stay hidden for a while", code=error_code(error))
                return

    def count_visible(self) -> int:
        """Say how many can be received now, about; errors as :meth:`receive`."""
        return self._count("ApproximateNumberOfMessages")

    def count_hidden(self) -> int:
        """Say how many somebody has received and not given back; errors as :meth:`receive`."""
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def send_again(self, letter: DeadLetter) -> None:
        """Put a letter on the queue it was for; errors as :meth:`receive`.

        Attributes and group go with it; ``reason`` and ``detail`` become ``formerReason`` and
        ``formerDetail``.
        """
        sent: dict[str, Any] = {
            "QueueUrl": self._queue_url,
            "MessageBody": letter.body,
            "MessageAttributes": {
                _BECOMES_PAST.get(name, name): _to_sqs(attribute)
                for name, attribute in letter.attributes.items()
                if name not in _BECOMES_PAST.values()
            },
        }
        if letter.dealership_id is not None:
            sent["MessageGroupId"] = letter.dealership_id
        try:
            self._client.send_message(**sent)
        except AwsError as error:
            raise translate(error, "SQS") from None

    def delete(self, letter: DeadLetter) -> None:
        """Delete a received letter; errors as :meth:`receive`."""
        if letter.receipt_handle is None:
            raise PermanentError(
                code="NOT_RECEIVED", detail="A copy is not on the queue.", target="SQS"
            )
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt_handle)
        except AwsError as error:
            raise translate(error, "SQS") from None

    def _count(self, attribute: Any) -> int:  # noqa: ANN401 - a literal of the stubs
        try:
            answer = self._client.get_queue_attributes(
                QueueUrl=self._url, AttributeNames=[attribute]
            )
        except AwsError as error:
            raise translate(error, "SQS") from None
        return int(answer["Attributes"][attribute])


def sqs_dead_letters(
    *, leads_queue_url: str, leads_dlq_url: str, dynamics_queue_url: str, dynamics_dlq_url: str
) -> DeadLetterQueues:
    """Join the dead letters of leads and of wake-ups for Dynamics."""
    return DeadLetterQueues(
        {
            LEADS_QUEUE: SqsDeadLetters(leads_dlq_url, leads_queue_url),
            DYNAMICS_QUEUE: SqsDeadLetters(dynamics_dlq_url, dynamics_queue_url),
        }
    )


class S3DeadLetterCopies:
    """Adapter of :class:`forecourt.leads.dead_letters.DeadLetterCopies`.

    A copy is ``dead-letters/{yyyy-mm-dd}/{messageId}.json``, by the day (UTC) it was first sent.
    Errors are those of :class:`forecourt.aws.s3.JsonBucket`.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = JsonBucket(bucket)

    def ids_of(self, day: date) -> set[str]:
        """List the letters of a day that have a copy."""
        return {_id_in(key) for key in self._bucket.keys(f"{COPIES_PREFIX}{day}/")}

    def write(self, letter: DeadLetter) -> bool:
        """Write a letter's copy; False where it has one."""
        return self._bucket.put_new(_key(letter), _to_document(letter))

    def newest(self, limit: int) -> Sequence[DeadLetter]:
        """Read copies, the last sent days first."""
        return self._read(islice(reversed(list(self._bucket.keys(COPIES_PREFIX))), limit))

    def find(self, message_ids: Collection[str]) -> Sequence[DeadLetter]:
        """Read the copies of letters, of those that have one."""
        return self._read(
            key for key in self._bucket.keys(COPIES_PREFIX) if _id_in(key) in message_ids
        )

    def delete(self, letter: DeadLetter) -> None:
        """Delete a letter's copy, if there is one."""
        self._bucket.delete(_key(letter))

    def _read(self, keys: Iterable[str]) -> Sequence[DeadLetter]:
        with ThreadPoolExecutor(_READERS) as readers:
            documents = readers.map(self._bucket.get, keys)
            return [_letter_of_document(found) for found in documents if found is not None]


def _key(letter: DeadLetter) -> str:
    return f"{COPIES_PREFIX}{letter.sent_at.date()}/{letter.message_id}.json"


def _id_in(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _to_document(letter: DeadLetter) -> dict[str, Any]:
    return {
        "schema": 1,
        "messageId": letter.message_id,
        "queue": letter.queue,
        "sentAt": letter.sent_at.isoformat(),
        "receiveCount": letter.receive_count,
        "reason": letter.reason,
        "detail": letter.detail,
        "group": letter.group,
        "attributes": {
            name: {"kind": attribute.kind, "value": attribute.value}
            for name, attribute in letter.attributes.items()
        },
        "body": letter.body,
    }


def _letter_of_document(document: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        message_id=document["messageId"],
        sent_at=datetime.fromisoformat(document["sentAt"]),
        body=document["body"],
        receive_count=document["receiveCount"],
        group=document["group"],
        queue=document.get("queue", LEADS_QUEUE),
        attributes={
            name: MessageAttribute(**attribute)
            for name, attribute in document["attributes"].items()
        },
    )


def _letter_of_message(message: Mapping[str, Any]) -> DeadLetter:
    system = message["Attributes"]
    return DeadLetter(
        message_id=message["MessageId"],
        sent_at=datetime.fromtimestamp(int(system["SentTimestamp"]) / 1000, UTC),
        body=message["Body"],
        receive_count=int(system["ApproximateReceiveCount"]),
        group=system.get("MessageGroupId"),
        attributes={
            name: _of_sqs(attribute)
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        receipt_handle=message["ReceiptHandle"],
    )


def _is_binary(kind: str) -> bool:
    return kind.startswith("Binary")  # SQS allows a label of the sender's after a dot


def _of_sqs(attribute: Mapping[str, Any]) -> MessageAttribute:
    kind = attribute["DataType"]
    value = (
        base64.b64encode(attribute["BinaryValue"]).decode()
        if _is_binary(kind)
        else attribute["StringValue"]
    )
    return MessageAttribute(kind=kind, value=value)


def _to_sqs(attribute: MessageAttribute) -> dict[str, Any]:
    if _is_binary(attribute.kind):
        return {"DataType": attribute.kind, "BinaryValue": base64.b64decode(attribute.value)}
    return {"DataType": attribute.kind, "StringValue": attribute.value}
