from typing import Any
from uuid import UUID

import pytest

from forecourt.stock.alerts import NAMED_IN_ALERT, Alert, alerts_of
from forecourt.stock.job_end import DealershipEnd, JobSummary
from forecourt.stock.run import Counts, SyncStatus, SyncType

JOB = UUID("0d3f6c1e-6a57-4a0a-9b1e-6c1f0a8f4b11")


def end(dealership_id: int, **given: Any) -> DealershipEnd:
    facts: dict[str, Any] = {
        "dealership_id": dealership_id, "name": f"Dealer {dealership_id}",
        "status": SyncStatus.SUCCESS, "reason": None, "counts": Counts(),
    } | given  # fmt: skip
    return DealershipEnd(**facts)


def failed(dealership_id: int, before: int = 0, **given: Any) -> DealershipEnd:
    facts = {"status": SyncStatus.FAILED, "reason": f"why {dealership_id}"} | given
    return end(dealership_id, failures_before=before, **facts)


def alerts(*ends: DealershipEnd, sync_type: SyncType = SyncType.STOCK) -> list[Alert]:
    lost = sum(not one.succeeded for one in ends)
    summary = JobSummary(job_id=JOB, planned=len(ends), succeeded=len(ends) - lost, failed=lost)
    return alerts_of(summary, sync_type, ends)


def paragraphs(alert: Alert) -> list[str]:
    return alert.text.split("\n\n")


def test_a_run_in_which_all_is_well_is_worth_no_message() -> None:
    assert alerts(end(1), end(2, status=SyncStatus.WARNING, reason="1 of 3 items")) == []


def test_what_is_new_stands_apart_from_what_still_fails_and_what_works_again() -> None:
    [alert] = alerts(
        end(1),
        failed(2),
        failed(3, before=1),
        end(4, failures_before=1, reason_before="EasyCars AUTH_FAILED: refused"),
    )

    assert alert.subject == "Forecourt: Stock sync failed for 2 of 4 dealerships (1 new)"
    assert paragraphs(alert) == [
        f"{alert.subject}.\nJob {JOB}.",
        "Failed, and had not before:\n- Dealer 2 (id 2): why 2",
        "Still failing:\n- Dealer 3 (id 3): why 3",
        "Works again:\n- Dealer 4 (id 4): had failed: EasyCars AUTH_FAILED: refused",
        f"Once mended, repeat them: forecourt sync stock --failed-of {JOB}",
    ]


def test_what_was_told_today_is_only_counted() -> None:
    [alert] = alerts(failed(1), failed(2, before=1, failed_today=True), failed(3, before=3))

    assert "Dealer 2" not in alert.text
    assert "Dealer 3" in alert.text
    assert "1 dealership that failed before failed again" in alert.text


def test_a_run_that_brings_nothing_new_is_silent() -> None:
    assert alerts(end(1), failed(2, before=1, failed_today=True)) == []
    assert alerts(failed(2, before=3, failed_today=True)) == []


def test_who_fails_again_after_a_success_of_the_same_day_is_new() -> None:
    [alert] = alerts(failed(1, failed_today=True))
    assert "(1 new)" in alert.subject
    assert "- Dealer 1 (id 1): why 1" in alert.text


@pytest.mark.parametrize(("before", "told"), [(0, 0), (1, 0), (2, 1), (3, 0)])
def test_the_third_failure_in_a_row_is_told_apart_and_once(before: int, told: int) -> None:
    apart = [a for a in alerts(failed(1, before=before)) if "3 times in a row" in a.subject]

    assert len(apart) == told
    assert all("- Dealer 1 (id 1): why 1" in one.text for one in apart)


def test_the_third_failure_is_told_also_when_there_is_no_other_news() -> None:
    [alert] = alerts(failed(1, before=2, failed_today=True), end(2))
    assert alert.subject == ("Forecourt: Stock sync has failed 3 times in a row for 1 dealership")


def test_who_works_again_is_told_when_nobody_fails() -> None:
    [alert] = alerts(end(1, failures_before=3, reason_before="gone"), end(2))
    assert alert.subject == "Forecourt: Stock sync works again for 1 dealership"
    assert "- Dealer 1 (id 1): had failed: gone" in alert.text
    assert "--failed-of" not in alert.text


def test_held_removals_are_named_with_the_command_that_accepts_them_once_a_day() -> None:
    held = end(7, status=SyncStatus.WARNING, removals_held=40)
    [alert] = alerts(held, end(8, status=SyncStatus.WARNING, removals_held=9, held_today=True))

    assert alert.subject == "Forecourt: Stock sync held back removals of 1 dealership"
    assert "- Dealer 7 (id 7): 40 vehicles;" in alert.text
    assert "forecourt sync stock --dealership 7 --accept-removals" in alert.text
    assert "Dealer 8" not in alert.text


def test_who_was_being_synced_by_another_run_has_not_failed() -> None:
    assert alerts(failed(1, was_refused=True), failed(2, before=2, was_refused=True)) == []
    [alert] = alerts(failed(1, was_refused=True), failed(2))
    assert alert.subject == "Forecourt: Stock sync failed for 1 of 2 dealerships (1 new)"
    assert "Dealer 1" not in alert.text


def test_leads_have_a_command_of_their_own() -> None:
    [alert] = alerts(failed(1), sync_type=SyncType.LEAD)
    assert alert.subject.startswith("Forecourt: Lead sync failed for 1 of 1 dealership")
    assert f"forecourt sync leads --failed-of {JOB}" in alert.text


def test_a_name_cannot_forge_a_line_and_a_long_reason_is_cut() -> None:
    [alert] = alerts(failed(7, name="Seven\n- Dealer 1 (id 1)", reason="x" * 5000))
    [line] = [line for line in alert.text.splitlines() if line.startswith("- ")]
    assert line.startswith("- Seven - Dealer 1 (id 1) (id 7): xxx")
    assert len(line) <= 500


def test_an_alert_names_so_many_in_all_and_counts_the_rest() -> None:
    new = [failed(number) for number in range(1, NAMED_IN_ALERT)]
    old = [failed(number, before=1) for number in range(1000, 1006)]
    [alert] = alerts(*new, *old)
    assert alert.text.count("\n- ") == NAMED_IN_ALERT
    assert "… and 5 more." in alert.text
    assert len(alert.subject) <= 100
