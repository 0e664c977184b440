"""Removals a run only proposed: shown, counted, and accepted by a person."""

import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import AwsAccount
from tests.support.started_runs import (
    EASYCARS,
    STOCK,
    acceptances,
    add_proposal,
    add_run,
    executions,
    kind_of,
)


def test_what_a_run_proposed_is_shown_vehicle_by_vehicle(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    database.connection().execute(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, title,"
        " status, easycars_stock_number)"
        " VALUES (%s, 'Toyota', 'Hilux', 2020, 1, 1, 'used', 'Hilux', 'active', 'S2')",
        (dealership,),
    )
    first = add_proposal(database, dealership, "S1")
    log_id = add_proposal(database, dealership, "S2", "S3")
    add_run(database, dealership, status="Failed")
    add_run(database, dealership, sync_type="Lead")

    shown = admin("GET", f"{EASYCARS}/sync/logs/{log_id}", claims=staff(dealership)).body
    earlier = admin("GET", f"{EASYCARS}/sync/logs/{first}").body

    proposed = shown["proposedRemovals"]
    assert (proposed["total"], proposed["canBeAccepted"]) == (2, True)
    assert [(v["stockNumber"], v["title"], v["status"]) for v in proposed["vehicles"]] == [
        ("S2", "Hilux", "active"),
        ("S3", None, None),
    ]
    assert earlier["proposedRemovals"]["canBeAccepted"] is False
    plain = add_run(database, dealership)
    assert admin("GET", f"{EASYCARS}/sync/logs/{plain}").body["proposedRemovals"] == {
        "total": 0,
        "canBeAccepted": False,
        "vehicles": [],
    }


def test_an_accepted_proposal_starts_a_run_that_says_so_and_is_written_down(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    log_id = add_proposal(database, connected, "S1", "S2")

    started = admin("POST", STOCK, {"acceptRemovals": True}, claims=owner(connected))

    assert started.status == 202
    assert "2 vehicles" in started.body["message"]
    job_id = started.body["jobId"]
    assert executions(account)[job_id]["acceptRemovals"] == log_id
    assert acceptances(database) == [
        (
            "owner-1",
            connected,
            "sync_log",
            str(log_id),
            {"jobId": job_id, "stockNumbers": ["S1", "S2"]},
        )
    ]


def test_what_a_person_saw_is_accepted_as_long_as_nothing_else_was_proposed(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    seen = add_proposal(database, connected, "S1")
    newest = add_proposal(database, connected, "S1", "S2")

    late = admin("POST", STOCK, {"acceptRemovals": True, "logId": seen}, claims=owner(connected))
    timely = admin(
        "POST", STOCK, {"acceptRemovals": True, "logId": newest}, claims=owner(connected)
    )

    assert kind_of(late) == (409, "proposal-changed")
    assert str(newest) in late.body["detail"]
    assert timely.status == 202
    [(_, _, _, subject, _)] = acceptances(database)
    assert subject == str(newest)
    assert [one["acceptRemovals"] for one in executions(account).values()] == [newest]


def test_removals_that_wait_stand_in_the_status(
    admin: AdminClient, connected: int, database: Database
) -> None:
    path = f"{EASYCARS}/sync/status"
    nothing = {"logId": None, "total": 0}
    assert admin("GET", path, dealershipId=connected).body["proposedRemovals"] == nothing
    log_id = add_proposal(database, connected, "S1", "S2")
    add_run(database, connected, status="Failed")
    shown = admin("GET", path, claims=staff(connected)).body["proposedRemovals"]
    assert shown == {"logId": log_id, "total": 2}
    add_run(database, connected)
    assert admin("GET", path, dealershipId=connected).body["proposedRemovals"] == nothing


@pytest.mark.parametrize("runs", ["none", "a clean one since", "another dealership's"])
def test_without_a_proposal_there_is_nothing_to_accept(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database, runs: str
) -> None:
    if runs == "a clean one since":
        add_proposal(database, connected, "S1")
        add_run(database, connected)
    if runs == "another dealership's":
        other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
        add_proposal(database, other, "S1")

    refused = admin("POST", STOCK, {"acceptRemovals": True}, claims=owner(connected))

    assert (refused.status, refused.body["type"]) == (
        409,
        "urn:forecourt:problem:nothing-proposed",
    )
    assert executions(account) == {}
    assert acceptances(database) == []


def test_only_a_manager_accepts_and_only_with_a_body_that_is_understood(
    admin: AdminClient, connected: int, account: AwsAccount, database: Database
) -> None:
    add_proposal(database, connected, "S1")

    assert admin("POST", STOCK, {"acceptRemovals": True}, claims=staff(connected)).status == 403
    for body, field in (
        ({"acceptRemovals": "yes"}, "acceptRemovals"),
        ({"force": True}, "force"),
        ({"logId": 1}, "logId"),
        ({"acceptRemovals": True, "logId": 0}, "logId"),
    ):
        refused = admin("POST", STOCK, body, claims=owner(connected))
        assert (refused.status, refused.bad_fields) == (422, {field})

    assert executions(account) == {}
    assert acceptances(database) == []
