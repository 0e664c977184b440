"""``forecourt deliveries``: what became of each lead on its way to a CRM."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

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

app = typer.Typer(no_args_is_help=True, help="See and replay deliveries of leads.")

State = Literal["pending", "in_progress", "unconfirmed", "delivered", "failed"]


@app.command("list")
def list_(
    *,
    state: Annotated[State | None, typer.Option(help="Only deliveries in this state.")] = None,
    dealership: Annotated[int | None, typer.Option(help="Only this dealership's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many, newest first.")] = 50,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first.

    `failed` ones wait for a person (`deliveries retry ID`); `unconfirmed` ones may have reached
    the CRM without an answer, and are never sent again blindly.
    """
    query = {"state": state, "dealershipId": dealership, "limit": limit}
    found = StackTarget.find(data, stack).admin("GET", "/api/admin/deliveries", query=query)
    if as_json:
        print_json(found)
        return
    print_table(
        "Deliveries",
        ["id", "dealer", "target", "state", "number", "tries", "next try", "reason"],
        (
            (
                str(delivery["id"]),
                text(delivery["dealershipId"]),
                text(delivery["target"]),
                text(delivery["state"]),
                text(delivery.get("remoteId")),
                str(delivery["attempts"]),
                _next_try(delivery),
                text(delivery.get("lastErrorCode")),
            )
            for delivery in found["deliveries"]
        ),
        empty=f"No delivery is {state}." if state else "No delivery yet: no lead has arrived.",
    )
    if found["deliveries"]:
        console.print("The reason in full, and every try: forecourt deliveries show ID")


@app.command()
def show(
    delivery: Annotated[int, typer.Argument(metavar="ID", help="The delivery's id.")],
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one delivery and every try it had."""
    found = StackTarget.find(data, stack).admin("GET", f"/api/admin/deliveries/{delivery}")
    if as_json:
        print_json(found)
        return
    print_fields(
        {
            "delivery": found["id"],
            "lead": found["leadId"],
            "dealership": found["dealershipId"],
            "target": found["target"],
            "state": found["state"],
            "number there": found.get("remoteId"),
            "next try": _next_try(found),
            "code": found.get("lastErrorCode"),
            "reason": found.get("lastError"),
        }
    )
    print_table(
        "Tries",
        ["no.", "started", "what", "outcome", "code", "ms", "detail"],
        (
            (
                str(attempt["attemptNo"]),
                local_time(attempt["startedAt"]),
                text(attempt["operation"]),
                text(attempt["outcome"]),
                text(attempt.get("code")),
                text(attempt.get("latencyMs")),
                text(attempt.get("detail")),
            )
            for attempt in found.get("attemptHistory", [])
        ),
        empty="It has not been tried yet.",
    )


@app.command()
def retry(
    delivery: Annotated[int, typer.Argument(metavar="ID", help="The delivery's id.")],
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a failed delivery again now, after its cause is mended."""
    found = StackTarget.find(data, stack).admin("POST", f"/api/admin/deliveries/{delivery}/retry")
    if as_json:
        print_json(found)
    else:
        console.print(f"Delivery {delivery} is due now. See: forecourt deliveries show {delivery}")


def _next_try(delivery: dict[str, Any]) -> str:
    """Say when it is tried again; an unconfirmed one is not, until somebody has looked."""
    unconfirmed = delivery["state"] == "unconfirmed"
    return "by a person" if unconfirmed else local_time(delivery.get("nextAttemptAt"))
