"""Alarms watch metrics that exist, for resources that exist, and tell somebody what to do."""

import json
import re

import pytest

from tests.support.sam_template import ROOT, SamTemplate, texts

# CloudWatch metrics and their dimensions, from each service's "Monitoring" page.
KNOWN = {
    "AWS/SQS": (
        {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
        {"QueueName": "AWS::SQS::Queue"},
    ),
    "AWS/Lambda": (
        {"Errors", "Throttles", "Duration", "Invocations"},
        {"FunctionName": "AWS::Serverless::Function"},
    ),
    "AWS/States": (
        {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"},
        {"StateMachineArn": "AWS::Serverless::StateMachine"},
    ),
    "AWS/Scheduler": (
        {"InvocationDroppedCount", "TargetErrorCount"},
        {"ScheduleGroup": "AWS::Scheduler::ScheduleGroup"},
    ),
    "AWS/ApiGateway": ({"5xx", "4xx", "Count"}, {"ApiId": "AWS::Serverless::HttpApi"}),
}


FUNCTION = "LeadDeliveryFunction"
WHERE_SILENCE_IS_BAD = {"SweeperNotRunningAlarm", "DeadLettersNotCopiedAlarm"}


def watched(template: SamTemplate) -> set[tuple[str, str]]:
    """(logical id, metric) of every alarm's first dimension."""
    return {
        (texts(alarm["Dimensions"][0]["Value"])[0], alarm["MetricName"])
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
    }


def test_namespaces_metrics_and_dimensions_exist(template: SamTemplate) -> None:
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        if alarm["Namespace"] == template.environment(FUNCTION)["POWERTOOLS_METRICS_NAMESPACE"]:
            continue  # our own: tests/integration/test_alarmed_metrics.py
        metrics, dimensions = KNOWN[alarm["Namespace"]]
        assert alarm["MetricName"] in metrics, name
        first = alarm["Dimensions"][0]
        assert first["Name"] in dimensions, name
        logical_id = texts(first["Value"])[0]
        assert template.resources[logical_id]["Type"] == dimensions[first["Name"]], name
        assert [d["Value"] for d in alarm["Dimensions"][1:]] in ([], ["$default"]), name


@pytest.mark.parametrize("metric", sorted(KNOWN["AWS/SQS"][0]))
def test_every_queue_is_watched_for_messages_and_for_age(
    template: SamTemplate, metric: str
) -> None:
    for queue in template.of_type("AWS::SQS::Queue"):
        # Copying receives every dead letter, which takes it out of SQS' own age.
        copied = queue in {"LeadsDeadLetterQueue", "DynamicsDeadLetterQueue"}
        ours = copied and metric == "ApproximateAgeOfOldestMessage"
        wanted = ("delivery_sweeper", "OldestDeadLetterSeconds") if ours else (queue, metric)
        assert wanted in watched(template)


def test_one_dead_letter_is_enough(template: SamTemplate) -> None:
    alarm = template.resources["LeadsDeadLetterQueueVisibleAlarm"]["Properties"]

    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_a_dead_letter_is_called_out_before_it_expires(template: SamTemplate) -> None:
    alarm = template.resources["LeadsDeadLetterQueueAgeAlarm"]["Properties"]
    kept = template.resources["LeadsDeadLetterQueue"]["Properties"]["MessageRetentionPeriod"]

    assert alarm["Threshold"] <= kept - 3 * 24 * 3600


def test_dead_letters_are_copied_every_hour_with_an_event_the_sweeper_knows(
    template: SamTemplate,
) -> None:
    schedule = template.resources["DeadLetterCopiesSchedule"]["Properties"]
    event = (ROOT / "events/delivery_sweeper/archive.json").read_text("utf-8")

    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert json.loads(schedule["Target"]["Input"]) == json.loads(event)
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": ["DeliverySweeperFunction", "Arn"]}


def test_a_run_that_fails_or_hangs_or_never_starts_is_watched(template: SamTemplate) -> None:
    assert {
        ("SyncStateMachine", "ExecutionsFailed"),
        ("SyncStateMachine", "ExecutionsTimedOut"),
        ("ScheduleGroup", "InvocationDroppedCount"),
    } <= watched(template)
    for name in ("NightlyStockSchedule", "HourlyLeadSchedule"):
        schedule = template.resources[name]["Properties"]
        assert schedule["GroupName"] == {"Ref": "ScheduleGroup"}


def test_every_alarm_tells_the_alert_topic_of_its_start_and_end(template: SamTemplate) -> None:
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlertTopic"}]


def test_silence_rings_where_something_reports_even_when_all_is_well(
    template: SamTemplate,
) -> None:
    for name, alarm in template.of_type("AWS::CloudWatch::Alarm").items():
        missing = "breaching" if name in WHERE_SILENCE_IS_BAD else "notBreaching"
        assert alarm["TreatMissingData"] == missing, name


def test_every_alarm_says_what_to_do_and_has_its_page_in_the_runbook(
    template: SamTemplate,
) -> None:
    runbook = (ROOT / "docs/operations.md").read_text("utf-8")
    sections = re.findall(r"^### (\w+)\n\n(.+)", runbook, flags=re.MULTILINE)
    alarms = template.of_type("AWS::CloudWatch::Alarm")

    assert [name for name, _ in sections] == list(dict.fromkeys(name for name, _ in sections))
    assert {f"{name}Alarm" for name, _ in sections} == set(alarms)
    for name, alarm in alarms.items():
        section = name.removesuffix("Alarm")
        said, _, where = alarm["AlarmDescription"].partition(" See ")
        assert where == f"docs/operations.md, {section}."
        assert len(said) > 40, name
        assert len(alarm["AlarmDescription"]) < 1024  # CloudWatch's limit


def test_a_dealership_that_fails_hour_after_hour_rings_once(template: SamTemplate) -> None:
    alarm = template.of_type("AWS::CloudWatch::Alarm")["SyncFailedAlarm"]

    assert alarm["Period"] * alarm["EvaluationPeriods"] == 24 * 3600


def test_alarms_may_publish_to_the_topic(template: SamTemplate) -> None:
    policy = template.resources["AlertTopicPolicy"]["Properties"]
    [statement] = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]

    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
