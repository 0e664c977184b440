"""The lines CloudWatch makes metrics of; alarms and dashboards go by these names."""

import json
from typing import Any

import pytest

from forecourt.aws.delivery_metrics import EmfDeliveryMetrics


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Forecourt")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "lead_delivery")


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_batch_is_one_line_of_counts_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    EmfDeliveryMetrics().batch_finished(
        {"LeadsDelivered": 2, "LeadsParked": 1},
        {"VendorLatency": [52, 48, 30_000], "IntakeToDelivered": [900]},
    )

    (line,) = printed(capsys)
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("Forecourt", [["service"]])
    assert {metric["Name"]: metric["Unit"] for metric in metrics["Metrics"]} == {
        "LeadsDelivered": "Count",
        "LeadsParked": "Count",
        "VendorLatency": "Milliseconds",
        "IntakeToDelivered": "Milliseconds",
    }
    assert line["service"] == "lead_delivery"
    assert (line["LeadsDelivered"], line["LeadsParked"]) == ([2.0], [1.0])
    assert line["VendorLatency"] == [52.0, 48.0, 30_000.0]
    assert line["IntakeToDelivered"] == [900.0]


def test_nothing_of_one_batch_is_in_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = EmfDeliveryMetrics()
    metrics.batch_finished({"LeadsDelivered": 1}, {"VendorLatency": [50]})
    metrics.batch_finished({"BreakerOpened": 1}, {})

    assert "LeadsDelivered" not in printed(capsys)[1]


def test_a_batch_in_which_nothing_happened_is_no_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    EmfDeliveryMetrics().batch_finished({}, {})

    assert printed(capsys) == []
