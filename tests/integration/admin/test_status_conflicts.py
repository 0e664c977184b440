"""A lead's status changed here and at EasyCars: people see it and settle it."""

from typing import Any

import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.lead_desk import LeadDesk

ROUTE = "/api/admin/easycars/lead-sync-conflicts"


def conflict(desk: LeadDesk, local: str = "won", remote: int = 60) -> tuple[str, int]:
    """A delivered lead whose status is ``local`` here and was found to be ``remote`` there."""
    lead_id = desk.arrive()
    if local != "received":
        desk.patch(lead_id, {"status": local})
        desk.deliver(lead_id)
    row = desk.scene.one(
        "INSERT INTO lead_status_conflicts"
        " (dealership_id, lead_id, easycars_lead_number, local_status, remote_status)"
        " SELECT dealership_id, id, easycars_lead_number, status, %s FROM lead"
        " WHERE external_id = %s RETURNING id",
        remote,
        lead_id,
    )
    _ = desk.sent
    return lead_id, int(row["id"])


def settle(desk: LeadDesk, conflict_id: int, resolution: object, **options: Any) -> Any:
    body = {"resolution": resolution}
    return desk.admin("POST", f"{ROUTE}/{conflict_id}/resolve", body, **options)


def kind(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:forecourt:problem:")


def test_open_conflicts_are_listed_with_what_both_sides_say(desk: LeadDesk) -> None:
    assert desk.admin("GET", ROUTE).body["conflicts"] == []
    lead_id, conflict_id = conflict(desk, "won", 60)
    [number] = [lead["leadNumber"] for lead in desk.at_vendor(lead_id)]

    [shown] = desk.admin("GET", ROUTE, claims=staff(desk.dealership)).body["conflicts"]

    assert shown["detectedAt"].endswith("Z")
    assert {name: shown[name] for name in shown if name != "detectedAt"} == {
        "id": conflict_id, "dealershipId": desk.dealership, "leadId": lead_id,
        "easyCarsLeadNumber": number, "localStatus": "won", "remoteStatus": 60,
        "remoteStatusLabel": "lost", "isResolved": False, "resolution": None,
        "resolvedAt": None, "resolvedBy": None,
    }  # fmt: skip


def test_local_pushes_our_status_though_we_pushed_it_before(
    desk: LeadDesk, database: Database
) -> None:
    lead_id, conflict_id = conflict(desk, "won", 60)

    settled = settle(desk, conflict_id, "local", claims=owner(desk.dealership))
    desk.deliver(lead_id)

    assert (settled.status, settled.body["resolution"]) == (200, "local")
    assert settled.body["resolvedBy"] == "owner-1"
    [lead] = desk.at_vendor(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": lead["leadNumber"], "LeadStatus": 50})]
    shown = desk.admin("GET", f"/api/admin/leads/{lead_id}").body
    assert (shown["status"], shown["version"]) == ("won", 3)
    assert desk.admin("GET", ROUTE).body["conflicts"] == []
    [past] = desk.admin("GET", ROUTE, resolved="true").body["conflicts"]
    assert (past["id"], past["localStatus"]) == (conflict_id, "won")
    [(detail,)] = (
        database.connection()
        .execute("SELECT detail FROM audit_log WHERE action = 'lead.status_conflict_resolved'")
        .fetchall()
    )
    assert detail == {"conflict": conflict_id, "resolution": "local", "status": "won"}


def test_remote_takes_their_status_and_tells_them_nothing(desk: LeadDesk) -> None:
    lead_id, conflict_id = conflict(desk, "won", 60)

    settled = settle(desk, conflict_id, "remote")
    desk.deliver(lead_id)

    assert settled.status == 200
    assert desk.sent == []
    row = desk.scene.one(
        "SELECT status, version, last_known_easycars_status FROM lead WHERE external_id = %s",
        lead_id,
    )
    assert row == {"status": "lost", "version": 3, "last_known_easycars_status": 60}
    delivery = desk.scene.delivery_row(lead_id)
    assert (delivery["state"], delivery["delivered_version"]) == ("delivered", 3)


def test_other_changes_still_go_with_a_remote_status(desk: LeadDesk) -> None:
    lead_id, conflict_id = conflict(desk, "won", 60)
    desk.patch(lead_id, {"rating": "Hot"})

    settle(desk, conflict_id, "remote")
    desk.deliver(lead_id)

    [(_, fields)] = desk.sent
    assert set(fields) == {"LeadNumber", "Rating"}


@pytest.mark.parametrize(
    ("local", "remote", "resolution", "expected"),
    [
        ("won", 90, "local", (409, "deleted-is-final")),
        ("deleted", 30, "remote", (409, "deleted-is-final")),
        ("won", 45, "remote", (409, "unknown-status")),
    ],
)
def test_what_cannot_be_is_refused(
    desk: LeadDesk, local: str, remote: int, resolution: str, expected: tuple[int, str]
) -> None:
    lead_id, conflict_id = conflict(desk, local, remote)

    refused = settle(desk, conflict_id, resolution)

    assert kind(refused) == expected
    assert desk.admin("GET", f"/api/admin/leads/{lead_id}").body["status"] == local
    other = "remote" if resolution == "local" else "local"
    assert settle(desk, conflict_id, other).status == 200


def test_a_conflict_is_settled_once(desk: LeadDesk) -> None:
    _, conflict_id = conflict(desk)
    settle(desk, conflict_id, "remote")

    again = settle(desk, conflict_id, "local")

    assert kind(again) == (409, "already-resolved")


@pytest.mark.parametrize("resolution", ["both", None, 1, "superseded"])
def test_a_resolution_is_local_or_remote(desk: LeadDesk, resolution: object) -> None:
    _, conflict_id = conflict(desk)

    refused = settle(desk, conflict_id, resolution)

    assert (refused.status, refused.bad_fields) == (422, {"resolution"})


def test_only_managers_of_the_dealership_settle(desk: LeadDesk, admin: AdminClient) -> None:
    _, conflict_id = conflict(desk)

    assert admin("GET", ROUTE, claims=owner(999)).body["conflicts"] == []
    assert settle(desk, conflict_id, "local", claims=owner(999)).status == 404
    assert settle(desk, conflict_id, "local", claims=staff(desk.dealership)).status == 403
    assert settle(desk, 999_999, "local").status == 404
    assert admin("POST", f"{ROUTE}/x/resolve", {"resolution": "local"}).status == 404


def test_a_status_chosen_by_a_person_ends_the_conflict_and_is_pushed(desk: LeadDesk) -> None:
    lead_id, conflict_id = conflict(desk, "won", 60)
    desk.patch(lead_id, {"status": "in progress"})
    desk.patch(lead_id, {"status": "won"})
    desk.deliver(lead_id)

    [lead] = desk.at_vendor(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": lead["leadNumber"], "LeadStatus": 50})]
    [past] = desk.admin("GET", ROUTE, resolved="true").body["conflicts"]
    assert (past["id"], past["resolution"], past["resolvedBy"]) == (
        conflict_id, "superseded", "admin-1",
    )  # fmt: skip


def test_the_strategy_is_a_setting(admin: AdminClient, dealership: int) -> None:
    path = "/api/admin/settings"
    assert admin("GET", path).body["system"]["leadStatusConflictStrategy"] == "RemoteWins"

    for strategy in ("LocalWins", "ManualReview", "RemoteWins"):
        changed = admin("PUT", path, {"leadStatusConflictStrategy": strategy}).body
        assert changed["system"]["leadStatusConflictStrategy"] == strategy
    refused = admin("PUT", path, {"leadStatusConflictStrategy": "localwins"})

    assert (refused.status, refused.bad_fields) == (422, {"leadStatusConflictStrategy"})
    mine = admin("PUT", path, {"leadStatusConflictStrategy": "LocalWins"}, claims=owner(dealership))
    assert mine.status == 422
    assert admin("GET", path).body["system"]["leadStatusConflictStrategy"] == "RemoteWins"
