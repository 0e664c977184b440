"""``forecourt deliveries``: what became of each lead on its way, and what people decide."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

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
from local.failures import StackError

app = typer.Typer(no_args_is_help=True, help="See deliveries of leads, and decide about them.")

State = Literal["pending", "in_progress", "unconfirmed", "delivered", "failed"]
DeliveryArgument = Annotated[
    int, typer.Argument(metavar="ID", min=1, help="The delivery's id, as `deliveries list` shows.")
]

_WIDEST_ID = 20

_DOUBLED = (
    "If EasyCars has the lead of delivery {} after all, sending it again makes a second one there "
    "for the dealer's staff to find."
)


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
    """List deliveries, last changed first.

    `pending` ones are tried by themselves, `unconfirmed` ones may have reached the CRM without an
    answer and are searched there, `failed` ones wait for a person.
    """
    query = {"state": state, "dealershipId": dealership, "limit": limit}
    found = StackTarget.find(data, stack).admin("GET", "/api/admin/deliveries", query=query)
    if as_json:
        print_json(found)
    else:
        print_deliveries(found["deliveries"], state, now=datetime.now(UTC))


@app.command()
def show(
    delivery: DeliveryArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one delivery: what happened, what happens next, what to type, and every try it had."""
    found = StackTarget.find(data, stack).admin("GET", f"/api/admin/deliveries/{delivery}")
    if as_json:
        print_json(found)
    else:
        print_delivery(found, now=datetime.now(UTC))


@app.command()
def retry(
    delivery: DeliveryArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a failed delivery again now, after its cause is mended."""
    _act(delivery, "retry", None, data, stack, as_json=as_json)


@app.command()
def resolve(
    delivery: DeliveryArgument,
    number: Annotated[
        str, typer.Option(help="The lead's number as EasyCars writes it, with its zeros.")
    ],
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which number in EasyCars a lead has of which nobody knew whether it arrived.

    EasyCars is asked first: a number it does not show, or shows as another lead, is refused.
    """
    _act(delivery, "resolve", {"number": number}, data, stack, as_json=as_json)


@app.command()
def resend(
    delivery: DeliveryArgument,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it without asking: you have looked in EasyCars.")
    ] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a lead again of which nobody knows whether it arrived, or to the new account.

    If EasyCars has it after all, it is there twice. Look first: `deliveries show ID` says what for.
    """
    if not yes:
        _confirm_resend(delivery, is_for_a_person=sys.stdin.isatty() and not as_json)
    _act(delivery, "resend", None, data, stack, as_json=as_json)


def print_deliveries(deliveries: list[dict[str, Any]], state: str | None, *, now: datetime) -> None:
    """Print a list as the admin API gave it."""
    print_table(
        "Deliveries",
        ["id", "dealership", "CRM, number", "state, code", "age", "next"],
        (
            (
                str(delivery["id"]),
                text(f"{delivery['dealershipId']} {delivery['dealershipName']}"),
                _stacked(delivery["target"], _short(delivery.get("remoteId"))),
                _stacked(delivery["state"], delivery.get("lastErrorCode")),
                delivery_story.age(delivery, now),
                delivery_story.next_step(delivery, now),
            )
            for delivery in deliveries
        ),
        empty=f"No delivery is {state}." if state else "No delivery yet: no lead has arrived.",
    )
    if deliveries:
        console.print("What happened, what is next, what to do: forecourt deliveries show ID")


def _outcome(attempt: dict[str, Any]) -> str:
    code, outcome = attempt.get("code"), attempt["outcome"] or "under way"
    return _stacked(f"{outcome}, {code}" if code else outcome, attempt.get("detail"))


def _stacked(first: str, second: str | None) -> str:
    return text(f"{first}\n{second}" if second else first)


def _short(remote_id: str | None) -> str | None:
    """Cut what Dynamics calls a record to what tells two apart; EasyCars' numbers are short."""
    return remote_id if remote_id is None or len(remote_id) <= _WIDEST_ID else f"{remote_id[:8]}…"


def print_delivery(delivery: dict[str, Any], *, now: datetime) -> None:
    """Print one delivery as the admin API gave it."""
    print_fields(
        {
            "delivery": delivery["id"],
            "lead": f"{delivery['leadId']} (arrived {delivery_story.age(delivery, now)} ago)",
            "dealership": f"{delivery['dealershipId']} {delivery['dealershipName']}",
            "target": delivery["target"],
            "state": delivery["state"],
            f"{delivery_story.name_of_id(delivery)} there": delivery.get("remoteId"),
            "version": f"{delivery.get('deliveredVersion') or 'none'} delivered, "
            f"{delivery['wantedVersion']} wanted",
            "happened": delivery_story.what_happened(delivery, now),
            "next": delivery_story.what_next(delivery, now),
        }
    )
    for line in delivery_story.commands(delivery):
        console.print(f"  {text(line)}", highlight=False, soft_wrap=True)
    print_table(
        "Tries",
        ["no.", "what, started", "ms", "outcome"],
        (
            (
                str(attempt["attemptNo"]),
                _stacked(attempt["operation"], local_time(attempt["startedAt"])),
                text(attempt.get("latencyMs")),
                _outcome(attempt),
            )
            for attempt in delivery.get("attemptHistory", [])
        ),
        empty="It has not been tried yet.",
    )


def _act(
    delivery: int,
    act: str,
    body: dict[str, Any] | None,
    data: DataOption,
    stack: StackOption,
    *,
    as_json: bool,
) -> None:
    path = f"/api/admin/deliveries/{delivery}/{act}"
    found = StackTarget.find(data, stack).admin("POST", path, body=body)
    if as_json:
        print_json(found)
        return
    now = datetime.now(UTC)
    console.print(
        f"Delivery {delivery}: {text(delivery_story.what_happened(found, now))}\n"
        f"Next: {text(delivery_story.what_next(found, now))}\n"
        f"See: forecourt deliveries show {delivery}",
        highlight=False,
    )


def _confirm_resend(delivery: int, *, is_for_a_person: bool) -> None:
    warning = _DOUBLED.format(delivery)
    if not is_for_a_person:
        raise StackError(warning, cure="Nothing was sent. Repeat with --yes to do it.", exit_code=2)
    console.print(warning)
    if not typer.confirm("Have you looked there, and send it again?"):
        message = "Nothing was sent."
        raise StackError(message)
