"""``forecourt site-key``: the keys websites send leads with."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

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
    print_table,
    text,
)
from local.commands.target import StackTarget

app = typer.Typer(no_args_is_help=True, help="Make, list, change and revoke site keys.")

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEYID", help="The key's id, as `site-key list` shows it.")
]


@app.command()
def new(
    dealership: DealershipArgument,
    label: Annotated[
        str | None, typer.Option(help="Who uses it, for people, e.g. the website's name.")
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a site key and print it. It is shown this once; the ones there already go on working.

    It is signed with the newest version of the site-key secret.
    """
    body = {} if label is None else {"label": label}
    made = StackTarget.find(data, stack).admin("POST", _path(dealership), body=body)
    if as_json:
        print_json(made)
        return
    print_fields({"key id": made["keyId"], "site key": made["siteKey"]})
    console.print("\nThe website sends it in the header X-Site-Key. It is not shown again.")


@app.command("list")
def list_(
    dealership: DealershipArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a dealership's site keys: which work, and whose website is being refused."""
    found = StackTarget.find(data, stack).admin("GET", _path(dealership))
    if as_json:
        print_json(found)
        return
    print_table(
        f"Site keys of dealership {dealership}",
        ["id", "label", "state", "secret", "rate/s", "burst", "last lead", "refused 24 h"],
        (
            (
                text(key["keyId"]),
                text(key.get("label")),
                _state(key),
                str(key["secretVersion"]),
                str(key["ratePerSecond"]),
                str(key["burst"]),
                local_time(key["lastLeadAt"]),
                str(key["refusedLast24Hours"]["requests"]),
            )
            for key in found["siteKeys"]
        ),
        empty=f"No site key yet. Make one: forecourt site-key new {dealership}",
    )
    for key in found["siteKeys"]:
        if key["refusedLast24Hours"]["requests"]:
            console.print(_refused(key))


@app.command()
def change(
    dealership: DealershipArgument,
    key: KeyArgument,
    *,
    label: Annotated[str | None, typer.Option(help="Who uses it, for people.")] = None,
    rate: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Leads a second that one sandbox takes.")
    ] = None,
    burst: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Leads at once before the rate counts.")
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a key's label, rate or burst; what is left out stays. In force within a minute."""
    named = {"label": label, "ratePerSecond": rate, "burst": burst}
    body = {name: value for name, value in named.items() if value is not None}
    if not body:
        message = "name what to change: --label, --rate or --burst"
        raise typer.BadParameter(message)
    changed = StackTarget.find(data, stack).admin("PATCH", _path(dealership, key), body=body)
    if as_json:
        print_json(changed)
        return
    console.print(
        f"Key {text(key)} may post {changed['ratePerSecond']} leads a second and "
        f"{changed['burst']} at once, in each sandbox."
    )


@app.command()
def revoke(
    dealership: DealershipArgument,
    key: KeyArgument,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a key for good: within a minute its website is answered 401. May be repeated."""
    StackTarget.find(data, stack).admin("DELETE", _path(dealership, key))
    if as_json:
        print_json({"dealershipId": dealership, "keyId": key, "revoked": True})
        return
    console.print(f"Key {text(key)} is revoked; within a minute nobody can post with it.")


def _path(dealership: int, key: str | None = None) -> str:
    keys = f"/api/admin/dealerships/{dealership}/site-keys"
    return keys if key is None else f"{keys}/{quote(key, safe='')}"


def _refused(key: dict[str, Any]) -> str:
    """Say what a key's requests were refused for, most frequent first."""
    most = ", ".join(
        f"{refusal['requests']} {refusal['reason']}"
        + (f" ({refusal['field']})" if refusal["field"] else "")
        for refusal in key["refusedLast24Hours"]["most"]
    )
    fails = " This website only fails: mend its form." if key["onlyFails"] else ""
    last = local_time(key["refusedLast24Hours"]["lastAt"])
    return text(f"{key['keyId']} refused: {most}; last {last}.{fails}")


def _state(key: dict[str, Any]) -> str:
    if key["revokedAt"]:
        return f"revoked {local_time(key['revokedAt'])}"
    return "active" if key["isActive"] else "dead: its secret version was removed"
