"""``forecourt leads``: leads as they are here, and their status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import quote

import typer

from local.commands import delivery_story
from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    local_time,
    print_fields,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget

app = typer.Typer(no_args_is_help=True, help="See leads and set their status.")

Status = Literal["received", "in-progress", "won", "lost", "deleted"]
LeadArgument = Annotated[
    str, typer.Argument(metavar="LEAD", help="The lead's id, as the website was given it.")
]


@app.command("list")
def list_(
    *,
    status: Annotated[Status | None, typer.Option(help="Only leads of this status.")] = None,
    spam: Annotated[
        bool | None, typer.Option("--spam/--no-spam", help="Only spam, or none of it.")
    ] = None,
    dealership: Annotated[int | None, typer.Option(help="Only this dealership's.")] = None,
    page: Annotated[int, typer.Option(min=1, help="Which page; from 1.")] = 1,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List leads, newest first, 50 a page."""
    query = {
        "status": _word(status),
        "spam": None if spam is None else str(spam).lower(),
        "dealershipId": dealership,
        "page": page,
        "pageSize": 50,
    }
    found = StackTarget.find(data, stack).admin("GET", "/api/admin/leads", query=query)
    if as_json:
        print_json(found)
    else:
        print_leads(found, now=datetime.now(UTC))


@app.command()
def show(
    lead: LeadArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one lead and its deliveries. What the visitor wrote is personal data."""
    found = StackTarget.find(data, stack).admin("GET", _path(lead))
    if as_json:
        print_json(found)
    else:
        print_lead(found, now=datetime.now(UTC))


@app.command()
def set_status(
    *,
    lead: LeadArgument,
    status: Annotated[Status, typer.Argument(metavar="STATUS", help="The new status.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="Refuse if the lead is not at this version any more.")
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a lead's status here and at EasyCars: received, in-progress, won, lost or deleted.

    A deleted lead stays deleted, on both sides.
    """
    body: dict[str, Any] = {"status": _word(status)}
    if version is not None:
        body["version"] = version
    found = StackTarget.find(data, stack).admin("PATCH", _path(lead), body=body)
    if as_json:
        print_json(found)
    elif found["changed"]:
        console.print(f"{found['status']} since version {found['version']}.", highlight=False)
        for delivery in found["deliveries"]:
            said = delivery_story.what_next(delivery, datetime.now(UTC))
            console.print(f"{delivery['target']}: {text(said)}", highlight=False)
    else:
        console.print(f"It is {found['status']} already. Nothing was changed.")


def print_leads(found: dict[str, Any], *, now: datetime) -> None:
    """Print a page of leads as the admin API gave it."""
    page = found["pagination"]
    print_table(
        f"Leads, page {page['currentPage']} of {page['totalPages']}",
        ["lead", "dealer", "age", "status", "number"],
        (
            (
                f"{text(lead['leadId'])}\n{text(_line(lead))}",
                str(lead["dealershipId"]),
                delivery_story.age(lead, now),
                text(lead["status"]),
                text(lead.get("easyCarsLeadNumber")),
            )
            for lead in found["leads"]
        ),
        empty="No lead.",
    )


def print_lead(lead: dict[str, Any], *, now: datetime) -> None:
    """Print one lead as the admin API gave it."""
    print_fields(
        {
            "lead": lead["leadId"],
            "dealership": lead["dealershipId"],
            "received": local_time(lead["receivedAt"]),
            "status": f"{lead['status']} (version {lead['version']})",
            "name": lead["name"],
            "email": lead["email"],
            "phone": lead["phone"],
            "message": lead["message"],
            "company": _company(lead.get("company") or {}),
            "consent": _consent(lead.get("consent")),
            "spam": "yes, delivered nowhere" if lead["spam"] else "no",
            "same Idempotency-Key": ", ".join(lead["sameIdempotencyKey"]),
        }
    )
    for delivery in lead["deliveries"]:
        happened = delivery_story.what_happened(delivery, now)
        console.print(f"\n{text(happened)}", highlight=False)
        console.print(f"See: forecourt deliveries show {delivery['id']}", highlight=False)
    if not lead["deliveries"]:
        console.print("\nIt is delivered nowhere.")
    if lead.get("d365LeadUrl"):
        page = text(lead["d365LeadUrl"])
        console.print(f"Its page in Dynamics: {page}", highlight=False, soft_wrap=True)


def _line(lead: dict[str, Any]) -> str:
    """Say whose lead it is, where it stands with EasyCars, and what is odd about it."""
    marks = {"spam": lead["spam"], "same key as another": lead["sharesIdempotencyKey"]}
    odd = [name for name, holds in marks.items() if holds]
    return " · ".join([lead["name"], *filter(None, [lead.get("easyCarsState")]), *odd])


def _company(company: dict[str, Any]) -> str:
    return "\n".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in company.items()
    )


def _consent(consent: dict[str, Any] | None) -> str:
    """Say what the visitor agreed to; nothing said is not yes."""
    if consent is None:
        return "unknown"
    words = f": {consent['text']}" if consent.get("text") else ""
    return f"marketing {'yes' if consent.get('marketing') is True else 'no'}{words}"


def _word(status: str | None) -> str | None:
    return None if status is None else status.replace("-", " ")


def _path(lead: str) -> str:
    return f"/api/admin/leads/{quote(lead, safe='')}"
