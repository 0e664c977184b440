"""``forecourt up``: run the whole system on this machine until it is told to stop."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Never

import typer

from local.commands.output import errors, print_json, text
from local.commands.target import DEFAULT_DATA
from local.sandbox_pool import MOST_SANDBOXES, SANDBOXES_AT_MOST
from local.stack_options import StackOptions

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_READY_KEYS = (
    "url",
    "dashboard_url",
    "database_url",
    "aws_endpoint_url",
    "easycars_url",
    "dynamics_url",
    "data",
)
_SHOWN_ADDRESSES = {
    "HTTP API": "url",
    "EasyCars": "easycars_url",
    "Dynamics 365": "dynamics_url",
    "PostgreSQL": "database_url",
    "AWS endpoint": "aws_endpoint_url",
    "Data and logs": "data",
}
_SHOWN_FIELDS = (
    "code",
    "target",
    "exception_name",
    "errorType",
    "lead_id",
    "dealership_id",
    "delivery_id",
)


def up(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the HTTP API; 0 picks a free one.")
    ] = 3000,
    database_url: Annotated[
        str | None, typer.Option(help="Use this PostgreSQL instead of the embedded one.")
    ] = None,
    easycars_url: Annotated[
        str | None, typer.Option(help="Use this EasyCars instead of the simulator.")
    ] = None,
    dynamics_url: Annotated[
        str | None, typer.Option(help="Use this Dynamics 365 instead of the simulator.")
    ] = None,
    data: Annotated[
        Path, typer.Option(help="Folder that keeps the database, the keys and the queues.")
    ] = DEFAULT_DATA,
    sandboxes: Annotated[
        int,
        typer.Option(min=1, max=MOST_SANDBOXES, help="Processes of one function at once, at most."),
    ] = SANDBOXES_AT_MOST,
    json_: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON when ready, and nothing else.")
    ] = False,
) -> None:
    """Run everything on this machine: HTTP API, functions, queues, state machine, PostgreSQL.

    Ctrl-C stops it and leaves nothing behind; what was accepted is kept in --data.

    Example: forecourt up --port 0 --data /tmp/second --json
    """
    options = StackOptions(
        data=data,
        port=port,
        database_url=database_url,
        easycars_url=easycars_url,
        dynamics_url=dynamics_url,
        sandboxes=sandboxes,
    )
    serve(options, as_json=json_)


def serve(options: StackOptions, *, as_json: bool) -> None:
    """Run a stack until a signal ends it.

    Parameters
    ----------
    options
        How the stack is to run.
    as_json
        Whether standard output gets one line of JSON instead of a table.
    """
    from local.stack import Stack  # noqa: PLC0415 - half the start of every other command

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    stopping = threading.Event()
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with errors.status("Starting") as spinner:

            def report(sentence: str) -> None:
                spinner.update(text(sentence))

            stack = Stack(options, report=report, warn=_print_warning).__enter__()
        try:
            _announce(stack.state(), as_json=as_json)
            for sentence in stack.check_handlers():
                errors.print(f"[yellow]warning:[/yellow] {text(sentence)}", soft_wrap=True)
            stopping.wait()
        finally:
            # A second Ctrl-C must not leave half of the stack running.
            for number in _STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            if not as_json:
                errors.print("Stopping …")
            stack.__exit__(None, None, None)
    except KeyboardInterrupt:
        return


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


def _announce(state: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"ready": True, **{key: state[key] for key in _READY_KEYS}})
        return
    errors.print("[green]Forecourt is up.[/green] Ctrl-C stops it.")
    for name, key in _SHOWN_ADDRESSES.items():
        # A terminal wraps a long address itself, so that it can still be copied whole.
        errors.print(f"  {name:<14}{text(state[key])}", highlight=False, soft_wrap=True)
    errors.print('Next: forecourt dealership add --name "My cars"', highlight=False)


def _print_warning(function: str, record: dict[str, Any]) -> None:
    level = str(record.get("level", "WARNING")).upper()
    colour = "yellow" if level.startswith("WARN") else "red"
    fields = " ".join(f"{key}={record[key]}" for key in _SHOWN_FIELDS if record.get(key))
    message = text(record.get("message", ""))
    line = f"[{colour}]{text(level)}[/{colour}] {text(function)}: {message}"
    if fields:
        line += f" [dim]{text(fields)}[/dim]"
    errors.print(line, highlight=False, soft_wrap=True)
