"""How commands print: tables for people, or JSON alone on standard output for programs."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

from pathlib import Path

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Data folder of a stack on this machine (default: .forecourt)."),
]
StackOption = Annotated[
    str | None, typer.Option("--stack", help="Name of a deployed CloudFormation stack instead.")
]
DealershipArgument = Annotated[
    int, typer.Argument(metavar="DEALERSHIP", min=1, help="The dealership's id.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]

_NEVER_BROKEN = (
    *("id", "lead", "dealer", "state", "age", "number", "tries", "code", "result", "schedule"),
    *("CRM, number", "state, code", "ms", "what, started"),
)

# JSON escapes those below U+0020 by itself; U+009B begins an escape sequence as ESC [ does.
_C1 = re.compile(r"[\x7f-\x9f]")
# Control characters but for tab and line feed, and those that turn the direction of writing.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

console = Console()
errors = Console(stderr=True)


def print_json(content: Any) -> None:  # noqa: ANN401 - JSON
    """Print one JSON document and a line feed; no character of it steers a terminal."""
    document = json.dumps(content, ensure_ascii=False)
    sys.stdout.write(_C1.sub(lambda found: f"\\u{ord(found[0]):04x}", document) + "\n")
    sys.stdout.flush()


def text(value: object) -> str:
    """Return a value as literal text for rich: what people typed is never markup.

    Nor does it steer the terminal: a visitor may type anything into a form.
    """
    if value is None or value == "":
        return "–"
    lines = str(value).replace("\r\n", "\n")
    return escape(_STEERING.sub("\N{REPLACEMENT CHARACTER}", lines))


def local_time(value: str | None) -> str:
    """Turn an RFC 3339 time into this machine's time with its zone; a dash when there is none."""
    if not value:
        return "–"
    return datetime.fromisoformat(value).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def epoch_time(milliseconds: str | int) -> str:
    """Turn SQS's milliseconds since 1970 into an RFC 3339 time in UTC."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat()


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str
) -> None:
    """Print a table, or the sentence ``empty`` when there is no row.

    Cells must have been through :func:`text`.
    """
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _NEVER_BROKEN)
    count = 0
    for row in rows:
        table.add_row(*row)
        count += 1
    if count:
        console.print(table)
    else:
        console.print(empty)


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, text(value))
    console.print(table)
