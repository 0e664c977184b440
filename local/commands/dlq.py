"""``forecourt dlq``: messages that could not be worked on, and putting them back.

What these commands ask goes through the admin API, so the audit log says who saw a visitor's
words and who put back what.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import batched
from typing import Annotated, Any

import typer

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    errors,
    local_time,
    print_fields,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget
from local.failures import StackError

app = typer.Typer(no_args_is_help=True, help="See and redrive dead letters.")

_ROUTE = "/api/admin/dead-letters"
_MOST = 1_000
_AT_ONCE = 100

ArchivedOption = Annotated[
    bool,
    typer.Option(
        "--archived", help="The copies in S3, kept 90 days; the queue forgets after 14 days."
    ),
]


@app.command("list")
def list_(
    archived: ArchivedOption = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="How many, newest first.")] = 100,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List dead letters with the reason each came here. The id on top is what to pick by."""
    found = _list(StackTarget.find(data, stack), archived=archived, limit=limit)
    if as_json:
        print_json(found)
        return
    letters = found["messages"]
    print_letters(letters, archived=archived)
    if found["hidden"]:
        console.print(
            f"{found['hidden']} more are being looked at or copied just now; ask again in two"
            " minutes."
        )
    elif not letters:
        console.print("Nothing to do.")
    if len(letters) == limit:
        console.print(f"There may be more: --limit, at most {_MOST:,}.")
    if letters:
        option = " --archived" if archived else ""
        console.print(
            f"Look at one: forecourt dlq show ID{option}"
            f"   Put back: forecourt dlq redrive ID{option}"
        )


@app.command()
def show(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The message's id.")],
    archived: ArchivedOption = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter with its body, which is the visitor's; the audit log notes who looks."""
    shown = StackTarget.find(data, stack).admin(
        "GET", f"{_ROUTE}/{message_id}", query=_query(archived=archived)
    )
    if as_json:
        print_json(shown)
    else:
        print_fields(shown)


@app.command()
def redrive(
    *,
    message_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Which messages; left out: all in the queue."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, only say what would be done.")
    ] = False,
    archived: ArchivedOption = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put dead letters back on their queues, after their cause is mended.

    Without --yes nothing is moved. A message that is still bad comes back here with its reason.
    Exits 1 if some were not moved; running it again goes on with those.
    """
    if archived and not message_ids:
        message = "Name the copies to put back."
        raise typer.BadParameter(message, param_hint="ID")
    target = StackTarget.find(data, stack)
    wanted = message_ids or [
        letter["messageId"] for letter in _list(target, archived=False, limit=_MOST)["messages"]
    ]
    chosen: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for chunk in batched(wanted, _AT_ONCE, strict=False):
        body = {"messageIds": chunk, "dryRun": not yes, "archived": archived}
        try:
            answer = target.admin("POST", f"{_ROUTE}/redrive", body=body)
        except StackError as error:
            if not (yes and chosen):
                raise
            message = f"{len(chosen)} were put back, then it stopped. {error}"
            raise StackError(message, cure="Run it again for the rest.") from None
        chosen.extend(answer["messages"])
        failed.extend(answer["failed"])
    if as_json:
        ids = [letter["messageId"] for letter in chosen]
        print_json({"dryRun": not yes, "messages": ids, "failed": failed})
    else:
        _print_redriven(chosen, done=yes, archived=archived)
        for failure in failed:
            errors.print(text(f"Not moved: {failure['messageId']}. {failure['detail']}"))
    if failed:
        raise typer.Exit(1)


def print_letters(letters: list[dict[str, Any]], *, archived: bool) -> None:
    """Print a list as the admin API gave it."""
    print_table(
        "Copies of dead letters" if archived else "Dead letters",
        ["dead letter", "sent" if archived else "in queue until", "dealer"],
        (
            (
                text(
                    f"{letter['messageId']}\n{letter['queue']}: {letter['reason']}\n"
                    f"{letter['detail']}"
                ),
                local_time(letter["sentAt" if archived else "inQueueUntil"]),
                text(letter["dealershipId"]),
            )
            for letter in letters
        ),
        empty="No copy of a dead letter." if archived else "No dead letter to be seen.",
    )


def _list(target: StackTarget, *, archived: bool, limit: int) -> dict[str, Any]:
    query = {**_query(archived=archived), "limit": limit}
    found: dict[str, Any] = target.admin("GET", _ROUTE, query=query)
    return found


def _query(*, archived: bool) -> dict[str, Any]:
    return {"archived": "true" if archived else None}


def _print_redriven(letters: list[dict[str, Any]], *, done: bool, archived: bool) -> None:
    if not letters:
        console.print("Nothing was put back." if done else "No dead letter. Nothing to do.")
        return
    if done:
        console.print(f"{len(letters)} put back. See: forecourt deliveries list")
        return
    console.print(f"Would put back {len(letters)}:")
    for letter in letters:
        lead = f", lead {letter['leadId']}" if letter["leadId"] else ""
        console.print(text(f"  {letter['messageId']}  {letter['reason']}{lead}"))
        if archived and datetime.fromisoformat(letter["inQueueUntil"]) > datetime.now(UTC):
            console.print("    It is still in the queue, and stays there: leave out --archived.")
    console.print("Nothing was moved. Repeat with --yes to do it.")
