"""Runs a person steers from the command line, on a stack of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("control") / "data") as running:
        yield running


def enrol(stack: RunningStack, number: int) -> int:
    """Add a dealership with the simulator's account of that number."""
    account = stack.simulator("accounts")["accounts"][number]
    added = stack.json("dealership", "add", "--name", account["name"])
    stack.json(
        *("credentials", "set", added["id"], "--environment", "Test"),
        *("--client-id", account["clientId"], "--client-secret", account["clientSecret"]),
        *("--account-number", account["accountNumber"]),
        *("--account-secret", account["accountSecret"]),
    )
    return int(added["id"])


def sold(stack: RunningStack, dealership: int) -> int:
    [row] = stack.rows(
        "SELECT count(*) FROM vehicle WHERE dealership_id = %s AND status = 'sold'"
        " AND removed_from_feed_at IS NOT NULL",
        dealership,
    )
    return int(row["count"])


def test_removals_that_were_held_are_accepted_by_name(stack: RunningStack) -> None:
    dealership = enrol(stack, 0)
    stack.json("sync", "stock", "--dealership", dealership)
    stack.rows(
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, title,"
        " easycars_stock_number, data_source, source_scope, content_hash)"
        " SELECT v.dealership_id, make, model, year, price, mileage, condition, title, 'GONE' || n,"
        " data_source, source_scope, content_hash FROM (SELECT * FROM vehicle WHERE"
        " dealership_id = %s ORDER BY id LIMIT 1) v, generate_series(1, 500) n RETURNING id",
        dealership,
    )
    stack.json("sync", "stock", "--dealership", dealership)
    assert sold(stack, dealership) == 0

    late = stack.run("sync", "stock", "--dealership", dealership, "--accept-removals", "--log", 1)
    unnamed = stack.run("sync", "stock", "--accept-removals")
    accepted = stack.run("sync", "stock", "--dealership", dealership, "--accept-removals")

    assert (unnamed.returncode, "--dealership ID" in unnamed.stderr) == (1, True)
    assert accepted.returncode == 0, accepted.stderr
    assert "500 vehicles" in accepted.stderr
    assert "GONE1 " in accepted.stderr
    assert "… and 480 more" in accepted.stderr
    assert (late.returncode, "proposed other removals" in late.stderr) == (1, True)
    assert sold(stack, dealership) == 500
    again = stack.run("sync", "stock", "--dealership", dealership, "--accept-removals")
    assert (again.returncode, "nothing to accept" in again.stderr) == (1, True)


def test_only_what_failed_in_a_job_is_run_again(stack: RunningStack) -> None:
    well, failing = enrol(stack, 1), enrol(stack, 2)
    number = stack.simulator("accounts")["accounts"][2]["accountNumber"]
    stack.play_fault(
        {"fault": "code", "code": 7, "operation": "GetAdvertisementStocks", "account": number}
    )
    named = ("--dealership", well, "--dealership", failing)
    night = stack.json("sync", "stock", *named, exit_code=1)
    assert [one["dealershipId"] for one in night["failures"]] == [failing]

    mixed = stack.run("sync", "stock", "--failed-of", night["jobId"], "--dealership", well)
    repaired = stack.json("sync", "stock", "--failed-of", night["jobId"])

    assert (mixed.returncode, "--failed-of" in mixed.stderr) == (1, True)
    assert (repaired["planned"], repaired["succeeded"], repaired["failed"]) == (1, 1, 0)
    ran = stack.rows(
        "SELECT dealership_id FROM easycars_sync_logs WHERE job_id = %s", repaired["jobId"]
    )
    assert ran == [{"dealership_id": failing}]
    again = stack.run("sync", "stock", "--failed-of", repaired["jobId"])
    assert (again.returncode, "No dealership failed" in again.stderr) == (1, True)
