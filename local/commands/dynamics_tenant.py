"""``forecourt dynamics check`` and ``setup``: what a tenant lacks, and who can create it."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer
from rich.table import Table

from local.commands.output import (
    DataOption,
    DealershipArgument,
    JsonOption,
    StackOption,
    console,
    print_json,
    text,
)
from local.commands.target import StackTarget
from local.failures import StackError

ROUTE = "/api/admin/dynamics/connection"
_POLL_SECONDS = 3.0
_COLOURS = {
    **dict.fromkeys(("pass", "done", "created"), "green"),
    **dict.fromkeys(("warn", "planned", "waiting"), "yellow"),
    **dict.fromkeys(("fail", "by_hand"), "red"),
    "skipped": "dim",
}


def check(
    dealership: DealershipArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a connection line by line and say what to do; exit code 1 if any line failed.

    Looked at are configuration, switches, token, WhoAmI, leads, privileges, columns, option sets
    and the alternate key. Nothing is changed, and no secret is printed.
    """
    report = StackTarget.find(data, stack).admin(
        "POST", f"{ROUTE}/check", query={"dealershipId": dealership}
    )
    if as_json:
        print_json(report)
    else:
        _print_lines(report["lines"], "result")
        done = "Leads can be pushed." if report["ok"] else "Leads cannot be pushed yet."
        console.print(done)
    if not report["ok"]:
        raise typer.Exit(1)


def setup(
    dealership: DealershipArgument,
    *,
    with_columns: Annotated[
        bool, typer.Option("--with-columns", help="Create our optional columns, too.")
    ] = False,
    wait: Annotated[
        int, typer.Option(min=0, max=86_400, help="Seconds to wait until the key is active.")
    ] = 900,
    yes: Annotated[bool, typer.Option("--yes", help="Create what is missing, unasked.")] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create what the tenant's lead table lacks: the column of our lead id and its alternate key.

    Asks before anything is created, waits until the key's index is active, and says what an
    administrator has to do by hand. Exit code 1 while leads cannot be pushed. May be repeated.
    """
    target = StackTarget.find(data, stack)
    report = _set_up(target, dealership, dry_run=True, with_columns=with_columns)
    planned = [step for step in report["steps"] if step["state"] == "planned"]
    if planned and not yes:
        if as_json or not sys.stdin.isatty():
            message = f"{len(planned)} things are missing: {_names(planned)}."
            raise StackError(message, cure="Repeat with --yes to create them.", exit_code=2)
        _print_lines(report["steps"], "state")
        if not typer.confirm("Create them in Dynamics?"):
            message = "Nothing was created."
            raise StackError(message)
    report = _wait_until_ready(
        target, dealership, report, with_columns=with_columns, wait=wait, quiet=as_json
    )
    if as_json:
        print_json(report)
    else:
        _print_lines(report["steps"], "state")
        _print_end(report, dealership)
    if not report["ready"]:
        raise typer.Exit(1)


def _wait_until_ready(
    target: StackTarget,
    dealership: int,
    report: dict[str, Any],
    *,
    with_columns: bool,
    wait: int,
    quiet: bool,
) -> dict[str, Any]:
    deadline = time.monotonic() + wait
    told = ""
    while report["goesOn"]:
        report = _set_up(target, dealership, dry_run=False, with_columns=with_columns)
        left = deadline - time.monotonic()
        for step in report["steps"]:
            if step["state"] == "created" and not quiet:
                console.print(f"  {text(step['detail'])}")
        if not report["goesOn"] or left <= 0:
            break
        waiting = [step for step in report["steps"] if step["state"] in {"waiting", "planned"}]
        line = "; ".join(step["detail"] for step in waiting)
        if not quiet and line != told:
            console.print(f"  {text(line)}")
            told = line
        time.sleep(min(_POLL_SECONDS, left))
    return report


def _set_up(
    target: StackTarget, dealership: int, *, dry_run: bool, with_columns: bool
) -> dict[str, Any]:
    report: dict[str, Any] = target.admin(
        "POST",
        f"{ROUTE}/setup",
        query={"dealershipId": dealership},
        body={"dryRun": dry_run, "withColumns": with_columns},
    )
    return report


def _print_end(report: dict[str, Any], dealership: int) -> None:
    if report["ready"]:
        console.print(f"Ready. Check the rest: forecourt dynamics check {dealership}")
    elif report["goesOn"]:
        console.print("Dynamics is still at it; run the setup again to go on waiting.")
    else:
        console.print("Some of it is for an administrator of the tenant; then run the setup again.")


def _print_lines(lines: list[dict[str, Any]], verdict: str) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for line in lines:
        word = text(line[verdict].replace("_", " "))
        said = text(line["detail"])
        if line["cure"]:
            said = f"{said}\n[bold]→[/] {text(line['cure'])}"
        table.add_row(f"[{_COLOURS[line[verdict]]}]{word}[/]", text(line["name"]), said)
    console.print(table)


def _names(steps: list[dict[str, Any]]) -> str:
    return ", ".join(step["name"] for step in steps)
