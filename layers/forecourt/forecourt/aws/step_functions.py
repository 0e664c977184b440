"""Starting the sync state machine by hand."""

import json
from functools import cached_property
from typing import TYPE_CHECKING

from forecourt.admin.run_ports import ManualRun
from forecourt.aws.clients import AwsError, create_client, translate

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class SyncStateMachine:
    """Adapter of :class:`forecourt.admin.run_ports.SyncStarter`."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    @cached_property
    def _client(self) -> "SFNClient":
        client: SFNClient = create_client("stepfunctions")
        return client

    def start(self, run: ManualRun) -> None:
        """Start an execution that is named after its job.

        Raises
        ------
        RetryableError, PermanentError
            Step Functions is away, or refuses.
        """
        request = {
            "syncType": run.sync_type,
            "trigger": "manual",
            "jobId": str(run.job_id),
            "dealershipIds": list(run.dealership_ids),
            "acceptRemovals": run.accept_removals or False,
        }
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=str(run.job_id),
                input=json.dumps(request),
            )
        except AwsError as error:
            raise translate(error, "StepFunctions") from None
