"""People change leads: what is taken, what is refused, and what goes to EasyCars of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient
from tests.support.aws_account import AwsAccount
from tests.support.handlers import new_sandbox
from tests.support.lead_desk import LeadDesk

CODES = {"received": 10, "in progress": 30, "won": 50, "lost": 60, "deleted": 90}
CUSTOMER = {"Name": "Zoë Nguyen", "Email": "zoe@mail.example", "Mobile": "0412345678"}


@pytest.mark.parametrize(
    ("patch", "keys"),
    [
        ({"status": "in progress"}, {"LeadStatus": 30}),
        ({"status": "won"}, {"LeadStatus": 50}),
        ({"status": "lost"}, {"LeadStatus": 60}),
        ({"status": "deleted"}, {"LeadStatus": 90}),
        ({"rating": "Hot"}, {"Rating": 3}),
        ({"financeStatus": "Maybe"}, {"FinanceStatus": 3}),
        ({"vehicleInterest": "TestDrive"}, {"VehicleInterest": 4}),
        ({"name": " Chloé D'Arcy "}, {"LeadCustomer": CUSTOMER | {"Name": "Chloé D'Arcy"}}),
        ({"email": "new@mail.example"}, {"LeadCustomer": CUSTOMER | {"Email": "new@mail.example"}}),
        ({"address": {"city": "Köln"}}, {"LeadCustomer": CUSTOMER | {"City": "Köln"}}),
        (
            {"status": "won", "rating": "Cold"},
            {"LeadStatus": 50, "Rating": 1},
        ),
    ],
)
def test_exactly_the_changed_keys_are_on_the_wire(
    desk: LeadDesk, patch: dict[str, Any], keys: dict[str, Any]
) -> None:
    lead_id = desk.arrive()
    [(_, created)] = desk.sent
    assert created["ExternalID"] == lead_id

    changed = desk.patch(lead_id, patch | {"version": 1})
    desk.deliver(lead_id)

    assert changed.status == 200
    assert (changed.body["version"], changed.body["easyCarsKeeps"]) == (2, [])
    [lead] = desk.at_vendor(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": lead["leadNumber"], **keys})]
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["wanted_version"], row["delivered_version"]) == ("delivered", 2, 2)
    assert desk.simulator.invalid_requests() == []


def test_every_status_reaches_the_vendor_one_after_the_other(desk: LeadDesk) -> None:
    lead_id = desk.arrive()

    for status in ("in progress", "won", "lost", "received", "deleted"):
        assert desk.patch(lead_id, {"status": status}).body["status"] == status
        desk.deliver(lead_id)
        [lead] = desk.at_vendor(lead_id)
        assert lead["status"] == CODES[status]
        shown = desk.admin("GET", f"/api/admin/leads/{lead_id}").body
        assert shown["deliveries"][0]["state"] == "delivered"


def test_a_deleted_lead_is_never_changed_again(desk: LeadDesk) -> None:
    lead_id = desk.arrive()
    desk.patch(lead_id, {"status": "deleted"})
    desk.deliver(lead_id)
    before = len(desk.sent)

    for patch in ({"status": "won"}, {"status": "deleted", "name": "Other"}, {"rating": "Hot"}):
        refused = desk.patch(lead_id, patch)
        assert (refused.status, refused.body["type"]) == (409, "urn:forecourt:problem:lead-deleted")
    assert desk.patch(lead_id, {"status": "deleted"}).status == 200
    desk.deliver(lead_id)

    assert before == 2
    assert desk.sent == []
    assert [lead["status"] for lead in desk.at_vendor(lead_id)] == [90]


def test_nothing_different_is_no_new_version_and_no_call(
    desk: LeadDesk, account: AwsAccount, database: Database
) -> None:
    lead_id = desk.arrive(rating="Hot")
    account.messages()

    same = desk.patch(lead_id, {"rating": "Hot", "name": "Zoë Nguyen", "version": 1})

    assert (same.status, same.body["version"], same.body["changed"]) == (200, 1, [])
    assert account.messages() == []
    assert (
        not database.connection()
        .execute("SELECT FROM audit_log WHERE action = 'lead.changed'")
        .fetchall()
    )


def test_a_lead_changed_before_its_create_is_created_as_it_is_then(desk: LeadDesk) -> None:
    desk.simulator.add_fault("http_429", operation="CreateLead")
    lead_id = desk.arrive()
    assert desk.scene.delivery_row(lead_id)["state"] == "pending"

    desk.patch(lead_id, {"email": "right@mail.example", "status": "in progress"})
    desk.pass_time(3600)
    desk.deliver(lead_id)
    desk.deliver(lead_id)

    [lead] = desk.at_vendor(lead_id)
    assert lead["status"] == 30
    last = desk.sent[-1]
    assert last == ("UpdateLead", {"LeadNumber": lead["leadNumber"], "LeadStatus": 30})
    assert desk.scene.delivery_row(lead_id)["delivered_version"] == 2


def test_a_correction_revives_what_the_vendor_refused(desk: LeadDesk, account: AwsAccount) -> None:
    lead_id = desk.arrive(email="zoe mail.example")
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["last_error_code"]) == ("failed", "INVALID_EMAIL")
    account.messages()

    desk.patch(lead_id, {"email": "zoe@mail.example"})

    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["attempts"], row["woken_until"]) == ("pending", 0, None)
    assert [message["deliveryId"] for message in account.messages()] == [row["id"]]
    desk.deliver(lead_id)
    assert len(desk.at_vendor(lead_id)) == 1


def test_a_change_during_a_call_is_sent_after_it(desk: LeadDesk) -> None:
    lead_id = desk.arrive()
    desk.patch(lead_id, {"rating": "Hot"})
    desk.transport.during = lambda: desk.patch(lead_id, {"rating": "Cold", "status": "won"})

    desk.deliver(lead_id)
    between = desk.scene.delivery_row(lead_id)
    _ = desk.sent
    desk.deliver(lead_id)

    assert (between["state"], between["delivered_version"]) == ("pending", 2)
    [(_, fields)] = desk.sent
    assert set(fields) == {"LeadNumber", "Rating", "LeadStatus"}
    assert desk.scene.delivery_row(lead_id)["delivered_version"] == 3


def test_a_correction_during_the_call_that_is_refused_is_not_parked(desk: LeadDesk) -> None:
    lead_id = desk.arrive()
    desk.patch(lead_id, {"rating": "Hot"})
    desk.simulator.add_fault("code", code=7, operation="UpdateLead")
    desk.transport.during = lambda: desk.patch(lead_id, {"rating": "Cold"})

    desk.deliver(lead_id)
    row = desk.scene.delivery_row(lead_id)
    desk.deliver(lead_id)

    assert (row["state"], row["attempts"]) == ("pending", 0)
    assert row["due_in"] <= 0
    assert desk.scene.delivery_row(lead_id)["state"] == "delivered"


def test_of_two_people_who_saw_the_same_version_one_wins(desk: LeadDesk) -> None:
    lead_id = desk.arrive()
    sandboxes = [new_sandbox("admin_api") for _ in range(2)]

    with ThreadPoolExecutor() as people:
        answers = list(
            people.map(
                lambda person: AdminClient(sandboxes[person].handler)(
                    "PATCH", f"/api/admin/leads/{lead_id}", {"name": f"P{person}", "version": 1}
                ),
                range(2),
            )
        )

    assert sorted(answer.status for answer in answers) == [200, 409]
    [won] = [answer.body["name"] for answer in answers if answer.status == 200]
    shown = desk.admin("GET", f"/api/admin/leads/{lead_id}").body
    assert (shown["name"], shown["version"]) == (won, 2)
    for sandbox in sandboxes:
        for connection in sandbox.connections():
            connection.close()


@pytest.mark.parametrize("code", ["SCOPE_CHANGED", "NO_CONNECTION", "CREDENTIALS_UNREADABLE"])
def test_a_correction_revives_nothing_that_waits_for_a_person(desk: LeadDesk, code: str) -> None:
    lead_id = desk.arrive()
    desk.scene.execute(
        "UPDATE lead_delivery SET state = 'failed', last_error_code = %s, next_attempt_at = NULL",
        code,
    )

    desk.patch(lead_id, {"rating": "Hot"})

    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["wanted_version"]) == ("failed", 2)


@pytest.mark.parametrize("state", ["in_progress", "unconfirmed"])
def test_what_is_under_way_keeps_its_state_and_wants_the_new_version(
    desk: LeadDesk, state: str
) -> None:
    lead_id = desk.arrive()
    desk.scene.execute(
        "UPDATE lead_delivery SET state = %s, lease_token = gen_random_uuid(), lease_until = now()"
        " + interval '1 minute', next_attempt_at = now() + interval '3 minutes'",
        state,
    )

    desk.patch(lead_id, {"rating": "Hot"})

    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["wanted_version"]) == (state, 2)
    assert row["due_in"] > 100


def test_cleared_fields_are_told_that_easycars_keeps(desk: LeadDesk) -> None:
    lead_id = desk.arrive(
        rating="Hot", financeStatus="Yes", address={"line": "1 A St", "city": "B"}
    )

    changed = desk.patch(
        lead_id, {"phone": "", "rating": None, "financeStatus": None, "address": {"line": None}}
    ).body

    assert (changed["phone"], changed["rating"], changed["financeStatus"]) == ("", None, None)
    assert changed["address"] == {"line": None, "city": "B", "state": None, "postCode": None}
    assert {kept["field"] for kept in changed["easyCarsKeeps"]} == {
        "phone", "rating", "financeStatus", "address.line",
    }  # fmt: skip
    desk.sent.clear()
    desk.deliver(lead_id)
    assert not [body for _, body in desk.sent if None in body.values()]
    assert desk.simulator.invalid_requests() == []


def test_another_vehicle_is_told_in_the_notes_of_a_lead_that_is_there(desk: LeadDesk) -> None:
    first = desk.scene.add_vehicle(desk.dealership, "S1")
    second = desk.scene.add_vehicle(desk.dealership, "S2")
    lead_id = desk.arrive(vehicleId=first)
    _ = desk.sent

    desk.patch(lead_id, {"vehicleId": second})
    changed = desk.patch(lead_id, {"stockNumber": "S1"}).body
    again = desk.patch(lead_id, {"stockNumber": "S2"}).body
    desk.deliver(lead_id)

    assert (changed["vehicleId"], again["vehicleId"]) == (first, second)
    assert [kept["field"] for kept in again["easyCarsKeeps"]] == ["vehicle"]
    [(operation, fields)] = desk.sent
    assert (operation, set(fields)) == ("UpdateLead", {"LeadNumber", "Notes"})
    assert fields["Notes"].count("Forecourt: the lead is now about") == 1
    assert "2020 VOLVO V90, stock number S2" in fields["Notes"]


def test_a_vehicle_of_another_dealership_is_none(desk: LeadDesk, admin: AdminClient) -> None:
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    foreign = desk.scene.add_vehicle(other, "F1")
    lead_id = desk.arrive()

    refused = desk.patch(lead_id, {"vehicleId": foreign})
    asked = desk.patch(lead_id, {"stockNumber": "F1"}).body

    assert (refused.status, refused.bad_fields) == (422, {"vehicleId"})
    assert (asked["vehicleId"], asked["requestedStockNumber"]) == (None, "F1")
