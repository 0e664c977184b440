"""Query options of a request, decoded and judged (reference, 1.5)."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from local.dataverse_simulator.columns import Column
from local.dataverse_simulator.errors import BAD_QUERY, DataverseError, bad_request
from local.dataverse_simulator.filter_grammar import Predicate, read_filter

MAX_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class LeadQuery:
    """What a read of leads asks for.

    Parameters
    ----------
    select
        Columns to show; None shows all.
    order
        Columns to sort by, each with whether it is descending.
    """

    select: tuple[Column, ...] | None
    predicate: Predicate | None = None
    order: tuple[tuple[Column, bool], ...] = ()
    top: int | None = None
    count: bool = False


def read_options(query: str, allowed: Collection[str]) -> dict[str, str]:
    """Split a query string into its options.

    Raises
    ------
    DataverseError
        400: an option that is unknown here or given twice, or text that is no option.
    """
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        if name not in allowed:
            message = f"The query parameter {name} is not supported."
            raise bad_request(BAD_QUERY, message)
        if name in options:
            message = f"Query option '{name}' was specified more than once."
            raise bad_request(BAD_QUERY, message)
        try:
            options[name] = unquote_plus(value, errors="strict")
        except UnicodeDecodeError as error:
            message = f"Query option '{name}' is not UTF-8."
            raise bad_request(BAD_QUERY, message) from error
    return options


def read_select(options: Mapping[str, str], columns: Mapping[str, Column]) -> LeadQuery:
    """Read ``$select``, which is all that a read or write of one lead takes."""
    return LeadQuery(_select(options, columns))


def read_lead_query(
    options: Mapping[str, str], columns: Mapping[str, Column], *, page_size: bool
) -> LeadQuery:
    """Read the options of a query for many leads.

    Parameters
    ----------
    page_size
        Whether the request asks for pages by header, which ``$top`` cannot go with.
    """
    text = options.get("$filter")
    top = options.get("$top")
    if top is not None and (page_size or not re.fullmatch(r"[0-9]{1,9}", top)):
        message = f"Invalid value '{top}' for $top query option found."
        raise bad_request(BAD_QUERY, message)
    count = options.get("$count", "false")
    if count not in ("true", "false"):
        message = f"Invalid value '{count}' for $count query option found."
        raise bad_request(BAD_QUERY, message)
    return LeadQuery(
        _select(options, columns),
        None if text is None else read_filter(text, columns),
        _order(options.get("$orderby"), columns),
        None if top is None else int(top),
        count == "true",
    )


def _select(options: Mapping[str, str], columns: Mapping[str, Column]) -> tuple[Column, ...] | None:
    if "$select" not in options:
        return None
    readable = _readable(columns)
    names = options["$select"].split(",")
    for name in names:
        if name not in readable:
            raise no_such_property(name, "lead")
    return tuple(readable[name] for name in names)


def _order(text: str | None, columns: Mapping[str, Column]) -> tuple[tuple[Column, bool], ...]:
    if text is None:
        return ()
    order = []
    readable = _readable(columns)
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\w+)(?:\s+(asc|desc))?\s*", part)
        if match is None:
            message = f"Syntax error in $orderby at '{part}'."
            raise bad_request(BAD_QUERY, message)
        if match[1] not in readable:
            raise no_such_property(match[1], "lead")
        order.append((readable[match[1]], match[2] == "desc"))
    return tuple(order)


def _readable(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Columns by what a query may call them; a lookup goes by its property or its name."""
    return {
        name: column
        for column in columns.values()
        if column.read
        for name in (column.property_name, column.name)
    }


def no_such_property(name: str, type_name: str) -> DataverseError:
    """Refuse a property the type does not have; names are case sensitive."""
    message = (
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{type_name}'."
    )
    return bad_request(BAD_QUERY, message)
