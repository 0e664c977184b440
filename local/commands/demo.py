"""``forecourt demo``: the main job played on this machine, and checked while it plays."""

from __future__ import annotations

import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx

from local.commands.demo_leads import play_leads
from local.commands.demo_scene import Checks, Dealer, step
from local.commands.output import console, print_table, text
from local.commands.sync import record_counts, run_sync
from local.commands.target import StackTarget
from local.failures import StackError
from local.stack_options import StackOptions

_DEALERSHIPS = ("O'Brien Motors", "Autohaus Müller", "Northside Boats & Caravans", "Harbour City")


def demo() -> None:
    """Play the main job: leads delivered to two CRMs, a night's stock, one dealership failing.

    Everything runs on this machine on free ports, in a temporary folder: the real handlers, a
    real PostgreSQL, the real state machine, and strict simulators in the place of EasyCars and
    of Dynamics 365, which one of the dealerships has besides.
    """
    from local.stack import Stack  # noqa: PLC0415 - half the start of every other command

    started = time.monotonic()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="forecourt-demo-") as folder:
        step("Starting the stack")
        options = StackOptions(data=Path(folder), port=0)
        with Stack(options, report=lambda line: console.print(f"  {text(line)}")) as stack:
            target = StackTarget.find(stack.data, None)
            dealers = _set_up(target, stack.easycars_url)
            created = _play_first_night(target, dealers, checks)
            _connect_to_dynamics(target, stack.dynamics_url, dealers[0], checks)
            play_leads(target, stack, dealers, checks)
            _play_second_night(target, dealers, checks, created)
            step("Stopping the stack")
    step(f"What was promised and what was seen ({time.monotonic() - started:.0f} s)")
    print_table(
        "",
        ["promise", "expected", "seen", ""],
        (
            (text(what), text(expected), text(seen), "ok" if expected == seen else "[red]NO[/red]")
            for what, expected, seen in checks.rows
        ),
        empty="",
    )
    if checks.broken:
        message = f"The demonstration did not show: {'; '.join(checks.broken)}."
        raise StackError(message)


def _set_up(target: StackTarget, easycars_url: str) -> list[Dealer]:
    step("Four dealerships with encrypted EasyCars credentials, one of them wrong")
    accounts = httpx.get(f"{easycars_url}/_control/accounts", timeout=10).json()["accounts"]
    dealers = []
    for name, account in zip(_DEALERSHIPS, accounts, strict=False):
        added = target.admin("POST", "/api/admin/dealerships", body={"name": name, "origins": []})
        wrong = name == _DEALERSHIPS[-1]
        target.admin(
            "POST",
            "/api/admin/easycars/credentials",
            query={"dealershipId": added["id"]},
            body={
                "clientId": account["clientId"],
                "clientSecret": str(uuid.uuid4()) if wrong else account["clientSecret"],
                "accountNumber": account["accountNumber"],
                "accountSecret": account["accountSecret"],
                "environment": "Test",
            },
        )
        dealers.append(Dealer(added["id"], name, added["siteKey"], account))
        console.print(f"  {added['id']}  {text(name)}{'  (wrong client secret)' if wrong else ''}")
    return dealers


def _connect_to_dynamics(
    target: StackTarget, dynamics_url: str, dealer: Dealer, checks: Checks
) -> None:
    step(f"{dealer.name} has Dynamics 365, too: connect and check")
    accounts = httpx.get(f"{dynamics_url}/_control/accounts", timeout=10).json()["accounts"]
    query = {"dealershipId": dealer.dealership_id}
    names = ("environmentUrl", "tenantId", "clientId", "clientSecret")
    target.admin(
        "PUT",
        "/api/admin/dynamics/connection",
        query=query,
        body={name: accounts[0][name] for name in names},
    )
    report = target.admin("POST", "/api/admin/dynamics/connection/check", query=query)
    for line in report["lines"]:
        console.print(f"  {text(line['result']):8} {text(line['name'])}: {text(line['detail'])}")
    checks.expect("the check of Dynamics passes", True, report["ok"])


def _play_first_night(target: StackTarget, dealers: list[Dealer], checks: Checks) -> int:
    job = _play_night(target, "first", dealers, checks)
    created = sum(int(found["created"]) for found in job["dealerships"])
    vehicles = sum(
        target.admin("GET", "/api/admin/vehicles", query={"dealershipId": dealer.dealership_id})[
            "pagination"
        ]["totalRecords"]
        for dealer in dealers
    )
    checks.expect("first night: vehicles in PostgreSQL", created, vehicles)
    checks.expect("first night: vehicles arrived", True, created > 0)
    return created


def _play_second_night(
    target: StackTarget, dealers: list[Dealer], checks: Checks, created: int
) -> None:
    job = _play_night(target, "second", dealers, checks)
    for count, expected in (("created", 0), ("updated", 0), ("unchanged", created)):
        seen = sum(found[count] for found in job["dealerships"])
        checks.expect(f"second night: vehicles {count}", expected, seen)


def _play_night(
    target: StackTarget, night: str, dealers: list[Dealer], checks: Checks
) -> dict[str, Any]:
    step(f"The {night} nightly run, through the state machine")
    job = run_sync(target, "stock", [], quiet=False)
    print_table(
        "",
        ["dealership", "result", "vehicles", "reason"],
        (
            (
                text(found["name"]),
                text(found["status"]),
                text(record_counts(found)),
                text(found["error"]),
            )
            for found in job["dealerships"]
        ),
        empty="no dealership was planned",
    )
    failed = [found["name"] for found in job["dealerships"] if found["status"] == "Failed"]
    checks.expect(f"{night} night: dealerships synced", len(dealers) - 1, job["succeeded"])
    checks.expect(f"{night} night: failed alone", dealers[-1].name, ", ".join(failed))
    return job
