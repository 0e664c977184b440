"""``forecourt dynamics push``, ``retry`` and ``status``: leads on their way to Dynamics 365."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget

_ROUTE = "/api/admin/dynamics"
_MEANINGS = {
    "queued": "goes out now; unchanged it costs no call",
    "in_progress": "a worker has it right now",
    "not_found": "there is no such lead",
    "spam": "spam is delivered nowhere",
    "erased": "its data was erased",
    "not_connected": "its dealership has no connection",
    "switched_off": "its dealership's connection is switched off",
}

_CURES = {
    "auth": "forecourt dynamics check DEALERSHIP says which value; saving it sends all",
    "permission": "mend the application user's role; saving the connection sends all",
    "configuration": "forecourt dynamics check DEALERSHIP; saving the connection sends all",
    "rate_limit": "nothing: tried again when Dynamics allows",
    "network": "nothing: tried again; one that is parked waits for its retry",
    "validation": "correct the lead, then retry it",
    "duplicate": "look at the record that is named, then retry",
    "gone": "retry makes a deleted one again; reactivate a closed one first",
    "unknown": "forecourt deliveries list, then show ID",
}
"""By the kinds of docs/dynamics.md."""


def push(
    leads: Annotated[list[str], typer.Argument(metavar="LEAD...", help="Ids of up to 500 leads.")],
    dealership: Annotated[int | None, typer.Option(help="Only if they are this one's.")] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Push leads to Dynamics 365 now, also such as were never pushed."""
    pushed = StackTarget.find(data, stack).admin(
        "POST", f"{_ROUTE}/push", query={"dealershipId": dealership}, body={"leadIds": leads}
    )
    if as_json:
        print_json(pushed)
        return
    print_table(
        "",
        ["lead", "state", "meaning"],
        (
            (text(one["leadId"]), text(one["status"]), text(_MEANINGS.get(one["status"])))
            for one in pushed["leads"]
        ),
        empty="No lead was named.",
    )
    counts = Counter(one["status"] for one in pushed["leads"])
    look = f" See how far they are: forecourt dynamics status --job {pushed['jobId']}"
    console.print(
        f"{counts['queued']} of {len(pushed['leads'])} queued.{look if counts['queued'] else ''}"
    )


def retry(
    lead: Annotated[str, typer.Argument(metavar="LEAD", help="The lead's id.")],
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try one lead again now, after its cause is mended.

    A lead that somebody deleted in Dynamics is created there again.
    """
    done = StackTarget.find(data, stack).admin("POST", f"{_ROUTE}/retry/{lead}")
    if as_json:
        print_json(done)
    else:
        console.print(
            f"Lead {text(done['leadId'])} is queued. "
            f"See what becomes of it: forecourt leads show {text(done['leadId'])}"
        )


def status(
    *,
    dealership: Annotated[int | None, typer.Option(help="Only this dealership's leads.")] = None,
    job: Annotated[str | None, typer.Option(help="Only what this push made due.")] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count leads by how far they are, and those in trouble by what kind of trouble it is."""
    found = StackTarget.find(data, stack).admin(
        "GET", f"{_ROUTE}/status", query={"dealershipId": dealership, "jobId": job}
    )
    if as_json:
        print_json(found)
        return
    print_status(found)


def print_status(found: dict[str, Any]) -> None:
    """Print counts as the admin API gave them, with what each kind of trouble asks for."""
    if not found["enabled"]:
        console.print("Pushing is switched off for the whole system; leads wait.")
    print_table(
        "1 lead" if found["total"] == 1 else f"{found['total']} leads",
        ["state", "leads"],
        ((text(state), str(count)) for state, count in found["states"].items()),
        empty="",
    )
    print_table(
        "In trouble",
        ["kind", "leads", "what to do"],
        (
            (text(kind), str(count), text(_CURES.get(kind)))
            for kind, count in found["errors"].items()
            if count
        ),
        empty="None is in trouble.",
    )
    if found["errorCodes"]:
        print_table(
            "By code",
            ["code", "leads"],
            ((text(code), str(count)) for code, count in found["errorCodes"].items()),
            empty="",
        )
