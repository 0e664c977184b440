"""``forecourt dealership``: the dealerships this installation serves."""

from __future__ import annotations

from typing import Annotated

import typer

from local.commands.output import (
    DataOption,
    JsonOption,
    StackOption,
    console,
    print_fields,
    print_json,
    print_table,
    text,
)
from local.commands.target import StackTarget

app = typer.Typer(
    no_args_is_help=True, help="Add and list dealerships, and say which websites may post."
)


@app.command()
def add(
    name: Annotated[str, typer.Option(help="The dealership's name, as its staff write it.")],
    origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A website that may post leads, e.g. https://dealer.example; repeatable."
        ),
    ] = None,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a dealership and print the site key its website posts leads with.

    Example: forecourt dealership add --name "O'Brien's Autohaus Müller" --origin https://obrien.example
    """
    added = StackTarget.find(data, stack).admin(
        "POST", "/api/admin/dealerships", body={"name": name, "origins": origin or []}
    )
    if as_json:
        print_json({"id": added["id"], "siteKey": added["siteKey"]})
        return
    print_fields({"id": added["id"], "name": added["name"], "site key": added["siteKey"]})
    console.print(
        f"\nNext: forecourt credentials set {added['id']} …   "
        "(the website sends the site key in the header X-Site-Key)"
    )


@app.command("list")
def list_(data: DataOption = None, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """List the dealerships and whether EasyCars is set up for each."""
    found = StackTarget.find(data, stack).admin("GET", "/api/admin/dealerships")["dealerships"]
    if as_json:
        print_json({"dealerships": found})
        return
    print_table(
        "Dealerships",
        ["id", "name", "EasyCars"],
        (
            (
                str(dealership["id"]),
                text(dealership["name"]),
                "configured" if dealership.get("hasCredentials") else "no credentials",
            )
            for dealership in found
        ),
        empty="No dealership yet. Add one: forecourt dealership add --name NAME",
    )


@app.command()
def origins(
    dealership: Annotated[int, typer.Argument(metavar="ID", min=1, help="The dealership's id.")],
    *,
    allowed: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="URL",
            help="The websites whose pages may post leads, instead of those so far; repeatable.",
        ),
    ] = None,
    any_page: Annotated[bool, typer.Option("--any", help="Let pages of any website post.")] = False,
    data: DataOption = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set the websites whose pages may post a dealership's leads.

    Servers, which send no Origin header, may always post. A change is in force within a minute.
    """
    if any_page and allowed:
        message = "--set and --any exclude each other"
        raise typer.BadParameter(message)
    target = StackTarget.find(data, stack)
    path = f"/api/admin/dealerships/{dealership}/origins"
    if allowed or any_page:
        found = target.admin("PUT", path, body={"origins": allowed or []})
    else:
        found = target.admin("GET", path)
    if as_json:
        print_json(found)
        return
    for origin in found["origins"]:
        console.print(text(origin))
    if not found["origins"]:
        console.print(
            f"Pages of any website may post with a key of dealership {dealership}. "
            f"Narrow it: forecourt dealership origins {dealership} --set https://dealer.example"
        )
