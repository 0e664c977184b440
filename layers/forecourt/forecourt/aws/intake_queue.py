"""How accepted leads get onto the leads queue."""

from functools import cached_property
from typing import TYPE_CHECKING

from forecourt.aws.clients import WHILE_A_WEBSITE_WAITS, AwsError, create_client, translate
from forecourt.errors import RetryableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsIntakeQueue:
    """Adapter of :class:`forecourt.leads.intake.IntakeQueue`; a standard queue."""

    def __init__(self, queue_url: str) -> None:
        self._queue_url = queue_url

    @cached_property
    def _client(self) -> "SQSClient":
        client: SQSClient = create_client("sqs", WHILE_A_WEBSITE_WAITS)
        return client

    def send(self, body: str, *, group: str) -> None:
        """Send one message; it is stored when this returns.

        Parameters
        ----------
        body
            JSON text in ASCII, which SQS takes whatever it escapes.
        group
            ``MessageGroupId``: on a standard queue, whose share of it this message uses up.

        Raises
        ------
        RetryableError
            The queue did not take it, for whatever reason: to the website all are "try again".
        """
        try:
            self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=body, MessageGroupId=group
            )
        except AwsError as error:
            problem = translate(error, "SQS")
            raise RetryableError(
                code=problem.code, detail=problem.detail, target=problem.target
            ) from None
