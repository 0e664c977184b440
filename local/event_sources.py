"""SQS as a function's event source, with Lambda's rules for batches and failures.

Source: AWS Lambda Developer Guide, "Using Lambda with Amazon SQS": a batch is what has come within
the window, at most the batch size; messages a handler does not report are deleted; those it
reports, or all when it fails, come back when their visibility time-out is over, and the queue's
redrive policy moves those that came back too often.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.sandbox_pool import SANDBOXES_AT_MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.functions import Functions
    from local.sandbox import Answer

_log = logging.getLogger(__name__)

_LONG_POLL_SECONDS = 20
_RECEIVE_AT_MOST = 10
_PAUSE_AFTER_ERROR_SECONDS = 1.0


@dataclass(frozen=True)
class QueueSource:
    """One event source mapping of the template.

    Attributes
    ----------
    queue_url, queue_arn
        The queue.
    function
        The ARN of the function it feeds.
    batch_size
        Messages of one invocation at most.
    window
        Seconds to wait for a batch to fill; 0 takes what is there.
    reports_failures
        Whether the handler's answer names failed messages (``ReportBatchItemFailures``).
    concurrency
        Invocations at once at most.
    region
        The region records name.
    """

    queue_url: str
    queue_arn: str
    function: str
    batch_size: int
    window: float
    reports_failures: bool
    concurrency: int
    region: str

    @classmethod
    def from_mapping(
        cls, properties: Mapping[str, Any], *, queue_url: str, region: str
    ) -> QueueSource:
        """Read the resolved properties of an ``AWS::Lambda::EventSourceMapping``."""
        scaling = properties.get("ScalingConfig", {})
        return cls(
            queue_url=queue_url,
            queue_arn=str(properties["EventSourceArn"]),
            function=str(properties["FunctionName"]),
            batch_size=int(properties.get("BatchSize", 10)),
            window=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
            reports_failures="ReportBatchItemFailures"
            in properties.get("FunctionResponseTypes", []),
            concurrency=int(scaling.get("MaximumConcurrency", SANDBOXES_AT_MOST)),
            region=region,
        )


class QueuePoller:
    """Feeds a queue's messages to a function until it is stopped.

    Parameters
    ----------
    source
        What to feed to what.
    functions
        Where the function is.
    sqs
        boto3's SQS client.
    """

    def __init__(self, source: QueueSource, *, functions: Functions, sqs: Any) -> None:  # noqa: ANN401
        self._source = source
        self._functions = functions
        self._sqs = sqs
        at_once = min(source.concurrency, SANDBOXES_AT_MOST)
        self._places = threading.Semaphore(at_once)
        self._workers = ThreadPoolExecutor(at_once, thread_name_prefix="queue-batch")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="queue-poller", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more messages; batches that run go on."""
        self._ended.set()

    def drain(self) -> None:
        """Wait until the batches that ran are settled; only after `stop`."""
        self._thread.join()
        self._workers.shutdown()

    def _poll(self) -> None:
        while not self._ended.is_set():
            self._places.acquire()
            batch: list[dict[str, Any]] = []
            try:
                batch = self._collect()
            except (BotoCoreError, ClientError) as error:
                if not self._ended.is_set():
                    _log.warning("A queue could not be read: %s", error)
                    self._ended.wait(_PAUSE_AFTER_ERROR_SECONDS)
            if not batch or self._ended.is_set():
                self._places.release()
                continue
            self._workers.submit(self._deliver, batch)

    def _collect(self) -> list[dict[str, Any]]:
        batch = self._receive(self._source.batch_size, _LONG_POLL_SECONDS)
        until = time.monotonic() + self._source.window
        while batch and len(batch) < self._source.batch_size and not self._ended.is_set():
            left = until - time.monotonic()
            if left > 0:
                batch += self._receive(self._source.batch_size - len(batch), max(1, int(left)))
            elif more := self._receive(self._source.batch_size - len(batch), 0):
                batch += more
            else:
                break
        return batch

    def _receive(self, at_most: int, wait: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._source.queue_url,
            MaxNumberOfMessages=min(at_most, _RECEIVE_AT_MOST),
            WaitTimeSeconds=min(wait, _LONG_POLL_SECONDS),
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _deliver(self, batch: list[dict[str, Any]]) -> None:
        try:
            event = {"Records": [queue_record(message, self._source) for message in batch]}
            answer = self._functions.invoke(self._source.function, json.dumps(event))
            self._delete(succeeded(batch, answer, reports_failures=self._source.reports_failures))
        except Exception:  # noqa: BLE001 - one bad batch must not end the poller
            _log.exception("A batch could not be handed over")
        finally:
            self._places.release()

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        for start in range(0, len(messages), _RECEIVE_AT_MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(messages[start : start + _RECEIVE_AT_MOST])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._source.queue_url, Entries=entries)


def succeeded(
    batch: list[dict[str, Any]], answer: Answer, *, reports_failures: bool
) -> list[dict[str, Any]]:
    """Return the messages of a batch that are done and may be deleted.

    An answer that names no valid message id counts as a failure of the whole batch, as in Lambda.
    """
    if answer.error is not None:
        return []
    if not reports_failures:
        return batch
    result = json.loads(answer.payload)
    failures = result.get("batchItemFailures") if isinstance(result, dict) else None
    if not failures:
        return batch
    known = {message["MessageId"] for message in batch}
    failed = {
        failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures
    }
    if not failed <= known:
        return []
    return [message for message in batch if message["MessageId"] not in failed]


def queue_record(message: Mapping[str, Any], source: QueueSource) -> dict[str, Any]:
    """Return one record of an SQS event from a received message."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {
                "stringValue": value.get("StringValue"),
                "binaryValue": value.get("BinaryValue"),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source.queue_arn,
        "awsRegion": source.region,
    }
