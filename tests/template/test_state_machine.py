"""The state machine's definition unrun: moto accepts a ``Next`` that leads nowhere."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cfnlint.api import lint

from forecourt.leads.refresh import CLOSING_SECONDS, LEAD_SECONDS, RUN_SECONDS
from forecourt.schedules.catch_up import GRACE, WINDOW
from forecourt.schedules.cron import Cron
from forecourt.schedules.timetable import CRON_KEY, DEFAULTS, LEAD_CRON_KEY, ZONE_KEY
from forecourt.settings import LeadRefreshSettings
from forecourt.storage.sync_logs import LEASE
from tests.support.sam_template import ROOT, SamTemplate

DEFINITION = ROOT / "statemachines/sync.asl.json"
ENDS = {"Succeed", "Fail"}
RETRIED = {
    "RetryableError",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    # What Lambda says of a sandbox that ended: without an error type, out of time, by itself.
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}


@pytest.fixture
def machine() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DEFINITION.read_text("utf-8"))
    return loaded


def graphs(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The machine and the processor of every Map in it."""
    yield machine
    for state in machine["States"].values():
        if "ItemProcessor" in state:
            yield from graphs(state["ItemProcessor"])


def targets(state: dict[str, Any]) -> list[str]:
    found = [state[key] for key in ("Next", "Default") if key in state]
    found += [choice["Next"] for choice in state.get("Choices", [])]
    found += [catcher["Next"] for catcher in state.get("Catch", [])]
    return found


def tasks(machine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: state
        for graph in graphs(machine)
        for name, state in graph["States"].items()
        if state["Type"] == "Task"
    }


def test_every_target_exists_and_every_state_is_reached(machine: dict[str, Any]) -> None:
    for graph in graphs(machine):
        reached, to_do = set(), [graph["StartAt"]]
        while to_do:
            name = to_do.pop()
            if name not in reached:
                reached.add(name)
                to_do += targets(graph["States"][name])
        assert reached == set(graph["States"])


def test_every_state_leads_on_or_ends(machine: dict[str, Any]) -> None:
    for graph in graphs(machine):
        for name, state in graph["States"].items():
            ends = state["Type"] in ENDS or state.get("End") is True
            assert ends != bool(targets(state)), name


def test_substitutions_are_those_of_the_template(
    machine: dict[str, Any], template: SamTemplate
) -> None:
    given = template.resources["SyncStateMachine"]["Properties"]["DefinitionSubstitutions"]

    assert substitutions(machine) == set(given)


def test_one_child_execution_per_dealership_and_a_failed_one_stops_no_other(
    machine: dict[str, Any],
) -> None:
    each = machine["States"]["SyncEachDealership"]

    assert each["ItemProcessor"]["ProcessorConfig"] == {
        "Mode": "DISTRIBUTED",
        "ExecutionType": "STANDARD",
    }
    assert each["ToleratedFailurePercentage"] == 100.0
    # moto's parser refuses a whole number here.
    assert '"ToleratedFailurePercentage": 100.0' in DEFINITION.read_text("utf-8")
    assert each["MaxConcurrencyPath"] == "$.concurrency"
    assert "ItemBatcher" not in each


def test_children_results_travel_by_s3_only(machine: dict[str, Any]) -> None:
    each = machine["States"]["SyncEachDealership"]

    assert each["ItemReader"]["Resource"] == "arn:aws:states:::s3:getObject"
    assert each["ResultWriter"]["Resource"] == "arn:aws:states:::s3:putObject"
    assert each["ResultWriter"]["Parameters"]["Prefix.$"].startswith("States.Format('runs/")
    assert each["ResultPath"] is None


def test_no_error_of_a_dealership_is_caught(machine: dict[str, Any]) -> None:
    each = machine["States"]["SyncEachDealership"]
    caught = {error for catcher in each["Catch"] for error in catcher["ErrorEquals"]}

    assert caught == {"States.ItemReaderFailed", "States.ResultWriterFailed"}
    assert not any("Catch" in state for state in each["ItemProcessor"]["States"].values())


def test_leads_are_refreshed_by_their_own_function_and_all_else_is_stock(
    machine: dict[str, Any],
) -> None:
    processor = machine["States"]["SyncEachDealership"]["ItemProcessor"]
    choice = processor["States"][processor["StartAt"]]

    [leads] = choice["Choices"]
    assert (leads["Variable"], leads["StringEquals"]) == ("$.syncType", "lead")
    called = {
        name: processor["States"][name]["Parameters"]["FunctionName"]
        for name in (leads["Next"], choice["Default"])
    }
    assert called == {
        "RefreshLeads": "${LeadRefreshFunctionArn}",
        "SyncDealership": "${StockSyncFunctionArn}",
    }


@pytest.mark.parametrize("task", ["SyncDealership", "RefreshLeads"])
def test_a_dealership_is_tried_again_twice_after_20_and_60_seconds(
    machine: dict[str, Any], task: str
) -> None:
    [retrier] = tasks(machine)[task]["Retry"]

    assert set(retrier["ErrorEquals"]) == RETRIED
    waits = [retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(2)]
    assert (retrier["MaxAttempts"], waits) == (2, [20, 60])
    assert retrier["MaxDelaySeconds"] >= 60
    assert retrier["JitterStrategy"] == "FULL"


def test_planning_and_closing_are_tried_again_too(machine: dict[str, Any]) -> None:
    for name in ("PlanSync", "SummariseSync"):
        [retrier] = tasks(machine)[name]["Retry"]
        assert set(retrier["ErrorEquals"]) == RETRIED
        assert retrier["MaxAttempts"] >= 3
        assert retrier["JitterStrategy"] == "FULL"


def test_every_task_may_take_longer_than_its_function_and_not_for_ever(
    machine: dict[str, Any], template: SamTemplate
) -> None:
    given = template.resources["SyncStateMachine"]["Properties"]["DefinitionSubstitutions"]
    for name, task in tasks(machine).items():
        substitution = task["Parameters"]["FunctionName"].strip("${}")
        function = given[substitution]["Fn::GetAtt"][0]
        limit = template.functions[function]["Timeout"]
        assert limit < task["TimeoutSeconds"] <= limit + 60, name
    assert machine["TimeoutSeconds"] < 24 * 3600


def test_the_machine_may_run_and_follow_its_own_children(template: SamTemplate) -> None:
    properties = template.resources["SyncStateMachine"]["Properties"]
    name = properties["Name"]["Fn::Sub"]
    statements = {
        statement["Sid"]: statement
        for owner, statement in template.statements()
        if owner == "SyncStateMachine"
    }

    assert statements["StartChildren"]["Resource"]["Fn::Sub"].endswith(f":stateMachine:{name}")
    assert statements["FollowChildren"]["Resource"]["Fn::Sub"].endswith(f":execution:{name}:*")
    assert statements["RedriveChildren"]["Resource"]["Fn::Sub"].endswith(
        f":execution:{name}/SyncEachDealership:*"
    )


def test_its_log_holds_no_execution_data(template: SamTemplate) -> None:
    properties = template.resources["SyncStateMachine"]["Properties"]

    assert properties["Logging"]["IncludeExecutionData"] is False
    assert properties["Tracing"] == {"Enabled": True}


def test_the_schedule_starts_the_machine_each_night_with_what_it_expects(
    template: SamTemplate,
) -> None:
    schedule = template.resources["NightlyStockSchedule"]["Properties"]
    event = json.loads((ROOT / "events/sync_state_machine/schedule.json").read_text("utf-8"))
    sent = json.loads(schedule["Target"]["Input"])

    assert schedule["Target"]["Arn"] == {"Ref": "SyncStateMachine"}
    assert schedule["ScheduleExpression"] == Cron(DEFAULTS[CRON_KEY]).expression
    assert schedule["ScheduleExpressionTimezone"] == DEFAULTS[ZONE_KEY]
    assert sent.pop("scheduledTime") == "<aws.scheduler.scheduled-time>"
    event.pop("scheduledTime")
    assert sent == event
    # A start later than this is made up for by another rule (design 5.3).
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 90 * 60


def test_leads_are_refreshed_each_hour_and_a_late_start_does_not_meet_the_next(
    template: SamTemplate,
) -> None:
    schedule = template.resources["HourlyLeadSchedule"]["Properties"]
    event = json.loads((ROOT / "events/sync_state_machine/hourly_leads.json").read_text("utf-8"))
    sent = json.loads(schedule["Target"]["Input"])

    assert schedule["Target"]["Arn"] == {"Ref": "SyncStateMachine"}
    assert {
        name: schedule[name]
        for name in ("ScheduleExpression", "ScheduleExpressionTimezone", "State")
    } == {
        "ScheduleExpression": Cron(DEFAULTS[LEAD_CRON_KEY]).expression,
        "ScheduleExpressionTimezone": DEFAULTS[ZONE_KEY],
        "State": {"Ref": "HourlyLeadState"},
    }
    assert sent.pop("scheduledTime") == "<aws.scheduler.scheduled-time>"
    event.pop("scheduledTime")
    assert sent == event
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 30 * 60


def test_the_bounds_of_a_refresh_fit_its_function_and_its_lease(template: SamTemplate) -> None:
    limit = template.functions["LeadRefreshFunction"]["Timeout"]

    assert limit >= RUN_SECONDS + LEAD_SECONDS + CLOSING_SECONDS
    assert LEASE.total_seconds() > LEAD_SECONDS
    for name in ("CallsPerSecond", "LeadsPerRun"):
        parameter = template.parameters[f"LeadRefresh{name}"]
        field = LeadRefreshSettings.model_fields[
            {
                "CallsPerSecond": "lead_refresh_calls_per_second",
                "LeadsPerRun": "lead_refresh_leads_per_run",
            }[name]
        ]
        low, high = (
            getattr(rule, bound) for rule, bound in zip(field.metadata, ("ge", "le"), strict=True)
        )
        assert (parameter["Default"], parameter["MinValue"], parameter["MaxValue"]) == (
            field.default,
            low,
            high,
        )


def substitutions(definition: dict[str, Any]) -> set[str]:
    return set(re.findall(r"\$\{(\w+)\}", json.dumps(definition)))


def complaints(definition: dict[str, Any]) -> list[str]:
    """What cfn-lint's schema of the language says of a definition."""
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::123456789012:role/sync",
            "Definition": definition,
            "DefinitionSubstitutions": dict.fromkeys(
                re.findall(r"\$\{(\w+)\}", json.dumps(definition)), "x"
            ),
        },
    }
    document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": resource}}
    found = lint(json.dumps(document), regions=["ap-southeast-2"])
    return [f"{match.rule.id} {match.message}" for match in found]


def test_the_schema_of_the_language_has_no_complaint(machine: dict[str, Any]) -> None:
    assert complaints(machine) == []


def test_the_schema_of_the_language_sees_a_mistake(machine: dict[str, Any]) -> None:
    machine["States"]["PlanSync"]["Retries"] = machine["States"]["PlanSync"].pop("Retry")

    assert complaints(machine) != []


def test_missed_runs_are_looked_for_often_enough_to_start_within_ninety_minutes(
    template: SamTemplate,
) -> None:
    schedule = template.resources["CatchUpSchedule"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(15 minutes)"
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": ["CatchUpFunction", "Arn"]}
    assert GRACE + 2 * timedelta(minutes=15) < WINDOW
