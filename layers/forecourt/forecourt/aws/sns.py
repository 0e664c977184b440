"""Alerts over an SNS topic."""

from functools import cached_property
from typing import TYPE_CHECKING

from forecourt.aws.clients import AwsError, create_client, translate

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_SUBJECT_LENGTH = 100
_MESSAGE_BYTES = 256 * 1024


class SnsAlerts:
    """Publishes alerts for people; the topic's subscribers are the operators' choice."""

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    @cached_property
    def _client(self) -> "SNSClient":
        client: SNSClient = create_client("sns")
        return client

    def publish(self, subject: str, text: str) -> None:
        """Send one alert, cut to what SNS takes: a subject of 100 ASCII characters, 256 KiB.

        Raises
        ------
        RetryableError, PermanentError
            As :func:`forecourt.aws.clients.translate` says.
        """
        printable = "".join(c if c.isascii() and c.isprintable() else "?" for c in subject)
        message = text.encode()[:_MESSAGE_BYTES].decode(errors="ignore")
        try:
            self._client.publish(
                TopicArn=self._topic_arn, Subject=printable[:_SUBJECT_LENGTH], Message=message
            )
        except AwsError as error:
            raise translate(error, "SNS") from None
