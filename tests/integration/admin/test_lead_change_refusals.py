"""Changes of leads that are refused, by whom they are made, and what is written down of them."""

from uuid import uuid4

import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.lead_desk import LeadDesk, store_lead


def test_a_version_that_is_not_the_present_one_is_refused(desk: LeadDesk) -> None:
    lead_id = desk.arrive()
    desk.patch(lead_id, {"rating": "Hot", "version": 1})

    refused = desk.patch(lead_id, {"rating": "Cold", "version": 1})

    assert (refused.status, refused.body["type"]) == (409, "urn:forecourt:problem:version-conflict")
    assert "version 2" in refused.body["detail"]
    assert desk.patch(lead_id, {"rating": "Cold"}).body["version"] == 3


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ('"1"', 200),
        ("1", 200),
        ('W/"1"', 200),
        ("*", 200),
        ('"2"', 409),
        ("abc", 400),
        ('"0"', 400),
    ],
)
def test_if_match_may_carry_the_version(desk: LeadDesk, header: str, status: int) -> None:
    lead_id = desk.arrive()

    answer = desk.patch(lead_id, {"rating": "Hot"}, headers={"if-match": header})

    assert answer.status == status


def test_two_versions_that_differ_are_refused(desk: LeadDesk) -> None:
    lead_id = desk.arrive()

    refused = desk.patch(lead_id, {"rating": "Hot", "version": 1}, headers={"if-match": '"2"'})

    assert (refused.status, refused.bad_fields) == (422, {"version"})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"(body)"}),
        ({"version": 1}, {"(body)"}),
        ({"status": "done"}, {"status"}),
        ({"status": None}, {"status"}),
        ({"status": 30}, {"status"}),
        ({"name": " "}, {"name"}),
        ({"name": "n" * 256}, {"name"}),
        ({"email": None}, {"email"}),
        ({"email": "zoe@"}, {"email"}),
        ({"email": f"{'z' * 60}@{'m' * 50}.example"}, {"email"}),
        ({"phone": "1" * 21}, {"phone"}),
        ({"message": "m" * 10_001}, {"message"}),
        ({"vehicleInterest": "Buy", "rating": "Warmish"}, {"rating"}),
        ({"financeStatus": True}, {"financeStatus"}),
        (
            {"address": {"postCode": "1" * 11, "street": "x"}},
            {"address.postCode", "address.street"},
        ),
        ({"address": "Perth"}, {"address"}),
        ({"vehicleId": 1, "stockNumber": "S1"}, {"stockNumber"}),
        ({"vehicleId": "1"}, {"vehicleId"}),
        ({"vehicleId": 99}, {"vehicleId"}),
        ({"rating": "Hot", "spam": True, "consent": {}}, {"spam", "consent"}),
        ({"rating": "Hot", "version": 0}, {"version"}),
        ({"message": "a\0b"}, {"message"}),
    ],
)
def test_what_cannot_be_taken_is_named(
    admin: AdminClient, dealership: int, database: Database, body: object, fields: set[str]
) -> None:
    lead_id = store_lead(database, dealership)

    refused = admin("PATCH", f"/api/admin/leads/{lead_id}", body)

    assert (refused.status, refused.bad_fields) == (422, fields)
    assert admin("GET", f"/api/admin/leads/{lead_id}").body["version"] == 1


def test_the_audit_log_has_names_of_fields_and_nothing_a_lead_says(
    desk: LeadDesk, database: Database
) -> None:
    lead_id = desk.arrive()

    desk.patch(
        lead_id,
        {"name": "Planted Name", "status": "won", "phone": "0400 111 222"},
        claims=owner(desk.dealership),
    )

    [(actor, subject, detail, text)] = (
        database.connection()
        .execute(
            "SELECT actor, subject_id, detail, a::text FROM audit_log a"
            " WHERE action = 'lead.changed'"
        )
        .fetchall()
    )
    assert (actor, subject) == ("owner-1", lead_id)
    assert detail == {
        "fields": ["name", "phone", "status"],
        "version": 2,
        "status": {"from": "received", "to": "won"},
    }
    assert "Planted" not in text
    assert "111" not in text


def test_only_managers_of_the_leads_dealership_change_it(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    lead_id = store_lead(database, dealership)
    path = f"/api/admin/leads/{lead_id}"

    assert admin("PATCH", path, {"rating": "Hot"}, claims=staff(dealership)).status == 403
    assert admin("PATCH", path, {"rating": "Hot"}, claims=owner(999)).status == 404
    assert admin("PATCH", f"/api/admin/leads/{uuid4()}", {"rating": "Hot"}).status == 404
    assert admin("PATCH", "/api/admin/leads/x", {"rating": "Hot"}).status == 404
    assert admin("PATCH", path, {"rating": "Hot"}, claims=owner(dealership)).status == 200


def test_an_erased_lead_takes_no_correction(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    lead_id = store_lead(database, dealership)
    database.connection().execute("UPDATE lead SET erased_at = now()")

    refused = admin("PATCH", f"/api/admin/leads/{lead_id}", {"name": "Back"})

    assert (refused.status, refused.body["type"]) == (409, "urn:forecourt:problem:lead-erased")
