"""``forecourt dynamics``: a dealership's connection to Dynamics 365, and its leads on their way."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from local.commands import dynamics_pushes
from local.commands.output import (
    DataOption,
    DealershipArgument,
    JsonOption,
    StackOption,
    console,
    local_time,
    print_fields,
    print_json,
    text,
)
from local.commands.target import StackTarget
from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(
    no_args_is_help=True, help="Connect dealerships to Dynamics 365, check that, push leads."
)

_ROUTE = "/api/admin/dynamics/connection"
_SECRET_VARIABLE = "DYNAMICS_CLIENT_SECRET"  # noqa: S105 - a name
_POLL_SECONDS = 3.0
_COLOURS = {
    **dict.fromkeys(("pass", "done", "created"), "green"),
    **dict.fromkeys(("warn", "planned", "waiting"), "yellow"),
    **dict.fromkeys(("fail", "by_hand"), "red"),
    "skipped": "dim",
}

CertificateOption = Annotated[
    Path | None,
    typer.Option(help="PEM file with certificate and private key, instead of a secret."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="JSON file with optionSets, columns and duplicateDetection."),
]


@app.command()
def connect(
    dealership: DealershipArgument,
    *,
    url: Annotated[
        str | None, typer.Option(help="The environment, as https://org.crm6.dynamics.com.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Entra tenant: its id or domain.")] = None,
    client_id: Annotated[str | None, typer.Option(help="The app registration's client id.")] = None,
    client_secret: Annotated[
        str | None, typer.Option(help=f"Its client secret [env var: {_SECRET_VARIABLE}].")
    ] = None,
    certificate: CertificateOption = None,
    config: ConfigOption = None,
    key_column: Annotated[
        str | None, typer.Option(help="Column of our lead id [default: hnt_forecourtid].")
    ] = None,
    api_version: Annotated[
        str | None, typer.Option(help="Web API version [default: v9.2].")
    ] = None,
    app_id: Annotated[
        str | None, typer.Option(help="Model-driven app that links to leads open.")
    ] = None,
    enabled: Annotated[
        bool | None,
        typer.Option("--enabled/--disabled", help="Whether leads are pushed [default: enabled]."),
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a dealership's connection, its secret encrypted; what is left out stays as it is.

    Nobody is called. A first connection needs --url, --tenant, --client-id and a secret; one left
    out is asked for without being shown, or comes from DYNAMICS_CLIENT_SECRET. That variable counts
    with --client-id, and where nothing else is named.
    """
    body: dict[str, Any] = {
        "environmentUrl": url,
        "tenantId": tenant,
        "clientId": client_id,
        "certificate": None if certificate is None else _read(certificate),
        "config": None if config is None else _read_json(config),
        "keyColumn": key_column,
        "apiVersion": api_version,
        "appId": app_id,
        "enabled": enabled,
    }
    given = {name: value for name, value in body.items() if value not in (None, "")}
    secret = client_secret or _secret_left_out(given)
    if secret:
        given["clientSecret"] = secret
    saved = StackTarget.find(data, stack).admin(
        "PUT", _ROUTE, query={"dealershipId": dealership}, body=given
    )
    if as_json:
        print_json(saved)
        return
    is_new = {"clientSecret", "certificate"} & given.keys()
    stored = "its new secret is stored encrypted" if is_new else "its secret stays as it is"
    further = (
        f"Prepare its lead table: forecourt dynamics setup {dealership}"
        if saved["enabled"]
        else "It is switched off and leads wait. Switch it on: "
        f"forecourt dynamics connect {dealership} --enabled"
    )
    environment = text(saved["environmentUrl"])
    console.print(f"Dealership {dealership} is connected to {environment}; {stored}. {further}")


@app.command()
def show(
    dealership: DealershipArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is known about a dealership's connection; never its secret."""
    found = StackTarget.find(data, stack).admin("GET", _ROUTE, query={"dealershipId": dealership})
    if as_json:
        print_json(found)
        return
    secret, config = found["secret"], found["config"]
    kind = "certificate" if secret["kind"] == "certificate" else "client secret"
    check = found["lastCheck"]
    verdict = "never" if check is None else "passed" if check["ok"] else "failed"
    print_fields(
        {
            "environment": found["environmentUrl"],
            "tenant": found["tenantId"],
            "client": found["clientId"],
            kind: f"set, changed {local_time(secret['changedAt'])}",
            "enabled": "yes" if found["enabled"] else "no: leads wait",
            "on hold": found["holdReason"],
            "tried again": local_time(found["holdUntil"]),
            "API version": found["apiVersion"],
            "key column": found["keyColumn"],
            "app": found["appId"],
            "option sets": ", ".join(sorted(config["optionSets"])),
            "columns": ", ".join(
                name if wanted else f"not {name}"
                for name, wanted in sorted(config["columns"].items())
            ),
            "duplicate rules": "apply" if config["duplicateDetection"] else "do not apply",
            "lead table read": local_time(found["metadataReadAt"]),
            "checked": f"{verdict} {local_time(found['lastCheckedAt'])}",
        }
    )


@app.command()
def disconnect(
    dealership: DealershipArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a dealership's connection: its waiting leads are parked, what is there stays."""
    target = StackTarget.find(data, stack)
    if not yes and not (sys.stdin.isatty() and typer.confirm("This cannot be undone. Remove it?")):
        message = "Nothing was removed."
        raise StackError(message, cure="Repeat with --yes to remove it.")
    removed = target.admin("DELETE", _ROUTE, query={"dealershipId": dealership})
    if as_json:
        print_json(removed)
    else:
        console.print(text(removed["message"]))


@app.command()
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
        "POST", f"{_ROUTE}/check", query={"dealershipId": dealership}
    )
    if as_json:
        print_json(report)
    else:
        _print_lines(report["lines"], "result")
        done = "Leads can be pushed." if report["ok"] else "Leads cannot be pushed yet."
        console.print(done)
    if not report["ok"]:
        raise typer.Exit(1)


@app.command()
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


app.command("push")(dynamics_pushes.push)
app.command("retry")(dynamics_pushes.retry)
app.command("status")(dynamics_pushes.status)


def _secret_left_out(given: Mapping[str, Any]) -> str | None:
    """Take the environment's secret where it can be meant, else ask a person for a first one.

    One still exported for another dealership must replace nothing in passing.
    """
    if "certificate" in given:
        return None
    found = os.environ.get(_SECRET_VARIABLE)
    if found and (not given or "clientId" in given):
        return found
    if not {"environmentUrl", "clientId"} <= given.keys() or not sys.stdin.isatty():
        return None
    asked: str = typer.prompt(
        "Client secret (empty keeps the stored one)",
        default="",
        hide_input=True,
        show_default=False,
    )
    return asked


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
        f"{_ROUTE}/setup",
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


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}."
        raise StackError(message, cure="Name a readable text file.", exit_code=2) from None


def _read_json(path: Path) -> Any:  # noqa: ANN401 - JSON, which the admin API judges
    try:
        return json.loads(_read(path))
    except ValueError as error:
        message = f"{path} is no JSON: {error}."
        cure = 'Write it like {"optionSets": {"hnt_source": {"Manual": 816940001}}, "columns": {}}.'
        raise StackError(message, cure=cure, exit_code=2) from None
