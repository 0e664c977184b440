"""The demonstration's websites: leads posted, refused, and found again in both CRMs."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx

from local.commands.demo_scene import Checks, Dealer, step
from local.commands.output import console, print_table, text
from local.failures import StackError

if TYPE_CHECKING:
    from local.commands.target import StackTarget
    from local.stack import Stack

_SETTLE_SECONDS = 60.0
_SHOWN_VEHICLE = ("Year", "Make", "Model")
_ACCEPTED = 202
_UNPROCESSABLE = 422


def _leads(dealers: list[Dealer], stock_number: str) -> list[tuple[Dealer, dict[str, Any], str]]:
    """Return the leads to post: dealership, body, and what is special about each."""
    first, second, third = dealers[:3]
    return [
        (
            first,
            {
                "name": "Aoife O'Sullivan",
                "email": "aoife@example.com",
                "phone": "0412 345 678",
                "message": "Is it still there? I'd like a test drive on Saturday.",
                "stockNumber": stock_number,
                "vehicleInterest": "TestDrive",
                "financeStatus": "Maybe",
                "rating": "Hot",
            },
            f"about stock number {stock_number}",
        ),
        (
            second,
            {
                "name": "Jürgen Größ",
                "email": "jürgen@example.com".replace("ü", "ue"),
                "phone": "+61 2 9876 5432",
                "message": "Guten Tag 🚗, ich suche einen Kombi.",
            },
            "no vehicle, ü and an emoji",
        ),
        (
            third,
            {
                "name": "N" * 150,
                "email": "long.name@example.com",
                "phone": "0399990000",
                "message": "A name of 150 characters; EasyCars holds 100.",
                "stockNumber": "ADDED-TODAY-7",
            },
            "150-character name, new stock",
        ),
    ]


def play_leads(target: StackTarget, stack: Stack, dealers: list[Dealer], checks: Checks) -> None:
    """Let websites post leads, and look for them in both CRMs."""
    step("Websites post leads, one of them twice, and one that is bad")
    posted: dict[str, str] = {}
    listed = target.admin(
        "GET", "/api/admin/vehicles", query={"dealershipId": dealers[0].dealership_id}
    )
    stock_number = listed["vehicles"][0]["stockNumber"]
    with httpx.Client(base_url=stack.url, timeout=30) as website:
        for dealer, body, special in _leads(dealers, stock_number):
            headers = {
                "X-Site-Key": dealer.site_key,
                "Idempotency-Key": f"demo-{dealer.dealership_id}",
            }
            for _ in range(2 if dealer is dealers[2] else 1):
                answer = website.post("/api/leads", json=body, headers=headers)
                console.print(f"  {answer.status_code}  {text(dealer.name)}: {text(special)}")
                if answer.status_code != _ACCEPTED:
                    message = f"The lead {special} was refused: {answer.text}"
                    raise StackError(message)
                posted[answer.json()["leadId"]] = dealer.account["accountNumber"]
        refused = website.post(
            "/api/leads",
            json={"name": "", "email": "not an address", "colour": "red"},
            headers={"X-Site-Key": dealers[0].site_key},
        )
        problem = refused.json()
        console.print(f"  {refused.status_code}  {text(problem['title'])}")
        for fault in problem["errors"]:
            console.print(f"         {text(fault['field'])}: {text(fault['message'])}")
        checks.expect("a bad lead is refused", _UNPROCESSABLE, refused.status_code)

    step("They are delivered")
    delivered = _wait_delivered(target, {"EasyCars": len(posted), "Dynamics": 1})
    held = httpx.get(f"{stack.easycars_url}/_control/leads", timeout=10).json()["leads"]
    account_of = {lead["fields"]["ExternalID"]: lead["account"] for lead in held}
    print_table(
        "EasyCars now holds",
        ["account", "LeadNumber", "customer", "vehicle"],
        (
            (
                text(lead["account"]),
                text(lead["leadNumber"]),
                text(lead["customer"]["Name"][:40]),
                text(" ".join(str(lead["fields"][f"Vehicle{key}"]) for key in _SHOWN_VEHICLE)),
            )
            for lead in held
        ),
        empty="nothing",
    )
    checks.expect("leads accepted", 3, len(posted))
    checks.expect("leads delivered", 3, delivered["EasyCars"])
    checks.expect("leads in EasyCars, none twice", 3, len(held))
    right = sum(account_of.get(lead_id) == account for lead_id, account in posted.items())
    checks.expect("leads in their own dealership's account", 3, right)
    mine = next(lead for lead in held if lead["account"] == dealers[0].account["accountNumber"])
    checks.expect("a lead hangs on its vehicle", stock_number, mine["stockNumber"])
    _compare_with_dynamics(stack.dynamics_url, held, checks)


def _compare_with_dynamics(
    dynamics_url: str, in_easycars: list[dict[str, Any]], checks: Checks
) -> None:
    """Show the lead of the dealership that has both CRMs, side by side."""
    held = httpx.get(f"{dynamics_url}/_control/leads", timeout=10).json()["leads"]
    by_id = {lead["values"].get("hnt_forecourtid"): lead for lead in held}
    print_table(
        "The same leads in both CRMs",
        ["customer", "EasyCars", "Dynamics 365", "subject there"],
        (
            (
                text(lead["customer"]["Name"][:40]),
                text(lead["leadNumber"]),
                text(found["leadId"] if found else None),
                text(found["values"]["subject"] if found else None),
            )
            for lead in in_easycars
            for found in [by_id.get(lead["fields"]["ExternalID"])]
        ),
        empty="nothing",
    )
    both = sum(lead["fields"]["ExternalID"] in by_id for lead in in_easycars)
    checks.expect("leads in Dynamics 365, none twice", 1, len(held))
    checks.expect("leads in both CRMs", 1, both)


def _wait_delivered(target: StackTarget, expected: dict[str, int]) -> Counter[str]:
    """Wait until so many leads were delivered to each CRM; count those that were."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        listed = target.admin("GET", "/api/admin/deliveries", query={"state": "delivered"})
        counts = Counter(one["target"] for one in listed["deliveries"])
        if counts >= Counter(expected) or time.monotonic() > deadline:
            return counts
        time.sleep(0.3)
