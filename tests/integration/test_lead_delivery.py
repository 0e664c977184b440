"""The main path of a lead through the real ledger: once, whole, and only where it belongs."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from forecourt.errors import RetryableError
from forecourt.leads.sink import Operation
from tests.support.lead_delivery import Scene, lead_body, queued, wake_up_body

LEAD = "0d4f7f0c-58c6-4a6e-9a51-5a4a7b0c9d11"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def test_a_lead_reaches_easycars_and_every_table_says_so(scene: Scene) -> None:
    dealership = scene.add_dealership()

    failures = scene.deliver(
        lead_body(
            dealership,
            LEAD,
            financeStatus="Yes",
            rating="Hot",
            vehicleInterest="TestDrive",
            sourcePageUrl="https://bayside.example/cars/12",
            address={"line": "1 Pier Rd", "city": "Brighton", "state": "VIC", "postCode": "3186"},
            consent={"marketing": True, "text": "Yes please", "version": "2"},
            company={"name": "Nguyen Pty Ltd"},
        )
    )

    assert failures == []
    ((operation, account, fields),) = scene.sink.sent
    assert (operation, account) == (Operation.CREATE, f"EC{dealership:06d}")
    assert fields["ExternalID"] == LEAD
    lead = scene.one("SELECT * FROM lead")
    assert str(lead["external_id"]) == LEAD
    assert lead["easycars_lead_number"] == "000001"
    assert lead["easycars_customer_no"] == "00004"
    assert lead["data_source"] == "WebForm"
    assert (lead["finance_status"], lead["finance_interested"]) == ("Yes", True)
    assert (lead["rating"], lead["vehicle_interest_type"]) == ("Hot", "TestDrive")
    assert lead["consent"] == {"marketing": True, "text": "Yes please", "version": "2"}
    assert lead["company"] == {"name": "Nguyen Pty Ltd"}
    assert lead["address_city"] == "Brighton"
    assert lead["received_at"].isoformat() == "2026-11-20T22:15:00+00:00"
    assert lead["last_synced_to_easycars"] is not None
    assert lead["last_known_easycars_status"] == 10
    row = scene.delivery_row(LEAD)
    assert row["state"] == "delivered"
    assert (row["operation"], row["attempts"]) == ("create", 1)
    assert (row["sent_version"], row["delivered_version"]) == (1, 1)
    assert row["remote_id"] == "000001"
    assert row["remote_scope"].startswith("Test:")
    assert row["delivered_fields"]["LeadCustomer"]["Name"] == "Zoë Nguyen"
    assert row["lease_token"] is None
    assert row["next_attempt_at"] is None
    (attempt,) = scene.attempts(LEAD)
    assert (attempt["outcome"], attempt["remote_id"]) == ("delivered", "000001")
    assert attempt["worker"] == "request-1"
    assert attempt["finished_at"] is not None
    assert attempt["latency_ms"] is not None
    frontier = scene.one("SELECT * FROM vendor_frontier")
    assert frontier["account_scope"] == row["remote_scope"]
    assert frontier["highest_lead_number"] == "000001"


def test_each_push_has_a_sync_log_row_without_personal_data_or_secrets(scene: Scene) -> None:
    dealership = scene.add_dealership()

    scene.deliver(lead_body(dealership, LEAD, rating="Hot"))

    log = scene.one("SELECT * FROM easycars_sync_logs")
    assert (log["sync_type"], log["sync_direction"], log["status"]) == (
        "Lead",
        "Outbound",
        "Success",
    )
    counts = ("processed", "created", "updated", "failed", "unchanged")
    assert [log[f"records_{name}"] for name in counts] == [1, 1, 0, 0, 0]
    assert log["credential_id"] is not None
    assert log["completed_at"] >= log["started_at"]
    assert log["request_payload"]["ExternalID"] == LEAD
    assert log["request_payload"]["Rating"] == 3
    assert log["response_summary"]["leadNumber"] == "000001"
    text = json.dumps(log, default=str)
    for private in ("Zoë", "Zo\\u00eb", "zoe@", "0412", "for sale", "planted"):
        assert private not in text


def test_the_same_message_again_is_acknowledged_and_adds_nothing(scene: Scene) -> None:
    dealership = scene.add_dealership()
    body = lead_body(dealership, LEAD)

    assert scene.deliver(body) == []
    assert scene.deliver(body, receive_count=2) == []

    assert len(scene.sink.sent) == 1
    assert scene.one("SELECT count(*) FROM lead")["count"] == 1
    assert len(scene.attempts(LEAD)) == 1
    assert scene.one("SELECT count(*) FROM easycars_sync_logs")["count"] == 1


def test_a_message_doubled_within_one_batch_makes_one_lead(scene: Scene) -> None:
    dealership = scene.add_dealership()
    body = lead_body(dealership, LEAD)

    assert scene.deliver(body, lead_body(dealership), body) == []

    assert len(scene.sink.sent) == 2
    assert scene.one("SELECT count(*) FROM lead")["count"] == 2


def test_spam_is_kept_and_sent_nowhere(scene: Scene) -> None:
    dealership = scene.add_dealership()

    assert scene.deliver(lead_body(dealership, LEAD, spam=True, website="http://x.example")) == []

    assert scene.one("SELECT spam FROM lead") == {"spam": True}
    assert scene.rows("SELECT * FROM lead_delivery") == []
    assert scene.sink.sent == []


def test_without_credentials_the_lead_is_parked_for_a_person(scene: Scene) -> None:
    dealership = scene.add_dealership(connected=False)

    assert scene.deliver(lead_body(dealership, LEAD)) == []

    row = scene.delivery_row(LEAD)
    assert (row["state"], row["last_error_code"]) == ("failed", "NO_CONNECTION")
    assert row["target"] == "EasyCars"
    assert "credentials" in row["last_error"]


def test_credentials_deleted_while_a_lead_waits_park_it(scene: Scene) -> None:
    dealership = scene.add_dealership()
    scene.sink.will(RetryableError(code="CONNECT_FAILED", detail="Away.", target="EasyCars"))
    scene.deliver(lead_body(dealership, LEAD))
    scene.pass_time("1 day")
    scene.execute("DELETE FROM dealership_easycars_credentials")

    assert scene.deliver(lead_body(dealership, LEAD)) == []

    assert scene.delivery_row(LEAD)["last_error_code"] == "NO_CONNECTION"


def test_a_vehicle_of_the_dealership_is_linked_and_sent(scene: Scene) -> None:
    dealership = scene.add_dealership()
    vehicle = scene.add_vehicle(dealership, "S-12")

    scene.deliver(lead_body(dealership, LEAD, vehicleId=vehicle))

    assert scene.one("SELECT vehicle_id FROM lead")["vehicle_id"] == vehicle
    fields = scene.sink.sent[0][2]
    assert (fields["StockNumber"], fields["VehicleMake"]) == ("S-12", "VOLVO")
    assert fields["VehicleType"] == 1


def test_a_vehicle_of_another_dealership_never_leaks(scene: Scene) -> None:
    dealership, other = scene.add_dealership(), scene.add_dealership()
    vehicle = scene.add_vehicle(other, "S-12")

    scene.deliver(lead_body(dealership, LEAD, vehicleId=vehicle))

    lead = scene.one("SELECT * FROM lead")
    assert lead["vehicle_id"] is None
    assert lead["delivery_notes"] == [
        f"The website named vehicle {vehicle}, which is not one of this dealership."
    ]
    fields = scene.sink.sent[0][2]
    assert "StockNumber" not in fields
    assert "VOLVO" not in json.dumps(fields)
    assert lead["delivery_notes"][0] in fields["Notes"]


def test_a_stock_number_becomes_the_dealerships_own_vehicle(scene: Scene) -> None:
    dealership, other = scene.add_dealership(), scene.add_dealership()
    scene.add_vehicle(other, "S-12")
    own = scene.add_vehicle(dealership, "S-12")

    scene.deliver(lead_body(dealership, LEAD, stockNumber="S-12"))

    lead = scene.one("SELECT vehicle_id, requested_stock_number FROM lead")
    assert lead == {"vehicle_id": own, "requested_stock_number": None}


def test_a_stock_number_we_do_not_know_is_sent_all_the_same(scene: Scene) -> None:
    dealership, other = scene.add_dealership(), scene.add_dealership()
    scene.add_vehicle(other, "NEW-1")

    scene.deliver(lead_body(dealership, LEAD, stockNumber="NEW-1"))

    lead = scene.one("SELECT vehicle_id, requested_stock_number FROM lead")
    assert lead == {"vehicle_id": None, "requested_stock_number": "NEW-1"}
    assert scene.sink.sent[0][2]["StockNumber"] == "NEW-1"


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        '{"schema": 2}',
        json.dumps({"schema": 1, "leadId": LEAD, "dealershipId": 1}),
        lead_body(1, LEAD, favouriteColour="red"),
    ],
)
def test_what_cannot_be_read_goes_to_the_dead_letter_queue(scene: Scene, body: str) -> None:
    assert scene.deliver(body) == []

    ((message, code, _),) = scene.queue.buried
    assert (message.body, code) == (body, "MALFORMED_MESSAGE")


def test_a_lead_for_no_dealership_goes_to_the_dead_letter_queue(scene: Scene) -> None:
    dealership = scene.add_dealership()

    assert scene.deliver(lead_body(999), lead_body(dealership, LEAD)) == []

    assert [code for _, code, _ in scene.queue.buried] == ["UNKNOWN_DEALERSHIP"]
    assert scene.delivery_row(LEAD)["state"] == "delivered"


def test_a_wake_up_for_no_lead_or_anothers_lead_goes_to_the_dead_letter_queue(
    scene: Scene,
) -> None:
    dealership, other = scene.add_dealership(), scene.add_dealership()
    scene.deliver(lead_body(dealership, LEAD))

    assert scene.deliver(wake_up_body(str(uuid4()), dealership, 1)) == []
    assert scene.deliver(wake_up_body(LEAD, other, 1)) == []

    assert [code for _, code, _ in scene.queue.buried] == ["UNKNOWN_LEAD", "UNKNOWN_LEAD"]


def test_poison_comes_back_when_the_dead_letter_queue_is_away(scene: Scene) -> None:
    scene.queue.takes_dead_letters = False

    assert scene.deliver("not json") == ["m0"]


@pytest.mark.parametrize(
    "field",
    [{"name": "n" * 256}, {"name": "nul \0 byte"}, {"address": {"postCode": "12345678901"}}],
)
def test_one_row_the_database_refuses_sinks_no_other(scene: Scene, field: dict[str, Any]) -> None:
    dealership = scene.add_dealership()
    bodies = [lead_body(dealership), lead_body(dealership, **field), lead_body(dealership)]

    assert scene.deliver(*bodies) == []

    assert scene.one("SELECT count(*) FROM lead")["count"] == 2
    assert len(scene.sink.sent) == 2
    ((message, code, detail),) = scene.queue.buried
    assert (message.message_id, code) == ("m1", "LEAD_REFUSED")
    assert "SQLSTATE 22" in detail


def test_two_dealerships_of_one_account_share_its_frontier(scene: Scene) -> None:
    first, second = scene.add_dealership(connected=False), scene.add_dealership(connected=False)
    for dealership in (first, second):
        scene.connect(dealership, "EC777777")

    scene.deliver(*(lead_body(d) for d in (first, second) * 5))

    frontier = scene.one("SELECT highest_lead_number FROM vendor_frontier")
    assert frontier["highest_lead_number"] == "000010"
    assert scene.deliver(lead_body(first, LEAD)) == []
    assert scene.delivery_row(LEAD)["probe_from"] == "000010"


def test_a_batch_is_counted(scene: Scene) -> None:
    dealership = scene.add_dealership()

    scene.deliver(lead_body(dealership), lead_body(dealership), "not json")

    assert scene.counts.batches == [{"LeadsDelivered": 2, "LeadsDeadLettered": 1}]


def test_a_batch_of_nothing_is_nothing(scene: Scene) -> None:
    assert scene.delivery.deliver_batch([], worker="request-1") == []


def test_credentials_are_read_once_per_write(scene: Scene) -> None:
    dealership = scene.add_dealership()

    for _ in range(3):
        scene.deliver(lead_body(dealership))
    assert scene.vault.loads == 1

    scene.change_account(dealership, "EC111111")
    scene.deliver(lead_body(dealership))
    assert scene.sink.sent[-1][1] == "EC111111"


def test_with_too_little_time_left_nothing_is_claimed(scene: Scene) -> None:
    dealership = scene.add_dealership()

    failures = scene.delivery.deliver_batch(
        [queued(lead_body(dealership, LEAD))], worker="request-1", seconds_left=lambda: 5.0
    )

    assert failures == ["m0"]
    assert scene.delivery_row(LEAD)["state"] == "pending"
    assert scene.attempts(LEAD) == []
