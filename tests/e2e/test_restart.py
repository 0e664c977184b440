"""A stack killed without warning and started again on the same data folder."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.e2e.running_stack import RunningStack, running_stack

if TYPE_CHECKING:
    from pathlib import Path

LEADS = 12


def add_dealer(stack: RunningStack) -> dict[str, Any]:
    dealer: dict[str, Any] = stack.json("dealership", "add", "--name", "O'Brien Motors")
    account = stack.simulator("accounts")["accounts"][0]
    stack.json(
        *("credentials", "set", dealer["id"]),
        *("--client-id", account["clientId"], "--client-secret", account["clientSecret"]),
        *("--account-number", account["accountNumber"]),
        *("--account-secret", account["accountSecret"], "--environment", "Test"),
    )
    return dealer


def post(stack: RunningStack, dealer: dict[str, Any], number: int) -> str:
    body = {"name": f"Person {number}", "email": f"person{number}@example.com"}
    answer = stack.post_lead(dealer["siteKey"], body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["leadId"])


def wait_for_lead(stack: RunningStack, lead_ids: set[str], *, states: set[str]) -> None:
    """Wait until each of the leads has a row and a delivery in one of the states."""
    until = time.monotonic() + 40
    while True:
        rows = stack.rows(
            "SELECT lead.external_id::text AS id, lead_delivery.state FROM lead"
            " JOIN lead_delivery ON lead_delivery.lead_id = lead.id"
        )
        if lead_ids <= {row["id"] for row in rows if row["state"] in states}:
            return
        assert time.monotonic() < until, rows
        time.sleep(0.2)


def test_killed_in_the_middle_of_work_it_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running_stack(data) as stack:
        dealer = add_dealer(stack)
        accepted = {post(stack, dealer, number) for number in range(LEADS)}
        stack.process.kill()
        stack.process.wait()

    with running_stack(data) as stack:
        # A create that was under way when the stack died waits for its lease, then for a probe.
        wait_for_lead(stack, accepted, states={"delivered", "unconfirmed", "in_progress"})
        after = post(stack, dealer, LEADS)
        wait_for_lead(stack, {after}, states={"delivered"})

        held = Counter(lead["fields"]["ExternalID"] for lead in stack.simulator("leads")["leads"])
        delivered = stack.rows(
            "SELECT external_id::text AS id FROM lead JOIN lead_delivery"
            " ON lead_delivery.lead_id = lead.id WHERE state = 'delivered'"
        )
        assert set(held.values()) == {1}
        assert {row["id"] for row in delivered} <= set(held)
