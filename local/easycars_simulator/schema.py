"""Field tables, and what a JSON body has to be to match one.

A table is data: :mod:`local.easycars_simulator.request_tables` writes down the vendor's own tables
and this module reads a body against them. It reports every fault of a body, not only the first,
and names fields, never their values, so that its sentences can be kept and shown.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

INT32 = range(-(2**31), 2**31)
DECIMAL_DIGITS = 28
"""Significant digits a .NET ``decimal`` always holds."""
INTEGER_DIGITS = 24
"""Digits before the point that leave room for the four decimals the vendor keeps."""


class Kind(Enum):
    """What a JSON value has to be."""

    TEXT = "a string"
    INTEGER = "an integer"
    DECIMAL = "a number"
    FLAG = "true or false"
    DATE = 'a date "dd/MM/yyyy"'
    MONTH = 'a month "MM/yy"'
    OBJECT = "an object"
    LIST = "an array of objects"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a vendor table.

    Parameters
    ----------
    limit
        Longest text in UTF-16 code units, which is what .NET and SQL Server count: a letter
        outside the basic plane, an emoji for example, counts two.
    choices
        The numbers an enumeration has; any other is refused.
    table
        What an object, or each object of an array, has to match.
    """

    name: str
    kind: Kind
    required: bool = False
    limit: int | None = None
    choices: frozenset[int] | None = None
    table: "Table | None" = None


@dataclass(frozen=True, slots=True)
class Table:
    """The fields a JSON object may have; anything else is refused.

    Parameters
    ----------
    any_of
        At least one of these groups has to be given in full.
    nulls_refused
        Whether an optional field has to be left out rather than sent as null (UpdateLead, where a
        key that is present means "change it"). Nested objects inherit it.
    """

    name: str
    fields: tuple[Field, ...]
    any_of: tuple[tuple[str, ...], ...] = ()
    nulls_refused: bool = False


def read_object(raw: bytes) -> dict[str, Any]:
    """Decode a request body.

    Returns
    -------
    dict
        The object; numbers with a point are :class:`~decimal.Decimal`.

    Raises
    ------
    ValueError
        Not UTF-8, not JSON, a key written twice, NaN or Infinity, or not an object.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_doubles,
        )
    except RecursionError as error:
        message = "nested too deep"
        raise ValueError(message) from error
    if not isinstance(value, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004 - one error class for everything unreadable
    return value


def faults_of(body: Mapping[str, Any], table: Table) -> tuple[str, ...]:
    """Say everything that is wrong with a body, in the order of the table.

    Returns
    -------
    tuple of str
        Sentences that name the field, e.g. ``"LeadCustomer.Email must be at most 100 characters."``
        Empty when the body is right.
    """
    return tuple(_object_faults(body, table, prefix="", nulls_refused=table.nulls_refused))


def _object_faults(
    body: Mapping[str, Any], table: Table, *, prefix: str, nulls_refused: bool
) -> Iterator[str]:
    known = {field.name for field in table.fields}
    for field in table.fields:
        name = prefix + field.name
        value = body.get(field.name)
        if value is None:
            if field.required:
                yield f"{name} is required."
            elif nulls_refused and field.name in body:
                yield f"{name} must be left out rather than null."
        else:
            yield from _value_faults(value, field, name, nulls_refused=nulls_refused)
    for number, name in enumerate(sorted(body.keys() - known), start=1):
        yield f"{prefix}{_shown_name(name, number)} is not a field of {table.name}."
    if table.any_of and not any(_all_given(body, group) for group in table.any_of):
        where = prefix.rstrip(".") or table.name
        groups = ", or ".join(" and ".join(group) for group in table.any_of)
        yield f"{where} needs {groups}."


def _value_faults(value: object, field: Field, name: str, *, nulls_refused: bool) -> Iterator[str]:
    if not _is_of_kind(value, field.kind):
        yield f"{name} must be {field.kind.value}."
    elif isinstance(value, dict) and field.table:
        yield from _object_faults(
            value, field.table, prefix=f"{name}.", nulls_refused=nulls_refused
        )
    elif isinstance(value, list) and field.table:
        for index, entry in enumerate(value):
            where = f"{name}[{index}]."
            yield from _object_faults(entry, field.table, prefix=where, nulls_refused=nulls_refused)
    elif isinstance(value, str):
        yield from _text_faults(value, field, name)
    elif field.choices is not None and value not in field.choices:
        allowed = ", ".join(str(choice) for choice in sorted(field.choices))
        yield f"{name} must be one of {allowed}."


def _text_faults(value: str, field: Field, name: str) -> Iterator[str]:
    if field.required and not value.strip():
        yield f"{name} is required."
    try:
        length = len(value.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        yield f"{name} holds half a character."
        return
    if field.limit is not None and length > field.limit:
        yield f"{name} must be at most {field.limit} characters."


def _is_of_kind(value: object, kind: Kind) -> bool:
    if isinstance(value, str):
        return kind in _TEXT_FORMS and _TEXT_FORMS[kind](value)
    return kind in _OTHER_FORMS and _OTHER_FORMS[kind](value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in INT32


def _is_decimal(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    number = Decimal(value)
    return len(number.as_tuple().digits) <= DECIMAL_DIGITS and number.adjusted() < INTEGER_DIGITS


def _is_date(value: str) -> bool:
    match = re.fullmatch(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", value)
    if not match:
        return False
    day, month, year = (int(part) for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _all_given(body: Mapping[str, Any], group: tuple[str, ...]) -> bool:
    return all(isinstance(body.get(name), str) and body[name].strip() for name in group)


def _shown_name(name: str, number: int) -> str:
    """Name an unknown field; one that does not look like a name may be data, so only count it."""
    return name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name) else f"Unknown key {number}"


def _refuse_constant(text: str) -> None:
    message = f"{text} is not JSON"
    raise ValueError(message)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        message = "a key is written twice"
        raise ValueError(message)
    return result


_TEXT_FORMS: dict[Kind, Callable[[str], bool]] = {
    Kind.TEXT: lambda _: True,
    Kind.DATE: _is_date,
    Kind.MONTH: lambda value: bool(re.fullmatch(r"(0[1-9]|1[0-2])/[0-9]{2}", value)),
}
_OTHER_FORMS: dict[Kind, Callable[[object], bool]] = {
    Kind.INTEGER: _is_integer,
    Kind.DECIMAL: _is_decimal,
    Kind.FLAG: lambda value: isinstance(value, bool),
    Kind.OBJECT: lambda value: isinstance(value, dict),
    Kind.LIST: lambda value: (
        isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    ),
}
