"""Lead refreshes that meet a vendor, a database or another run in their way."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from forecourt.errors import PermanentError, RetryableError
from forecourt.stock.run import SyncStatus
from forecourt.storage.lead_refresh import PostgresLeadRefresh
from forecourt.storage.stock_store import PostgresStockStore
from local.easycars_simulator import EasyCarsSimulator, default_accounts
from tests.support.lead_delivery import database_at
from tests.support.lead_refresh import RefreshScene
from tests.support.stock import counts_of


@pytest.fixture(scope="module")
def simulator() -> Iterator[EasyCarsSimulator]:
    with EasyCarsSimulator(accounts=default_accounts(2, vehicles=20)) as running:
        yield running


@pytest.fixture
def scene(database_url: str, simulator: EasyCarsSimulator) -> Iterator[RefreshScene]:
    simulator.reset()
    opened = RefreshScene(database_url, simulator)
    yield opened
    opened.close()


def test_a_lead_easycars_does_not_know_stops_no_other_and_goes_last(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lost = scene.add_lead(dealership)
    scene.add_lead(dealership)
    scene.execute("UPDATE lead SET easycars_lead_number = '000777' WHERE external_id = %s", lost)

    result = scene.refresh(dealership)

    assert result.status is SyncStatus.WARNING
    assert (result.counts.received, result.counts.failed) == (2, 1)
    [log] = scene.run_logs(dealership)
    [failed] = log["error_details"]["failed"]["first"]
    assert (failed["leadNumber"], failed["code"]) == ("000777", "VENDOR_REFUSED")
    assert log["error_message"] == "1 of 2 leads could not be refreshed."
    scene.add_lead(dealership)
    scene.an_hour_later()
    asked: list[str] = []
    scene.source.then = asked.append
    scene.refresh(dealership, leads_per_run=2)
    assert asked == ["000003"]


def test_a_number_that_is_another_lead_now_changes_nothing(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.staff_change("000001", ExternalID=str(uuid4()), Rating=3)

    result = scene.refresh(dealership)

    assert (result.counts.failed, scene.lead_row(lead)["rating"]) == (1, "Cold")
    details = scene.run_logs(dealership)[0]["error_details"]
    assert details["failed"]["first"][0]["code"] == "ANOTHER_LEAD"


def test_an_answer_the_database_refuses_fails_alone(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    second = scene.add_lead(dealership)
    scene.source.change = lambda inbound: (
        replace(inbound, easycars_raw_data="{")
        if inbound.easycars_lead_number == "000001"
        else inbound
    )

    result = scene.refresh(dealership)

    assert (result.counts.failed, result.counts.unchanged) == (1, 1)
    assert scene.lead_row(second)["easycars_raw_data"] is not None


def test_a_vendor_that_is_away_is_left_in_peace_and_a_retry_goes_on(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    dealership, job = scene.enrol(), uuid4()
    for _ in range(6):
        scene.add_lead(dealership)
    simulator.add_fault("http_503", operation="GetLeadDetail", times=None, after=1)
    simulator.clear_requests()

    with pytest.raises(RetryableError):
        scene.refresh(dealership, job)

    # One that was answered, then three leads, each tried three times in place.
    assert scene.asked() == 10
    [log] = scene.run_logs(dealership)
    assert (log["status"], counts_of(log)) == ("Failed", (1, 0, 0, 1, 0))
    simulator.clear_faults()
    asked: list[str] = []
    scene.source.then = asked.append

    result = scene.refresh(dealership, job)

    assert asked == ["000005", "000006", "000002", "000003", "000004"]
    assert (result.status, result.counts.received, result.counts.unchanged) == (
        SyncStatus.SUCCESS, 6, 6,
    )  # fmt: skip
    assert [log["status"] for log in scene.run_logs(dealership)] == ["Success"]


def test_a_lead_that_could_not_be_read_just_now_fails_alone(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    dealership = scene.enrol()
    for _ in range(3):
        scene.add_lead(dealership)
    simulator.add_fault("http_503", operation="GetLeadDetail", after=1, times=3)

    result = scene.refresh(dealership)

    assert (result.counts.received, result.counts.failed) == (3, 1)
    assert result.status is SyncStatus.WARNING


def test_where_no_lead_at_all_could_be_read_the_run_is_tried_again(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    dealership, job = scene.enrol(), uuid4()
    scene.add_lead(dealership)
    simulator.add_fault("http_503", operation="GetLeadDetail", times=3)

    with pytest.raises(RetryableError):
        scene.refresh(dealership, job)

    assert scene.refresh(dealership, job).counts.unchanged == 1


def test_a_vendor_that_asks_us_to_slow_down_is_obeyed_at_once(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    dealership = scene.enrol()
    for _ in range(2):
        scene.add_lead(dealership)
    simulator.add_fault("http_429", operation="GetLeadDetail", times=None, retry_after=300)
    simulator.clear_requests()

    with pytest.raises(RetryableError) as caught:
        scene.refresh(dealership)

    assert (caught.value.code, caught.value.retry_after) == ("HTTP_429", 300)
    assert scene.asked() == 1


def test_refused_credentials_end_the_run_at_the_first_lead(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership)
    scene.add_lead(dealership)
    scene.client.close()
    broken = RefreshScene(scene.url, scene.simulator)
    scene.simulator.revoke_tokens()
    scene.simulator.add_fault("code", operation="GetLeadDetail", code=1, times=None)
    broken.credentials = scene.credentials

    with pytest.raises(PermanentError) as caught:
        broken.refresh(dealership)

    assert caught.value.code == "AUTHENTICATION_FAILED"
    assert type(caught.value) is PermanentError
    assert scene.lead_row(lead)["refresh_tried_at"] is None
    broken.close()


def test_nothing_is_asked_while_deliveries_wait_for_the_vendor(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    scene.execute(
        "INSERT INTO circuit_breaker (target, environment, open_until)"
        " VALUES ('EasyCars', 'Test', now() + interval '1 minute')"
        " ON CONFLICT (target, environment) DO UPDATE SET open_until = excluded.open_until"
    )

    with pytest.raises(RetryableError) as caught:
        scene.refresh(dealership)
    assert (caught.value.code, scene.asked()) == ("VENDOR_AWAY", 0)

    scene.an_hour_later()
    assert scene.refresh(dealership).counts.received == 1


def test_without_credentials_a_run_fails_with_the_reason(scene: RefreshScene) -> None:
    dealership = scene.add_dealership(connected=False)

    with pytest.raises(PermanentError) as caught:
        scene.refresh(dealership)

    assert caught.value.code == "NO_CREDENTIALS"
    assert scene.run_logs(dealership)[0]["status"] == "Failed"


def test_easycars_is_asked_no_faster_than_the_setting(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    for _ in range(3):
        scene.add_lead(dealership)

    scene.refresh(dealership, calls_per_second=4.0)

    assert scene.pace.slept == [0.0, 0.25, 0.25]


def test_a_run_ends_when_its_time_is_over_and_the_next_goes_on(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    for _ in range(3):
        scene.add_lead(dealership)
    asked: list[str] = []

    def slowly(number: str) -> None:
        asked.append(number)
        scene.pace.now += 200.0

    scene.source.then = slowly
    result = scene.refresh(dealership)
    scene.an_hour_later()
    scene.refresh(dealership, seconds_left=100.0)

    assert (result.status, result.counts.received) == (SyncStatus.SUCCESS, 2)
    assert asked == ["000001", "000002", "000003"]


def test_a_run_that_lost_its_row_stores_nothing_more(scene: RefreshScene) -> None:
    dealership, job = scene.enrol(), uuid4()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.staff_change("000001", Rating=3)
    elsewhere = database_at(scene.url)
    taken: list[Any] = []

    def take_over(_number: str) -> None:
        taken.append(PostgresLeadRefresh(elsewhere).open_run(job, dealership))

    scene.source.then = take_over
    with pytest.raises(PermanentError) as caught:
        scene.refresh(dealership, job)
    elsewhere.close()

    assert caught.value.code == "LEASE_LOST"
    assert scene.lead_row(lead)["rating"] == "Cold"
    assert [log["status"] for log in scene.run_logs(dealership)] == ["InProgress"]


def test_two_jobs_of_a_dealership_do_not_overlap_and_stock_is_another_matter(
    scene: RefreshScene,
) -> None:
    dealership = scene.enrol()
    PostgresStockStore(scene.database).open_run(uuid4(), dealership)
    assert scene.refresh(dealership).status is SyncStatus.SUCCESS

    PostgresLeadRefresh(scene.database).open_run(uuid4(), dealership)
    with pytest.raises(PermanentError) as caught:
        scene.refresh(dealership)
    assert caught.value.code == "ALREADY_RUNNING"


def test_a_job_that_has_ended_is_not_run_again(scene: RefreshScene) -> None:
    dealership, job = scene.enrol(), uuid4()
    scene.add_lead(dealership)
    first = scene.refresh(dealership, job)

    assert scene.refresh(dealership, job) == first
    assert scene.asked() == 1
