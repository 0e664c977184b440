"""The metrics of ours that alarms watch are those the code writes, for the service it names."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.aws.dead_letter_metrics import EmfCopyingMetrics
from forecourt.aws.delivery_metrics import EmfDeliveryMetrics
from forecourt.aws.sweep_metrics import EmfSweepMetrics
from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.dead_letters import CopyingRun
from forecourt.leads.sink import Push, Receipt
from forecourt.storage.sweeps import PostgresSweeps
from tests.support.dynamics_delivery import DynamicsScene
from tests.support.lead_delivery import Scene, lead_body, queued
from tests.support.sam_template import SamTemplate

type Written = set[tuple[str, str, str]]
"""(namespace, service, metric)."""


@pytest.fixture
def template() -> SamTemplate:
    return SamTemplate()


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def act_as(function: str, template: SamTemplate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the metrics' part of a function's environment."""
    for name, value in template.environment(function).items():
        if name.startswith("POWERTOOLS_"):
            monkeypatch.setenv(name, value)


def written(output: str) -> Written:
    """Metrics in the embedded format among lines of log, by their only dimension."""
    found = set()
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        document: dict[str, Any] = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Dimensions"] == [["service"]]
            found |= {
                (directive["Namespace"], document["service"], metric["Name"])
                for metric in directive["Metrics"]
            }
    return found


def watched(template: SamTemplate, service: str) -> Written:
    alarms = template.of_type("AWS::CloudWatch::Alarm").values()
    return {
        (alarm["Namespace"], service, alarm["MetricName"])
        for alarm in alarms
        if alarm["Dimensions"] == [{"Name": "service", "Value": service}]
    }


def test_every_alarm_on_a_metric_of_ours_is_checked_here(template: SamTemplate) -> None:
    ours = [
        alarm["Dimensions"]
        for alarm in template.of_type("AWS::CloudWatch::Alarm").values()
        if not alarm["Namespace"].startswith("AWS/")
    ]

    assert ours
    for dimensions in ours:
        [dimension] = dimensions
        assert dimension["Name"] == "service"
        assert dimension["Value"] in {"lead_delivery", "dynamics_delivery", "delivery_sweeper"}


def test_what_the_delivery_counts(
    scene: Scene,
    template: SamTemplate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    act_as("LeadDeliveryFunction", template, monkeypatch)
    dealership = scene.add_dealership()

    def numbered_meanwhile(_: Push) -> Receipt:
        with scene.elsewhere() as other:
            other.execute("UPDATE lead SET easycars_lead_number = '000700'")
        return Receipt(lead_number="000701", customer_no=None)

    refusal = PermanentError(code="VENDOR_REFUSED", detail="No.", target="EasyCars")
    for answer in (refusal, numbered_meanwhile):
        scene.sink.will(answer)
        delivery = scene.new_delivery(metrics=EmfDeliveryMetrics())
        messages = [queued(lead_body(dealership))]
        assert delivery.deliver_batch(messages, worker="request-1") == []

    assert watched(template, "lead_delivery") <= written(capsys.readouterr().out)


def test_what_the_delivery_to_dynamics_counts(
    database_url: str,
    template: SamTemplate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    act_as("DynamicsDeliveryFunction", template, monkeypatch)
    scene = DynamicsScene(database_url)
    dealership = scene.add_dealership()
    for answer in (
        PermanentError("DUPLICATE_FOUND", "No.", target="Dynamics"),
        RetryableError("RATE_LIMITED", "Later.", target="Dynamics", retry_after=5.0),
    ):
        scene.store(lead_body(dealership))
        scene.sink.will(answer)
        delivery = scene.new_delivery(metrics=EmfDeliveryMetrics())
        assert delivery.deliver_batch(scene.messages(dealership), worker="request-1") == []
    scene.close()

    assert watched(template, "dynamics_delivery") <= written(capsys.readouterr().out)


def test_what_the_sweeper_reports(
    scene: Scene,
    template: SamTemplate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    act_as("DeliverySweeperFunction", template, monkeypatch)

    EmfSweepMetrics().swept(PostgresSweeps(scene.database).gauges())
    EmfCopyingMetrics().copying_finished(CopyingRun(copied=0, uncopied=0, oldest_seconds=0.0))

    assert watched(template, "delivery_sweeper") <= written(capsys.readouterr().out)
