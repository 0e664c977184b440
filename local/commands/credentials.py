"""``forecourt credentials``: the EasyCars credentials of a dealership."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from local.commands.output import (
    DataOption,
    DealershipArgument,
    JsonOption,
    StackOption,
    console,
    local_time,
    print_fields,
    print_json,
)
from local.commands.target import StackTarget
from local.failures import StackError

app = typer.Typer(no_args_is_help=True, help="Set, show and delete EasyCars credentials.")

_ROUTE = "/api/admin/easycars/credentials"


@app.command("set")
def set_(
    dealership: DealershipArgument,
    *,
    client_id: Annotated[str | None, typer.Option(envvar="EASYCARS_CLIENT_ID")] = None,
    client_secret: Annotated[str | None, typer.Option(envvar="EASYCARS_CLIENT_SECRET")] = None,
    account_number: Annotated[str | None, typer.Option(envvar="EASYCARS_ACCOUNT_NUMBER")] = None,
    account_secret: Annotated[str | None, typer.Option(envvar="EASYCARS_ACCOUNT_SECRET")] = None,
    environment: Annotated[
        Literal["Test", "Production"], typer.Option(help="Which EasyCars system they are for.")
    ] = "Test",
    yard_code: Annotated[
        str | None, typer.Option(help="Only this yard's stock; left out: every yard.")
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a dealership's credentials, encrypted; what was there before is replaced.

    Nothing is sent to the vendor. Secrets left out are asked for without being shown; they can
    also come from EASYCARS_CLIENT_ID, EASYCARS_CLIENT_SECRET, EASYCARS_ACCOUNT_NUMBER and
    EASYCARS_ACCOUNT_SECRET, which keeps them out of the shell's history.
    """
    body = {
        "clientId": client_id or _ask("--client-id", "Client ID", hidden=False),
        "clientSecret": client_secret or _ask("--client-secret", "Client secret", hidden=True),
        "accountNumber": account_number or _ask("--account-number", "Account number", hidden=False),
        "accountSecret": account_secret or _ask("--account-secret", "Account secret", hidden=True),
        "environment": environment,
        "yardCode": yard_code,
        "isActive": True,
    }
    target = StackTarget.find(data, stack)
    existing = _existing(target, dealership)
    query = {"dealershipId": dealership}
    if existing is None:
        saved = target.admin("POST", _ROUTE, query=query, body=body)
    else:
        saved = target.admin("PUT", f"{_ROUTE}/{existing}", query=query, body=body)
    if as_json:
        print_json(saved)
        return
    console.print(
        f"Credentials of dealership {dealership} are stored, encrypted ({environment}). "
        f"Try them: forecourt sync stock --dealership {dealership}"
    )


@app.command()
def show(
    dealership: DealershipArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is known about a dealership's credentials; never the credentials themselves."""
    found = StackTarget.find(data, stack).admin("GET", _ROUTE, query={"dealershipId": dealership})
    if as_json:
        print_json(found)
        return
    print_fields(
        {
            "environment": found["environment"],
            "active": "yes" if found["isActive"] else "no",
            "yard": found.get("yardCode") or "every yard",
            "configured": local_time(found.get("configuredAt")),
            "last synced": local_time(found.get("lastSyncedAt")),
        }
    )


@app.command()
def delete(
    dealership: DealershipArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a dealership's credentials: its stock runs stop and its leads are parked."""
    target = StackTarget.find(data, stack)
    existing = _existing(target, dealership)
    if existing is None:
        message = f"Dealership {dealership} has no credentials."
        raise StackError(message)
    if not yes and not (sys.stdin.isatty() and typer.confirm("This cannot be undone. Delete?")):
        message = "Nothing was deleted."
        raise StackError(message, cure="Repeat with --yes to delete.")
    target.admin("DELETE", f"{_ROUTE}/{existing}", query={"dealershipId": dealership})
    if as_json:
        print_json({"deleted": existing})
    else:
        console.print(f"The credentials of dealership {dealership} are deleted.")


def _existing(target: StackTarget, dealership: int) -> int | None:
    listed = target.admin("GET", "/api/admin/dealerships")["dealerships"]
    for found in listed:
        if found["id"] == dealership:
            break
    else:
        message = f"There is no dealership {dealership}."
        raise StackError(message, cure="See `forecourt dealership list`.")
    if not found.get("hasCredentials"):
        return None
    shown = target.admin("GET", _ROUTE, query={"dealershipId": dealership})
    return int(shown["id"])


def _ask(option: str, label: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        message = f"{option} is missing."
        raise StackError(message, cure="Give it, or set its environment variable.", exit_code=2)
    answer: str = typer.prompt(label, hide_input=hidden)
    return answer
