"""``forecourt dynamics``: a dealership's connection to Dynamics 365, and its leads on their way."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local.commands import dynamics_pushes, dynamics_tenant
from local.commands.dynamics_tenant import ROUTE
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

_SECRET_VARIABLE = "DYNAMICS_CLIENT_SECRET"  # noqa: S105 - a name

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
        "PUT", ROUTE, query={"dealershipId": dealership}, body=given
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
    found = StackTarget.find(data, stack).admin("GET", ROUTE, query={"dealershipId": dealership})
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
    removed = target.admin("DELETE", ROUTE, query={"dealershipId": dealership})
    if as_json:
        print_json(removed)
    else:
        console.print(text(removed["message"]))


app.command("check")(dynamics_tenant.check)
app.command("setup")(dynamics_tenant.setup)
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
