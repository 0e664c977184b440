"""``forecourt schedule``: when runs start."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    local_time,
    print_json,
    print_table,
    text,
)
from local.commands.sync import print_report, run_sync
from local.commands.target import StackTarget
from local.failures import StackError

app = typer.Typer(no_args_is_help=True, help="Show and change when runs start; start one now.")

_SETTINGS = "/api/admin/settings"
_CRON_FIELDS = {"nightly-stock": "syncCron", "hourly-leads": "leadSyncCron"}
_OWN = re.compile(r"stock-dealership-([1-9]\d{0,9})")
_PAGE = 100

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="nightly-stock, hourly-leads, or stock-dealership-ID for a dealership's own.",
    ),
]


@app.command("list")
def list_(
    dealership: Annotated[
        int | None, typer.Option(min=1, help="Only the schedules that sync this dealership.")
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List schedules with their next runs, and the night that daylight saving swallows."""
    found = _schedules(StackTarget.find(data, stack), dealership)
    if as_json:
        print_json({"schedules": found})
        return
    print_table(
        "Schedules",
        ["schedule", "cron", "time zone", "state", "next run there", "next run here"],
        (
            (
                text(one["name"]),
                text(one["cron"]),
                text(one["timezone"]),
                text(_state(one)),
                text(one["nextRuns"][0]["local"].replace("T", " ") if one["nextRuns"] else None),
                local_time(one["nextRuns"][0]["at"] if one["nextRuns"] else None),
            )
            for one in found
        ),
        empty="There is no schedule.",
    )
    for one in found:
        for remark in _remarks(one):
            console.print(f"{text(one['name'])}: {text(remark)}")


@app.command("set")
def set_(
    name: NameArgument,
    *,
    cron: Annotated[
        str | None, typer.Option(help="Five fields: minute hour day month weekday.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="IANA name; nightly-stock and hourly-leads share one."),
    ] = None,
    nightly: Annotated[
        bool, typer.Option("--nightly", help="Put a dealership back into the nightly run.")
    ] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change when a schedule fires, at once and for good; what is left out stays.

    `stock-dealership-ID --cron …` takes a dealership out of the nightly run.
    """
    dealership = _dealership_of(name)
    if nightly == (cron is not None or timezone is not None):
        message = "name what to change: --cron, --timezone or both, or else --nightly"
        raise typer.BadParameter(message)
    if nightly and dealership is None:
        message = "--nightly is for a dealership's own schedule, stock-dealership-ID"
        raise typer.BadParameter(message)
    given = {_CRON_FIELDS.get(name, "syncCron"): cron, "syncTimezone": timezone}
    body: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    target = StackTarget.find(data, stack)
    target.admin(
        "PUT",
        _SETTINGS,
        query={"dealershipId": dealership},
        body={"syncCron": None} if nightly else body,
    )
    changed = [one for one in _schedules(target, dealership) if nightly or one["name"] == name]
    if as_json:
        print_json({"schedules": changed})
        return
    for one in changed:
        runs = ", ".join(run["local"].replace("T", " ") for run in one["nextRuns"])
        console.print(f"{text(one['name'])} ({text(one['timezone'])}) next runs: {text(runs)}.")


@app.command()
def run(
    name: NameArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start now what a schedule starts, and wait for it.

    Exit code 1 when any dealership failed; the others are done all the same.
    """
    dealership = _dealership_of(name)
    named = [] if dealership is None else [dealership]
    sync_type = "lead" if name == "hourly-leads" else "stock"
    job = run_sync(StackTarget.find(data, stack), sync_type, named, schedule=name, quiet=as_json)
    print_report(job, sync_type, named, as_json=as_json)
    if job["failed"]:
        raise typer.Exit(1)


def _dealership_of(name: str) -> int | None:
    if name in _CRON_FIELDS:
        return None
    own = _OWN.fullmatch(name)
    if own is None:
        message = f"There is no schedule {name}."
        raise StackError(message, cure="See `forecourt schedule list`.")
    return int(own[1])


def _schedules(target: StackTarget, dealership: int | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:
        answer = target.admin(
            "GET",
            "/api/admin/easycars/schedules",
            query={"dealershipId": dealership, "page": page, "pageSize": _PAGE},
        )
        found += answer["schedules"]
        if page >= answer["pagination"]["totalPages"]:
            return found
        page += 1


def _state(schedule: dict[str, Any]) -> str:
    if schedule["fault"]:
        return "broken"
    return "on" if schedule["enabled"] else "off"


def _remarks(schedule: dict[str, Any]) -> list[str]:
    remarks = [schedule["fault"]] if schedule["fault"] else []
    swallowed = schedule["nextSwallowed"]
    if swallowed:
        day, _, hour = swallowed["local"].partition("T")
        remarks.append(
            f"{hour} on {day} does not exist in {schedule['timezone']}, as daylight saving begins;"
            " that run starts up to half an hour later."
        )
    return remarks
