"""A run's numbers by class of dealership, as CloudWatch gets them."""

import json
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from forecourt.aws.sync_metrics import EmfSyncMetrics
from forecourt.stock.dealership_classes import DealershipClass, class_of, tally
from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.run import Counts, SyncStatus, SyncType

JOB = UUID("0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11")


def end(
    *,
    received: int = 0,
    usual: int | None = None,
    failed: bool = False,
    seconds: float | None = 2.0,
    refused: bool = False,
) -> DealershipEnd:
    return DealershipEnd(
        dealership_id=1,
        name="One",
        status=SyncStatus.FAILED if failed else SyncStatus.SUCCESS,
        reason=None,
        counts=Counts(received=received),
        usual_records=usual,
        seconds=seconds,
        was_refused=refused,
    )


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (end(received=0), DealershipClass.SMALL),
        (end(received=50), DealershipClass.SMALL),
        (end(received=51), DealershipClass.MEDIUM),
        (end(received=500), DealershipClass.MEDIUM),
        (end(received=501), DealershipClass.LARGE),
        (end(received=20, usual=4000), DealershipClass.SMALL),
        (end(failed=True, usual=4000), DealershipClass.LARGE),
        (end(failed=True, received=20, usual=4000), DealershipClass.LARGE),
        (end(failed=True), DealershipClass.NEW),
    ],
)
def test_the_class_is_this_runs_size_or_the_last_good_ones(
    one: DealershipEnd, expected: DealershipClass
) -> None:
    assert class_of(one) is expected


def test_each_dealership_counts_once_and_a_refused_start_has_no_duration() -> None:
    classes = tally(
        [
            end(received=1, seconds=1.5),
            end(received=2, seconds=2.5),
            end(failed=True, usual=3, seconds=0.1, refused=True),
            end(failed=True, usual=999),
            end(received=10, seconds=None),
        ]
    )
    assert {name: (one.succeeded, one.failed, one.seconds) for name, one in classes.items()} == {
        DealershipClass.SMALL: (3, 1, [1.5, 2.5]),
        DealershipClass.LARGE: (0, 1, [2.0]),
    }


def documents(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("many", [1, 99, 100, 198, 250, 300])
def test_cloudwatch_gets_every_sum_and_every_duration(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Forecourt")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sync_summary")
    small = [end(received=5, seconds=float(number)) for number in range(many)]
    ends = [*small, end(failed=True, usual=900)]
    summary = JobSummary(job_id=JOB, planned=many + 1, succeeded=many, failed=1)

    EmfSyncMetrics().job_finished(SyncType.STOCK, summary, Counts(received=1250), tally(ends))

    said = documents(capsys.readouterr().out)
    assert {one["syncType"] for one in said} == {"Stock"}
    by_class = {one.get("dealershipClass", "-") for one in said}
    assert by_class == {"-", "small", "large"}
    for one in said:
        [directive] = one["_aws"]["CloudWatchMetrics"]
        expected = {"service", "syncType"} | ({"dealershipClass"} & one.keys())
        assert [set(names) for names in directive["Dimensions"]] == [expected]
        assert all(len(one[metric["Name"]]) <= 100 for metric in directive["Metrics"])
    durations: Counter[float] = Counter()
    for one in said:
        if one.get("dealershipClass") == "small":
            durations.update(one.get("DealershipSeconds", []))
    assert durations == Counter(float(number) for number in range(many))
    sums = next(one for one in said if "dealershipClass" not in one)
    assert (sums["DealershipsPlanned"], sums["RecordsReceived"]) == ([many + 1], [1250])
    large = next(one for one in said if one.get("dealershipClass") == "large")
    assert (large["DealershipsSucceeded"], large["DealershipsFailed"]) == ([0], [1])
