import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.stack.running_sample import RunningSample, wait_until


def executions(sample: RunningSample) -> Any:
    machine = sample.resource("Machine")
    sfn = sample.client("stepfunctions")
    return sfn.list_executions(stateMachineArn=machine)["executions"]


def output_of(sample: RunningSample, arn: str) -> Any:
    def ended() -> Any:
        found = sample.client("stepfunctions").describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    found = wait_until(ended)
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def test_a_state_machine_calls_functions_of_the_template(sample: RunningSample) -> None:
    arn = sample.client("stepfunctions").start_execution(
        stateMachineArn=sample.resource("Machine"), name=uuid.uuid4().hex, input='{"a": [1]}'
    )["executionArn"]

    assert output_of(sample, arn)["event"] == {"a": [1]}


def test_a_schedule_of_the_template_is_there_to_be_read_and_changed(sample: RunningSample) -> None:
    schedule = sample.client("scheduler").get_schedule(Name="nightly")

    assert schedule["ScheduleExpression"] == "cron(0 2 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Australia/Sydney"
    assert schedule["Target"]["Arn"] == sample.resource("Machine")


def test_a_schedule_made_while_the_stack_runs_fires_with_its_scheduled_time(
    sample: RunningSample,
) -> None:
    due = (datetime.now(UTC) + timedelta(seconds=3)).replace(microsecond=0)
    before = {execution["executionArn"] for execution in executions(sample)}
    sample.client("scheduler").create_schedule(
        Name="once",
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": sample.resource("Machine"),
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "Input": '{"when": "<aws.scheduler.scheduled-time>"}',
        },
    )

    def fired() -> Any:
        return {execution["executionArn"] for execution in executions(sample)} - before

    (arn,) = wait_until(fired)

    assert datetime.now(UTC) >= due
    assert output_of(sample, arn)["event"] == {"when": f"{due:%Y-%m-%dT%H:%M:%SZ}"}
