"""Starting the sync state machine for a run that its schedule missed."""

import json
from datetime import UTC
from functools import cached_property
from typing import TYPE_CHECKING, Any

from forecourt.aws.clients import AwsError, create_client, error_code, translate
from forecourt.schedules.catch_up import MissedRun
from forecourt.stock.plan_request import scheduled_job_id

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_STARTED_BEFORE = "ExecutionAlreadyExists"


class MissedRuns:
    """Adapter of :class:`forecourt.schedules.catch_up.RunStarter`."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    @cached_property
    def _client(self) -> "SFNClient":
        client: SFNClient = create_client("stepfunctions")
        return client

    def start_missed(self, run: MissedRun) -> bool:
        """Start an execution that is named after the job the schedule would have made.

        Step Functions keeps a name for 90 days, so a run is caught up once at most.

        Raises
        ------
        RetryableError, PermanentError
            Step Functions is away, or refuses.
        """
        schedule, moment = run.schedule, run.scheduled_time.astimezone(UTC)
        request: dict[str, Any] = {
            "syncType": schedule.sync_type,
            "trigger": "catch_up",
            "scheduleName": schedule.name,
            "scheduledTime": moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        if schedule.dealership_id is not None:
            request["dealershipIds"] = [schedule.dealership_id]
        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=str(scheduled_job_id(schedule.name, moment)),
                input=json.dumps(request),
            )
        except AwsError as error:
            if error_code(error) == _STARTED_BEFORE:
                return False
            raise translate(error, "StepFunctions") from None
        return True
