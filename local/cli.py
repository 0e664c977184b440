"""The ``forecourt`` command: run the system on this machine, and operate any stack of it."""

from __future__ import annotations

import sys

import typer

from local.commands import (
    credentials,
    dealership,
    deliveries,
    dlq,
    dynamics,
    leads,
    schedule,
    site_key,
    sync,
)
from local.commands.demo import demo
from local.commands.output import errors, text
from local.commands.token import token
from local.commands.up import up
from local.failures import StackError

app = typer.Typer(
    name="forecourt",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Dealer websites' leads into EasyCars and Dynamics 365, EasyCars stock into PostgreSQL. "
    "Commands work on the stack running on this machine (--data) or on AWS (--stack).",
)
app.command()(up)
app.command()(demo)
app.command()(token)
app.add_typer(dealership.app, name="dealership")
app.add_typer(credentials.app, name="credentials")
app.add_typer(dynamics.app, name="dynamics")
app.add_typer(site_key.app, name="site-key")
app.add_typer(sync.app, name="sync")
app.add_typer(schedule.app, name="schedule")
app.add_typer(leads.app, name="leads")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(dlq.app, name="dlq")


def main() -> None:
    """Run the command line; a failure is one sentence on standard error and an exit code."""
    try:
        app()
    except StackError as error:
        errors.print(f"[red]forecourt:[/red] {text(error)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
