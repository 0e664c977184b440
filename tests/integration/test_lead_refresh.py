"""A dealership's leads against EasyCars, the simulator, over HTTP, on a real database."""

from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.stock.run import SyncStatus
from local.easycars_simulator import EasyCarsSimulator, Rules, default_accounts
from tests.support.lead_refresh import RefreshScene


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


def test_a_refresh_is_told_at_its_start_and_at_its_end_with_its_numbers(
    scene: RefreshScene, caplog: pytest.LogCaptureFixture
) -> None:
    dealership = scene.enrol()
    scene.add_lead(dealership)
    scene.refresh(dealership)
    scene.refresh(dealership)

    said: list[Any] = list(caplog.records)
    started = [one for one in said if one.message == "Lead refresh started"]
    ended = [one for one in said if one.message == "Lead refresh ended"]
    assert [one.dealership_id for one in started] == [dealership] * 2
    assert [one.job_id for one in started] == [one.job_id for one in ended]
    assert (ended[1].status, ended[1].result) == ("Success", "nothing new: 1 unchanged")
    assert ended[1].counts["received"] == 1


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
