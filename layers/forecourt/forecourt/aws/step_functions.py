"""Starting the sync state machine by hand."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from forecourt.aws.clients import AwsError, create_client, translate

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class SyncStateMachine:
    """Adapter of :class:`forecourt.admin.ports.SyncStarter`."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    @cached_property
    def _client(self) -> "SFNClient":
        client: SFNClient = create_client("stepfunctions")
        return client

    def start(self, job_id: UUID, sync_type: str, dealership_ids: Sequence[int]) -> None:
        """Start an execution that is named after its job.

        Raises
        ------
        RetryableError, PermanentError
            Step Functions is away, or refuses.
        """
        request = {
            "syncType": sync_type,
            "trigger": "manual",
            "jobId": str(job_id),
            "dealershipIds": list(dealership_ids),
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=str(job_id),
                input=json.dumps(request),
            )
        except AwsError as error:
            raise translate(error, "StepFunctions") from None
