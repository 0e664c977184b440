"""Queues lose nothing quietly, and each time-out fits inside the next."""

from typing import Any

from forecourt.aws.clients import WHILE_A_WEBSITE_WAITS
from forecourt.leads.calls import VENDOR_SECONDS, WRITE_WITHIN_SECONDS
from forecourt.leads.dynamics.budget import HEADROOM, MOST_AT_ONCE, PERMIT_SECONDS
from forecourt.leads.dynamics.delivery import WORK_SECONDS
from forecourt.leads.dynamics.rounds import CALL_SECONDS, METADATA_SECONDS, ROUND_SECONDS
from forecourt.leads.ledger import LEASE_SECONDS
from forecourt.leads.slots import SLOTS
from forecourt.leads.sweep import LONGEST_RUN_SECONDS, RESERVE_SECONDS
from tests.support.sam_template import SamTemplate


def sources(template: SamTemplate) -> list[tuple[str, str, dict[str, Any]]]:
    """(function, queue, event properties) of every queue that feeds a function."""
    return [
        (function, event["Properties"]["Queue"]["Fn::GetAtt"][0], event["Properties"])
        for function, properties in template.functions.items()
        for event in properties.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]


def dead_letter_queues(template: SamTemplate) -> set[str]:
    return {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in template.of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }


def test_every_queue_has_a_dead_letter_queue_or_is_one(template: SamTemplate) -> None:
    queues = template.of_type("AWS::SQS::Queue")
    with_redrive = {name for name, queue in queues.items() if "RedrivePolicy" in queue}

    assert set(queues) == with_redrive | dead_letter_queues(template)


def test_dead_letters_outlive_the_queue_they_come_from(template: SamTemplate) -> None:
    queues = template.of_type("AWS::SQS::Queue")
    for queue in queues.values():
        if "RedrivePolicy" in queue:
            target = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            kept = queues[target]["MessageRetentionPeriod"]
            assert kept > queue["MessageRetentionPeriod"]


def test_leads_wait_a_week_for_a_database_and_dead_letters_two(template: SamTemplate) -> None:
    queues = template.of_type("AWS::SQS::Queue")
    day = 24 * 3600

    assert queues["LeadsQueue"]["MessageRetentionPeriod"] == 7 * day
    assert queues["LeadsQueue"]["RedrivePolicy"]["maxReceiveCount"] == 200
    assert queues["LeadsDeadLetterQueue"]["MessageRetentionPeriod"] == 14 * day


def test_wake_ups_for_dynamics_wait_as_long_as_leads_do(template: SamTemplate) -> None:
    queues = template.of_type("AWS::SQS::Queue")

    for name in ("VisibilityTimeout", "MessageRetentionPeriod"):
        assert queues["DynamicsQueue"][name] == queues["LeadsQueue"][name]
    redrive = [queues[name]["RedrivePolicy"] for name in ("DynamicsQueue", "LeadsQueue")]
    assert redrive[0]["maxReceiveCount"] == redrive[1]["maxReceiveCount"]


def test_queues_are_encrypted(template: SamTemplate) -> None:
    for queue in template.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_run(
    template: SamTemplate,
) -> None:
    queues = template.of_type("AWS::SQS::Queue")
    assert sources(template)
    for function, queue, _ in sources(template):
        assert queues[queue]["VisibilityTimeout"] >= 6 * template.functions[function]["Timeout"]


def test_only_failed_messages_of_a_batch_come_back(template: SamTemplate) -> None:
    for _, _, event in sources(template):
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_delivery_takes_ten_at_a_time_within_a_limit_of_at_least_ten(template: SamTemplate) -> None:
    [(_, _, event)] = [source for source in sources(template) if source[1] == "LeadsQueue"]
    limit = template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]

    assert event["BatchSize"] == 10
    assert limit["Default"] >= 10
    assert limit["MinValue"] >= 10


def test_reserved_concurrency_holds_what_the_event_source_may_start(template: SamTemplate) -> None:
    for function, _, event in sources(template):
        reserved = template.functions[function]["ReservedConcurrentExecutions"]["Ref"]
        started = event["ScalingConfig"]["MaximumConcurrency"]["Ref"]
        assert template.parameters[reserved]["Default"] >= template.parameters[started]["Default"]
        assert template.parameters[reserved]["MinValue"] >= template.parameters[started]["MinValue"]


def test_vendor_path_fits_function_fits_lease_fits_visibility(template: SamTemplate) -> None:
    function = template.functions["LeadDeliveryFunction"]["Timeout"]
    hidden = template.of_type("AWS::SQS::Queue")["LeadsQueue"]["VisibilityTimeout"]

    assert VENDOR_SECONDS < function < LEASE_SECONDS < hidden
    assert (VENDOR_SECONDS, function, LEASE_SECONDS, hidden) == (100, 120, 150, 720)


def test_a_round_of_pushes_fits_its_function_fits_lease_fits_visibility(
    template: SamTemplate,
) -> None:
    function = template.functions["DynamicsDeliveryFunction"]["Timeout"]
    hidden = template.of_type("AWS::SQS::Queue")["DynamicsQueue"]["VisibilityTimeout"]

    assert WORK_SECONDS + ROUND_SECONDS < function < LEASE_SECONDS < hidden
    assert METADATA_SECONDS < WRITE_WITHIN_SECONDS
    assert METADATA_SECONDS + CALL_SECONDS < VENDOR_SECONDS
    assert PERMIT_SECONDS >= LEASE_SECONDS


def test_pushes_use_what_dynamics_allows_at_once(template: SamTemplate) -> None:
    [(_, _, event)] = [source for source in sources(template) if source[1] == "DynamicsQueue"]
    limit = template.parameters[event["ScalingConfig"]["MaximumConcurrency"]["Ref"]]

    assert event["BatchSize"] == 10
    assert (
        limit["Default"] * SLOTS >= MOST_AT_ONCE * (1 - HEADROOM) > (limit["Default"] - 1) * SLOTS
    )


def test_a_sweep_ends_before_the_next_begins_and_has_time_for_a_silent_queue(
    template: SamTemplate,
) -> None:
    function = template.functions["DeliverySweeperFunction"]
    schedule = template.resources["DeliverySweepSchedule"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert LONGEST_RUN_SECONDS < 60
    assert function["Timeout"] >= LONGEST_RUN_SECONDS + RESERVE_SECONDS
    assert function["ReservedConcurrentExecutions"] <= 2
    assert function["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 60
    assert schedule["GroupName"] == {"Ref": "ScheduleGroup"}


def test_intake_can_still_answer_when_every_service_it_asks_is_silent(
    template: SamTemplate,
) -> None:
    """Secret, site file and queue, one after the other; the gateway waits for 30 s."""
    silent = 3 * WHILE_A_WEBSITE_WAITS.worst_seconds

    assert silent < template.functions["LeadIntakeFunction"]["Timeout"] < 30
