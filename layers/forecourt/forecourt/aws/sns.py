"""SNS topics: alerts for people, and events of leads for whoever subscribes."""

import json
from collections.abc import Collection, Sequence
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from forecourt.aws.clients import AwsError, Patience, create_client, error_code, translate
from forecourt.leads.announcements import AcceptedLead
from forecourt.logs import get_logger

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_log = get_logger("lead_delivery")

_ACCEPTED = "lead.accepted"
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


class SnsLeadEvents:
    """Adapter of :class:`forecourt.leads.announcements.LeadEvents`.

    The message attribute ``event`` lets a subscription filter.
    """

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    @cached_property
    def _client(self) -> "SNSClient":
        # A batch of leads waits for this at its end, so it gives up soon.
        client: SNSClient = create_client("sns", Patience(connect_seconds=1.0, read_seconds=2.0))
        return client

    def publish_accepted(self, leads: Sequence[AcceptedLead]) -> Collection[UUID]:
        """Publish ``lead.accepted`` of at most ten leads; gives back those the topic took."""
        try:
            answer = self._client.publish_batch(
                TopicArn=self._topic_arn,
                PublishBatchRequestEntries=[
                    {
                        "Id": str(index),
                        "Message": _accepted(lead),
                        "MessageAttributes": {
                            "event": {"DataType": "String", "StringValue": _ACCEPTED}
                        },
                    }
                    for index, lead in enumerate(leads)
                ],
            )
        except AwsError as error:
            _log.error("Leads could not be announced", code=error_code(error), count=len(leads))
            return ()
        for entry in answer.get("Failed", []):
            _log.error("A lead could not be announced", code=entry["Code"])
        return [leads[int(entry["Id"])].external_id for entry in answer.get("Successful", [])]


def _accepted(lead: AcceptedLead) -> str:
    return json.dumps(
        {
            "event": _ACCEPTED,
            "leadId": str(lead.external_id),
            "dealershipId": lead.dealership_id,
            "receivedAt": lead.received_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        }
    )
