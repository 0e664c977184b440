"""A dealership's leads against EasyCars, the simulator, over HTTP, on a real database."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from forecourt.errors import PermanentError, RetryableError
from forecourt.stock.run import SyncStatus
from forecourt.storage.lead_refresh import PostgresLeadRefresh
from forecourt.storage.stock_store import PostgresStockStore
from local.easycars_simulator import EasyCarsSimulator, Rules, default_accounts
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


def test_what_easycars_says_is_taken_and_the_person_stays_ours(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold", vehicleInterest="Buy")
    before = scene.lead_row(lead)
    scene.staff_change("000001", Rating=3, VehicleInterest=4, FinanceStatus=1, Notes="theirs")

    result = scene.refresh(dealership)

    after = scene.lead_row(lead)
    assert result.status is SyncStatus.SUCCESS
    assert (result.counts.received, result.counts.updated) == (1, 1)
    assert (after["rating"], after["vehicle_interest_type"]) == ("Hot", "TestDrive")
    assert (after["finance_status"], after["finance_interested"]) == ("Yes", True)
    assert after["easycars_raw_data"]["Notes"] == "theirs"
    assert after["last_synced_from_easycars"] is not None
    kept = ("name", "email", "phone", "message", "data_source", "status", "easycars_lead_number")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after["data_source"] == "WebForm"


def test_what_was_taken_is_not_sent_back(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.staff_change("000001", Rating=3)

    scene.refresh(dealership)

    delivery = scene.delivery_row(lead)
    assert scene.lead_row(lead)["version"] == 2
    assert (delivery["state"], delivery["wanted_version"], delivery["delivered_version"]) == (
        "delivered", 2, 2,
    )  # fmt: skip
    scene.edit(lead, "finance_status = 'No'")
    scene.deliver_due()
    assert scene.updates() == [{"FinanceStatus": 2}]


def test_another_crm_is_told_what_easycars_changed(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    scene.execute(
        "INSERT INTO lead_delivery (lead_id, dealership_id, target, state, wanted_version,"
        " delivered_version, attempts) SELECT id, dealership_id, 'Dynamics', 'delivered', 1, 1, 3"
        " FROM lead"
    )
    scene.staff_change("000001", Rating=3)

    scene.refresh(dealership)

    other = scene.one("SELECT * FROM lead_delivery WHERE target = 'Dynamics'")
    assert (other["state"], other["attempts"], other["wanted_version"]) == ("pending", 0, 2)
    assert other["delivered_version"] == 1


def test_a_second_refresh_finds_nothing_new(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.staff_change("000001", Rating=3)
    scene.refresh(dealership)
    scene.an_hour_later()

    again = scene.refresh(dealership)

    assert (again.counts.received, again.counts.unchanged) == (1, 1)
    assert scene.lead_row(lead)["version"] == 2


def test_a_vehicle_is_found_by_its_stock_number_in_the_same_dealership_only(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    ours, other = scene.enrol(), scene.enrol(simulator.accounts()[1])
    lead = scene.add_lead(ours)
    number = str(simulator.stock(simulator.accounts()[0].account_number)[0]["StockNumber"])
    scene.add_vehicle(other, number)
    scene.staff_change("000001", StockNumber=number)

    scene.refresh(ours)
    assert scene.lead_row(lead)["vehicle_id"] is None

    vehicle = scene.add_vehicle(ours, number)
    scene.an_hour_later()
    scene.refresh(ours)
    assert scene.lead_row(lead)["vehicle_id"] == vehicle


def test_an_edit_that_easycars_has_not_heard_yet_is_kept(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.edit(lead, "rating = 'Hot', status = 'in progress'")

    scene.refresh(dealership)

    assert (scene.lead_row(lead)["rating"], scene.lead_row(lead)["status"]) == (
        "Hot", "in progress",
    )  # fmt: skip
    assert scene.delivery_row(lead)["state"] == "pending"
    scene.deliver_due()
    assert scene.updates() == [{"Rating": 3, "LeadStatus": 30}]


def test_an_edit_made_while_easycars_is_answering_is_kept(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")
    scene.staff_change("000001", Rating=2, FinanceStatus=1)
    scene.source.then = lambda _number: scene.edit(lead, "rating = 'Hot', name = 'Zoe Nguyen'")

    scene.refresh(dealership)

    row, delivery = scene.lead_row(lead), scene.delivery_row(lead)
    assert (row["rating"], row["name"], row["finance_status"]) == ("Hot", "Zoe Nguyen", "Yes")
    assert (delivery["state"], delivery["wanted_version"]) == ("pending", row["version"])
    scene.deliver_due()
    [sent] = scene.updates()
    assert set(sent) == {"LeadCustomer", "Rating"}


def test_an_answer_that_a_delivery_has_overtaken_is_not_used(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership, rating="Cold")

    def overtake(_number: str) -> None:
        scene.edit(lead, "rating = 'Hot'")
        scene.deliver_due()

    scene.source.then = overtake
    result = scene.refresh(dealership)

    row = scene.lead_row(lead)
    assert (row["rating"], row["easycars_raw_data"]) == ("Hot", None)
    assert (result.counts.unchanged, result.status) == (1, SyncStatus.SUCCESS)
    assert row["refresh_tried_at"] is not None


def test_what_is_being_delivered_is_not_asked_for(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership)
    scene.execute(
        "UPDATE lead_delivery SET state = 'in_progress', lease_token = gen_random_uuid(),"
        " lease_until = now() + interval '1 minute'"
    )

    assert scene.refresh(dealership).counts.received == 0
    assert scene.lead_row(lead)["refresh_tried_at"] is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lead SET status = 'won'",
        "UPDATE lead SET status = 'deleted'",
        "UPDATE lead SET erased_at = now()",
        "UPDATE lead SET received_at = now() - interval '91 days'",
        "UPDATE lead SET easycars_lead_number = NULL",
        "UPDATE lead_delivery SET remote_scope = 'Test:another account'",
    ],
)
def test_only_open_leads_of_90_days_in_the_present_account_are_asked_for(
    scene: RefreshScene, change: str
) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    scene.execute(change)

    result = scene.refresh(dealership)

    assert (result.counts.received, result.status) == (0, SyncStatus.SUCCESS)
    assert scene.asked() == 0


def test_the_least_recently_asked_goes_first_and_a_run_has_a_bound(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    leads = [scene.add_lead(dealership) for _ in range(3)]
    asked: list[str] = []
    scene.source.then = asked.append

    scene.refresh(dealership, leads_per_run=2)
    scene.an_hour_later()
    scene.refresh(dealership, leads_per_run=2)

    assert asked == ["000001", "000002", "000003", "000001"]
    assert scene.run_logs(dealership)[0]["response_summary"] == {"leads": 2, "leadsLeft": 1}
    assert len(leads) == 3


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


def test_v1_05_tells_no_status_and_none_is_changed(scene: RefreshScene) -> None:
    dealership = scene.enrol()
    lead = scene.add_lead(dealership)
    scene.staff_change("000001", status=50)

    scene.refresh(dealership)

    row = scene.lead_row(lead)
    assert (row["status"], row["last_known_easycars_status"]) == ("received", 10)
    assert scene.conflicts() == []


def test_the_vendor_saw_no_request_it_would_call_invalid(
    scene: RefreshScene, simulator: EasyCarsSimulator
) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    scene.refresh(dealership)

    assert simulator.invalid_requests() == []
    assert Rules().lead_status_in_detail is False
