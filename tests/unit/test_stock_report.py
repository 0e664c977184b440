from types import SimpleNamespace
from typing import cast

import pytest

from forecourt.errors import PermanentError, RetryableError, SkippableError
from forecourt.stock.comparison import Comparison
from forecourt.stock.ports import KnownVehicle, StockFeed, WriteOutcome
from forecourt.stock.report import RunReport
from forecourt.stock.run import DETAILS_KEPT, Counts, ItemIssue, SyncStatus

NEW_THIS_JOB = KnownVehicle(b"hash", True, created_by_job=True, written_by_job=True)
WRITTEN_THIS_JOB = KnownVehicle(b"hash", True, created_by_job=False, written_by_job=True)
OLD = KnownVehicle(b"hash", True, created_by_job=False, written_by_job=False)


def report_of(items: int, *, warning: str | None = None) -> RunReport:
    report = RunReport()
    feed = SimpleNamespace(items=[b"{}"] * items, warning=warning, body_bytes=10 * items)
    report.answered(cast("StockFeed", feed))
    return report


def refused() -> SkippableError:
    return SkippableError("YEAR_OUT_OF_RANGE", "the year is 1066", target="EasyCars")


def test_counts_follow_what_the_database_did() -> None:
    report = report_of(4)
    report.written(None, WriteOutcome.CREATED)
    report.written(OLD, WriteOutcome.UPDATED)
    report.written(OLD, WriteOutcome.KEPT)
    report.rejected(4, "9", refused())
    assert report.counts == Counts(received=4, created=1, updated=1, unchanged=1, failed=1)


@pytest.mark.parametrize(
    ("before", "fate", "expected"),
    [
        (NEW_THIS_JOB, WriteOutcome.KEPT, {"created": 1}),
        (NEW_THIS_JOB, WriteOutcome.UPDATED, {"created": 1}),
        (WRITTEN_THIS_JOB, WriteOutcome.KEPT, {"updated": 1}),
        (WRITTEN_THIS_JOB, WriteOutcome.UPDATED, {"updated": 1}),
    ],
)
def test_what_the_job_did_before_a_crash_counts_as_the_jobs(
    before: KnownVehicle, fate: WriteOutcome, expected: dict[str, int]
) -> None:
    report = report_of(1)
    report.written(before, fate)
    assert report.counts == Counts(received=1, **expected)


def test_a_run_without_failures_is_a_success_also_with_altered_values() -> None:
    report = report_of(1)
    report.altered(1, "12", ["the VIN has 19 characters"])
    report.written(None, WriteOutcome.CREATED)
    closing = report.finished()
    assert (closing.status, closing.error_message) == (SyncStatus.SUCCESS, None)
    assert closing.error_details == {
        "warnings": {
            "total": 1,
            "first": [
                {
                    "position": 1,
                    "stockNumber": "12",
                    "code": "VALUE_ALTERED",
                    "detail": "the VIN has 19 characters",
                }
            ],
        }
    }


def test_a_failed_item_makes_a_warning_that_names_it() -> None:
    report = report_of(2)
    report.written(None, WriteOutcome.CREATED)
    report.rejected(2, "9", refused())
    closing = report.finished()
    assert closing.status is SyncStatus.WARNING
    assert closing.error_message == (
        "1 of 2 items could not be used; first: item 2, stock number 9: the year is 1066"
    )


def test_the_vendors_own_warning_makes_a_warning() -> None:
    report = report_of(1, warning="yard 3 is closed")
    report.written(None, WriteOutcome.CREATED)
    closing = report.finished()
    assert closing.status is SyncStatus.WARNING
    assert closing.error_message == "EasyCars warned: yard 3 is closed"


def test_a_run_in_which_no_item_was_usable_fails() -> None:
    report = report_of(1)
    report.rejected(1, "9", refused())
    with pytest.raises(PermanentError) as caught:
        report.finished()
    assert caught.value.code == "NO_USABLE_ITEM"
    assert "the year is 1066" in caught.value.detail


def test_counts_that_do_not_add_up_are_never_a_success() -> None:
    with pytest.raises(PermanentError) as caught:
        report_of(1).finished()
    assert caught.value.code == "COUNTS_DO_NOT_ADD_UP"


@pytest.mark.parametrize(("expected", "status"), [(0, SyncStatus.SUCCESS), (3, SyncStatus.WARNING)])
def test_an_empty_feed_is_suspicious_only_where_there_was_stock(
    expected: int, status: SyncStatus
) -> None:
    report = report_of(0)
    report.nothing_came(expected=expected)
    closing = report.finished()
    assert closing.status is status
    assert closing.counts == Counts()
    assert closing.error_details is not None
    assert closing.error_details["warnings"]["first"][0]["code"] == "EMPTY_FEED"


def test_a_row_names_so_many_issues_and_counts_the_rest() -> None:
    report = report_of(1000)
    report.written(None, WriteOutcome.CREATED)
    for position in range(999):
        report.rejected(position, str(position), refused())
    closing = report.finished()
    assert closing.error_details is not None
    assert closing.error_details["failed"]["total"] == 999
    assert len(closing.error_details["failed"]["first"]) == DETAILS_KEPT


def test_what_a_row_cannot_hold_does_not_get_into_it() -> None:
    report = report_of(2, warning="half \ud83d a smile")
    report.written(None, WriteOutcome.CREATED)
    comparison = Comparison([], {}, stock_number_of=lambda _: "", mapping_version=1)
    comparison.rejected.append(
        ItemIssue(position=1, stock_number="1\0", code="X", detail="\ud83d\0")
    )
    report.compared(comparison, {})
    closing = report.finished()
    assert "\0" not in str(closing.error_message) + str(closing.error_details)
    str([closing.error_message, closing.error_details]).encode()


def test_a_stopped_run_is_failed_with_its_reason_and_what_it_had_done() -> None:
    report = report_of(5)
    report.written(None, WriteOutcome.CREATED)
    closing = report.stopped(RetryableError("TIMEOUT", "no answer in time", target="EasyCars"))
    assert closing.status is SyncStatus.FAILED
    assert closing.error_message == "EasyCars TIMEOUT: no answer in time"
    assert closing.counts.created == 1
