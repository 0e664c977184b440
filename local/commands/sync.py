"""``forecourt sync``: start a run now and wait for it."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    errors,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget
from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(no_args_is_help=True, help="Run a sync now instead of waiting for its schedule.")

_POLL_SECONDS = 0.4
_RECORDS = {"stock": "vehicles", "lead": "leads"}
_EASYCARS = "/api/admin/easycars"
_ROUTES = {
    "stock": f"{_EASYCARS}/sync/stock",
    "lead": f"{_EASYCARS}/sync/leads",
}
_NAMED = 20


FailedOfOption = Annotated[
    uuid.UUID | None,
    typer.Option("--failed-of", metavar="JOB", help="Only those that failed in that job."),
]
DealershipOption = Annotated[
    list[int] | None,
    typer.Option(min=1, help="Only this dealership; repeatable. Left out: every eligible one."),
]


@app.command()
def stock(
    *,
    dealership: DealershipOption = None,
    accept_removals: Annotated[
        bool,
        typer.Option(
            "--accept-removals",
            help="Remove the vehicles that the dealership's last run only proposed to remove.",
        ),
    ] = False,
    log: Annotated[
        int | None,
        typer.Option(
            "--log", min=1, help="With --accept-removals: only if that log row is still the newest."
        ),
    ] = None,
    failed_of: FailedOfOption = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring dealerships' vehicles in line with their EasyCars feeds.

    Exit code 1 when any dealership failed; the others are done all the same.
    """
    target = StackTarget.find(data, stack)
    named = dealership or []
    if log is not None and not accept_removals:
        message = "--log says whose removals are accepted."
        raise StackError(message, cure="Add --accept-removals, or leave --log out.")
    if failed_of is not None:
        _run_failed(target, "stock", failed_of, alone=not (named or accept_removals), quiet=as_json)
    elif accept_removals:
        if len(named) != 1:
            message = "Removals are accepted for one dealership at a time."
            raise StackError(message, cure="Name it: --dealership ID --accept-removals.")
        _accept_removals(target, named[0], log, as_json=as_json)
    else:
        _run(target, "stock", named, as_json=as_json)


@app.command()
def leads(
    *,
    dealership: DealershipOption = None,
    failed_of: FailedOfOption = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask EasyCars how dealerships' open leads stand.

    Exit code 1 when any dealership failed; the others are done all the same.
    """
    target = StackTarget.find(data, stack)
    named = dealership or []
    if failed_of is not None:
        _run_failed(target, "lead", failed_of, alone=not named, quiet=as_json)
    else:
        _run(target, "lead", named, as_json=as_json)


def _run(target: StackTarget, sync_type: str, dealerships: list[int], *, as_json: bool) -> None:
    job = run_sync(target, sync_type, dealerships, quiet=as_json)
    _report(job, sync_type, dealerships, as_json=as_json)


def _accept_removals(
    target: StackTarget, dealership: int, log: int | None, *, as_json: bool
) -> None:
    """Say what goes, and let exactly that go."""
    if log is None:
        status = target.admin("GET", f"{_EASYCARS}/sync/status", query={"dealershipId": dealership})
        log = status["proposedRemovals"]["logId"]
    body: dict[str, Any] = {"acceptRemovals": True}
    if log is not None:
        body["logId"] = log
        shown = target.admin("GET", f"{_EASYCARS}/sync/logs/{log}")
        if not as_json:
            _print_proposed(log, shown["proposedRemovals"]["vehicles"])
    job = _run_through_admin_api(target, "stock", body, dealership=dealership, quiet=as_json)
    _report(job, "stock", [dealership], as_json=as_json)


def _print_proposed(log: int, vehicles: Sequence[dict[str, Any]]) -> None:
    errors.print(f"Log {log} proposes to remove {len(vehicles)} vehicles:")
    for vehicle in vehicles[:_NAMED]:
        title = vehicle["title"] or "no longer there"
        errors.print(text(f"  {vehicle['stockNumber']}  {title}"))
    if len(vehicles) > _NAMED:
        errors.print(f"  … and {len(vehicles) - _NAMED} more.")


def _run_failed(
    target: StackTarget, sync_type: str, failed_of: uuid.UUID, *, alone: bool, quiet: bool
) -> None:
    if not alone:
        message = "--failed-of says itself which dealerships are meant."
        raise StackError(message, cure="Leave --dealership and --accept-removals out.")
    body = {"failedOf": str(failed_of)}
    job = _run_through_admin_api(target, sync_type, body, quiet=quiet)
    _report(job, sync_type, (), as_json=quiet)


def _report(job: dict[str, Any], sync_type: str, asked: Sequence[int], *, as_json: bool) -> None:
    print_report(job, sync_type, asked, as_json=as_json)
    if job["failed"]:
        raise typer.Exit(1)


def print_report(
    job: dict[str, Any], sync_type: str, asked: Sequence[int], *, as_json: bool
) -> None:
    """Print how a run went, and which of the dealerships that were ``asked`` for are not there.

    A planned dealership that exists has a row in the report, whatever became of it.
    """
    known = {found["dealershipId"] for found in job["dealerships"]}
    all_known = job["planned"] <= len(known)
    missing = [] if all_known else [one for one in dict.fromkeys(asked) if one not in known]
    if as_json:
        print_json(_summary(job, missing))
    else:
        _print_job(job, _RECORDS[sync_type], missing)


def run_sync(
    target: StackTarget,
    sync_type: str,
    dealerships: list[int],
    *,
    schedule: str | None = None,
    quiet: bool,
) -> dict[str, Any]:
    """Start an execution of the state machine, wait for its end and return the job's report.

    Parameters
    ----------
    schedule
        The schedule whose dealerships are meant; without it, and without names, all are.

    Returns
    -------
    dict
        ``GET /api/admin/easycars/sync/jobs/{jobId}``.

    Raises
    ------
    StackError
        When the execution could not start, or ended before it could report.
    """
    job_id = str(uuid.uuid4())
    request: dict[str, Any] = {"syncType": sync_type, "trigger": "manual", "jobId": job_id}
    if dealerships:
        request["dealershipIds"] = dealerships
    if schedule is not None:
        request["scheduleName"] = schedule
    try:
        started = target.client("stepfunctions").start_execution(
            stateMachineArn=target.resource("SyncStateMachine"),
            name=job_id,
            input=json.dumps(request),
        )
    except (ClientError, BotoCoreError) as error:
        message = f"The run could not be started: {error}."
        raise StackError(message, cure="Look at the state machine's executions.") from None
    return _follow(target, started["executionArn"], job_id, quiet=quiet)


def _run_through_admin_api(
    target: StackTarget,
    sync_type: str,
    body: dict[str, Any],
    *,
    dealership: int | None = None,
    quiet: bool,
) -> dict[str, Any]:
    """Start a run that has to be judged and audited first, and wait for its end."""
    started = target.admin(
        "POST",
        _ROUTES[sync_type],
        query={"dealershipId": dealership},
        body=body,
    )
    if not quiet:
        errors.print(text(started["message"]))
    machine = target.resource("SyncStateMachine").replace(":stateMachine:", ":execution:")
    job_id = str(started["jobId"])
    return _follow(target, f"{machine}:{job_id}", job_id, quiet=quiet)


def _follow(target: StackTarget, execution: str, job_id: str, *, quiet: bool) -> dict[str, Any]:
    try:
        ended = _wait(target.client("stepfunctions"), execution, quiet=quiet)
    except (ClientError, BotoCoreError) as error:
        message = f"The run could not be followed: {error}."
        raise StackError(message, cure="Look at the state machine's executions.") from None
    try:
        job: dict[str, Any] = target.admin("GET", f"/api/admin/easycars/sync/jobs/{job_id}")
    except StackError:
        if ended["status"] == "SUCCEEDED":
            raise
        reason = ended.get("cause") or ended.get("error") or ended["status"]
        message = f"The run ended before any dealership was planned: {reason}."
        raise StackError(message, cure="Look at the log of sync_planner.") from None
    return job


def _wait(machine: Any, execution: str, *, quiet: bool) -> dict[str, Any]:  # noqa: ANN401 - boto3
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=quiet or not errors.is_terminal,
    ) as progress:
        bar = progress.add_task("planning", total=None)
        while True:
            time.sleep(_POLL_SECONDS)
            described: dict[str, Any] = machine.describe_execution(executionArn=execution)
            if described["status"] != "RUNNING":
                return described
            counts = _item_counts(machine, execution)
            if counts:
                done = counts["succeeded"] + counts["failed"] + counts["timedOut"]
                progress.update(
                    bar, description="dealerships", total=counts["total"], completed=done
                )


def _item_counts(machine: Any, execution: str) -> dict[str, int] | None:  # noqa: ANN401 - boto3
    """Say how far the map is; None before it has begun or where that cannot be told."""
    try:
        runs = machine.list_map_runs(executionArn=execution)["mapRuns"]
        if not runs:
            return None
        described = machine.describe_map_run(mapRunArn=runs[0]["mapRunArn"])
    except ClientError:
        return None
    counts: dict[str, int] = described["itemCounts"]
    return counts


def _summary(job: dict[str, Any], missing: Sequence[int]) -> dict[str, Any]:
    return {
        "jobId": job["jobId"],
        "planned": job["planned"],
        "succeeded": job["succeeded"],
        "failed": job["failed"],
        "failures": [
            {key: dealership.get(key) for key in ("dealershipId", "name", "error")}
            for dealership in job["dealerships"]
            if dealership["status"] == "Failed"
        ]
        + [
            {"dealershipId": number, "name": None, "error": f"There is no dealership {number}."}
            for number in missing
        ],
    }


def record_counts(dealership: dict[str, Any]) -> str:
    """Say what a run did to a dealership's records, e.g. "3 created, 412 unchanged"."""
    counts = ("created", "updated", "removed", "unchanged", "failed")
    said = ", ".join(f"{dealership[count]} {count}" for count in counts if dealership.get(count))
    nothing_new = said and not any(
        dealership.get(count) for count in counts if count != "unchanged"
    )
    return f"nothing new: {said}" if nothing_new else said


def _print_job(job: dict[str, Any], records: str, missing: Sequence[int]) -> None:
    if job["dealerships"] or not missing:
        print_table(
            f"Job {job['jobId']}",
            ["id", "dealership", "result", records, "reason"],
            (
                (
                    str(found["dealershipId"]),
                    text(found["name"]),
                    text(found["status"]),
                    text(record_counts(found)),
                    text(found.get("error")),
                )
                for found in job["dealerships"]
            ),
            empty="No dealership was due: each needs active credentials and its switches on "
            "(forecourt credentials set ID …).",
        )
    for number in missing:
        console.print(f"There is no dealership {number}. See `forecourt dealership list`.")
    console.print(
        f"{job['planned']} planned, {job['succeeded']} succeeded, {job['failed']} failed."
    )
