"""The images queue: a message per vehicle whose pictures are due."""

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from forecourt.aws.clients import AwsError, create_client, error_code
from forecourt.aws.sqs_event import failures_of, messages_of
from forecourt.errors import RetryableError, SkippableError
from forecourt.images.ports import ImageRequest
from forecourt.images.sync import ImageSync
from forecourt.leads.message import QueuedMessage
from forecourt.logs import get_logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = get_logger("images")

_ENTRIES = 10
_RECEIPTS = 3
_AGAIN_SECONDS = 300
_RESERVE_SECONDS = 10.0


class SqsImageQueue:
    """Adapter of :class:`forecourt.stock.ports.ImageQueue`.

    ``MessageGroupId`` is the dealership, so that one with thousands of pictures delays no other
    (decision 2).
    """

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = create_client("sqs")
        return client

    def send(self, requests: Sequence[ImageRequest]) -> int:
        """Send requests, ten at a time; gives back how many the queue took."""
        taken = 0
        for chunk in batched(requests, _ENTRIES, strict=False):
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {
                            "Id": str(index),
                            "MessageBody": _body(request),
                            "MessageGroupId": str(request.dealership_id),
                        }
                        for index, request in enumerate(chunk)
                    ],
                )
            except AwsError as error:
                _log.error("Pictures could not be queued", code=error_code(error))
                break
            taken += len(answer.get("Successful", []))
        return taken


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, hide_input_in_errors=True)

    dealership_id: int = Field(ge=1)
    vehicle_id: int = Field(ge=1)
    log_id: int | None = None


def read_request(body: str) -> ImageRequest:
    """Read a message's body.

    Raises
    ------
    SkippableError
        ``MALFORMED_MESSAGE``.
    """
    try:
        return ImageRequest(**_Message.model_validate_json(body).model_dump())
    except ValidationError:
        detail = "the message names no vehicle"
        raise SkippableError(
            code="MALFORMED_MESSAGE", detail=detail, target="ImagesQueue"
        ) from None


def _body(request: ImageRequest) -> str:
    return json.dumps(
        {
            "dealershipId": request.dealership_id,
            "vehicleId": request.vehicle_id,
            "logId": request.log_id,
        }
    )


class ImageMessages:
    """Hands the images queue's messages to the image sync.

    What fails for a passing reason comes back after five minutes, twice; after that the vehicle
    waits for the next stock run, which queues whatever is still due.
    """

    def __init__(self, sync: ImageSync, queue_url: str) -> None:
        self._sync = sync
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = create_client("sqs")
        return client

    def work_on(self, event: dict[str, Any], *, seconds_left: float) -> dict[str, Any]:
        """Answer a batch event, normally of one message, with what must come back."""
        back = []
        for message in messages_of(event):
            try:
                request = read_request(message.body)
            except SkippableError as error:  # the dead-letter queue shows it in the end
                _log.error("Message cannot be read", code=error.code, detail=error.detail)
                back.append(message.message_id)
                continue
            try:
                is_done = self._sync.run(request, seconds_left=seconds_left - _RESERVE_SECONDS)
            except RetryableError as error:
                _log.warning("Pictures wait", code=error.code, detail=error.detail)
                is_done = False
            if not is_done and message.receive_count < _RECEIPTS:
                self._hide(message)
                back.append(message.message_id)
        return failures_of(back)

    def _hide(self, message: QueuedMessage) -> None:
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url,
                ReceiptHandle=message.receipt_handle,
                VisibilityTimeout=_AGAIN_SECONDS,
            )
        except AwsError as error:  # it comes back by the queue's own time-out
            _log.warning("Visibility could not be set", code=error_code(error))
