"""``forecourt demo``: the main job played on this machine, and checked while it plays."""

from __future__ import annotations

import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.rule import Rule

from local.commands.output import console, print_table, text
from local.commands.sync import record_counts, run_sync
from local.commands.target import StackTarget
from local.failures import StackError
from local.stack_options import StackOptions

_DEALERSHIPS = ("O'Brien Motors", "Autohaus Müller", "Northside Boats & Caravans", "Harbour City")
_SETTLE_SECONDS = 60.0
_SHOWN_VEHICLE = ("Year", "Make", "Model")
_ACCEPTED = 202
_UNPROCESSABLE = 422


@dataclass(slots=True)
class Checks:
    """What the demonstration promised and what was seen; it succeeds only if all agree."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def expect(self, what: str, expected: object, seen: object) -> None:
        """Note one promise and whether it was kept."""
        self.rows.append((what, str(expected), str(seen)))

    @property
    def broken(self) -> list[str]:
        """Name the promises that were not kept."""
        return [what for what, expected, seen in self.rows if expected != seen]


@dataclass(frozen=True, slots=True)
class Dealer:
    """One dealership of the demonstration and the vendor's account it uses."""

    dealership_id: int
    name: str
    site_key: str
    account: dict[str, Any]


def demo() -> None:
    """Play the main job: leads delivered, a night's stock, one dealership failing alone.

    Everything runs on this machine on free ports, in a temporary folder: the real handlers, a
    real PostgreSQL, the real state machine, and a strict simulator in the place of EasyCars.
    """
    from local.stack import Stack  # noqa: PLC0415 - half the start of every other command

    started = time.monotonic()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="forecourt-demo-") as folder:
        _step("Starting the stack")
        options = StackOptions(data=Path(folder), port=0)
        with Stack(options, report=lambda line: console.print(f"  {text(line)}")) as stack:
            target = StackTarget.find(stack.data, None)
            dealers = _set_up(target, stack.easycars_url)
            created = _play_first_night(target, dealers, checks)
            _play_leads(target, stack.url, stack.easycars_url, dealers, checks)
            _play_second_night(target, dealers, checks, created)
            _step("Stopping the stack")
    _step(f"What was promised and what was seen ({time.monotonic() - started:.0f} s)")
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


def _step(title: str) -> None:
    console.print(Rule(text(title), align="left"))


def _set_up(target: StackTarget, easycars_url: str) -> list[Dealer]:
    _step("Four dealerships with encrypted EasyCars credentials, one of them wrong")
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


def _play_leads(
    target: StackTarget, url: str, easycars_url: str, dealers: list[Dealer], checks: Checks
) -> None:
    _step("Websites post leads, one of them twice, and one that is bad")
    posted: dict[str, str] = {}
    listed = target.admin(
        "GET", "/api/admin/vehicles", query={"dealershipId": dealers[0].dealership_id}
    )
    stock_number = listed["vehicles"][0]["stockNumber"]
    with httpx.Client(base_url=url, timeout=30) as website:
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

    _step("They are delivered")
    delivered = _wait_delivered(target, len(posted))
    held = httpx.get(f"{easycars_url}/_control/leads", timeout=10).json()["leads"]
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
    checks.expect("leads delivered", 3, delivered)
    checks.expect("leads in EasyCars, none twice", 3, len(held))
    right = sum(account_of.get(lead_id) == account for lead_id, account in posted.items())
    checks.expect("leads in their own dealership's account", 3, right)
    mine = next(lead for lead in held if lead["account"] == dealers[0].account["accountNumber"])
    checks.expect("a lead hangs on its vehicle", stock_number, mine["stockNumber"])


def _wait_delivered(target: StackTarget, expected: int) -> int:
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        listed = target.admin("GET", "/api/admin/deliveries", query={"state": "delivered"})
        count = len(listed["deliveries"])
        if count >= expected or time.monotonic() > deadline:
            return count
        time.sleep(0.3)


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
    _step(f"The {night} nightly run, through the state machine")
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
